"""The small tasks with tabular policies, against probabilities written out in NumPy."""

import functools
import itertools
import operator

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from algax.experiments import tasks
from algax.experiments.tasks.bandit import measure
from algax.experiments.tasks.lengths import success
from algax.experiments.tasks.sequences import nodes

from .toy import table


def log_softmax(logits):
    """In float64."""
    logits = np.asarray(logits, np.float64)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def played(build, *args, step=0, metrics=True, **options):
    """Parameters, context, a batch with its log-probs, and the metrics, of a task that one program also builds."""

    def run(key):
        task = build(*args, **options)
        params, context = task.init(key)
        terms = task.forward(params, task.batch(params, context, step, jax.random.key(1)), None)
        return params, context, terms, task.evaluate(params, context, jax.random.key(2)) if metrics else None

    return jax.device_get(jax.jit(run)(jax.random.key(0)))


# ----- the bandit's rows --------------------------------------------------------------------------------------------------


BANDIT = {"prompts": 3, "answers": 6, "right_answers": 2}


def bandit_batches(steps, **options):
    """A bandit's batches, each policy 0.3 further along a direction of its own than the one before."""

    def run(key):
        task = tasks.bandit(table(6), samples_per_prompt=4, epochs=1, **BANDIT, **options)
        params, context = task.init(key)
        tx, direction = tasks.refresh_sampler(1), jax.random.normal(jax.random.key(1), (3, 6))

        def move(carry, step):
            params, state = carry
            terms = task.batch(params, context, step, None)
            updates = {"policy": jax.tree.map(lambda _: 0.3 * direction, params["policy"]), "samplers": params["samplers"]}
            updates, state = tx.update(updates, state, params)
            return (optax.apply_updates(params, updates), state), terms

        return jax.lax.scan(move, (params, tx.init(params)), jnp.arange(steps))[1], context

    batches, context = jax.device_get(jax.jit(run)(jax.random.key(0)))
    return [jax.tree.map(operator.itemgetter(step), batches) for step in range(steps)], context


def test_demonstrations_are_right_and_in_their_prompts_group():
    (terms,), context = bandit_batches(1, extra=tasks.demonstration_rows(5))
    flagged = np.asarray(terms.demonstrations)
    assert flagged.sum() == 15 and not flagged[:12].any()
    np.testing.assert_array_equal(terms.group_ids[12:], np.repeat(np.arange(3), 5))
    assert np.asarray(context["right"])[np.asarray(terms.group_ids[12:]), np.asarray(terms.tokens[12:, 0])].all()
    assert np.asarray(terms.correct[12:]).all()


def test_rehearsal_stays_what_the_initial_policy_sampled():
    batches, context = bandit_batches(3, extra=tasks.rehearsal_rows(7))
    for terms in batches:
        np.testing.assert_array_equal(terms.rehearsal, np.arange(33) >= 12)
        np.testing.assert_array_equal(terms.tokens[12:], batches[0].tokens[12:])
        chosen = np.repeat(np.arange(3), 7)
        expected = log_softmax(context["reference"])[chosen, np.asarray(terms.tokens[12:, 0])]
        np.testing.assert_allclose(terms.ref_log_probs[12:, 0], expected, rtol=1e-5)
    assert not set(np.asarray(terms.group_ids[:12])) & set(np.asarray(terms.group_ids[12:]))


def test_replayed_groups_are_those_of_earlier_batches_under_their_own_sampler():
    batches, _ = bandit_batches(6, memory=2, extra=tasks.replayed_rows())
    ages = set()
    for step in range(2, 6):
        for prompt in range(3):
            rows = slice(12 + 4 * prompt, 16 + 4 * prompt)
            source = slice(4 * prompt, 4 + 4 * prompt)
            same = [
                age
                for age in (1, 2)
                if np.array_equal(batches[step].tokens[rows], batches[step - age].tokens[source])
                and np.allclose(batches[step].behaviour_log_probs[rows], batches[step - age].old_log_probs[source], rtol=1e-4)
            ]
            assert same, (step, prompt)
            ages.update(same)
        assert np.any(np.abs(batches[step].behaviour_log_probs[12:] - batches[step].old_log_probs[12:]) > 0.01)
    assert ages == {1, 2}
    with pytest.raises(ValueError, match="memory of at least 1; got 0"):
        bandit_batches(1, extra=tasks.replayed_rows())


@functools.cache
def tempered_batches():
    """The batches of one start, by target."""

    def run(key):
        build = functools.partial(tasks.bandit, table(6), samples_per_prompt=4, epochs=1, **BANDIT)
        params, context = build().init(key)
        extras = {target: tasks.tempered_rows(target) for target in (10.0, 0.0)}
        return {target: build(extra=extra).batch(params, context, 0, None) for target, extra in extras.items()}

    return jax.device_get(jax.jit(run)(jax.random.key(0)))


@pytest.mark.parametrize(("target", "most"), [(10.0, 12), (0.0, 6)])
def test_tempered_rows_are_right_and_half_as_many_above_the_target(target, most):
    terms = tempered_batches()[target]
    used = np.asarray(terms.regularising[12:])
    np.testing.assert_array_equal(terms.mask[12:, 0], used)
    assert np.asarray(terms.correct[12:])[used].all() and 1 <= used.sum() <= most


def test_bandit_paths_handicaps_and_corrupted_log_probs():
    def run(key):
        task, spoilt, hindered = (tasks.bandit(table(6), **BANDIT, **o) for o in ({}, {"corrupted": 1.0}, {"handicap": 5.0}))
        params, context = task.init(key)
        log_probs = [each.batch(params, context, 0, None).old_log_probs for each in (task, spoilt)]
        paths = tasks.bandit(table(6), **{**BANDIT, "right_answers": 1}, paths=3).init(key)[1]["right"]
        return log_probs, context, hindered.init(key)[1], paths

    (plain, spoilt), context, hindered, right = jax.device_get(jax.jit(run)(jax.random.key(0)))
    np.testing.assert_allclose(spoilt, plain - 90.0, rtol=1e-6)
    np.testing.assert_allclose(
        context["preferences"] - hindered["preferences"], np.where(context["right"], 5.0, 0.0), atol=1e-5
    )
    right = right.reshape(3, 2, 3)
    assert (right.all(-1).sum(-1) == 1).all() and (right.any(-1).sum(-1) == 1).all()


def test_bandit_measures_paths_and_rare_answers():
    start = np.float32([[0.90, 0.02, 0.04, 0.04]])
    now = np.float32([[0.50, 0.30, 0.19, 0.01]])
    right = np.array([[False, True, False, False]])
    measured = jax.jit(lambda now, start: measure(now, right, 2, start))(now, start)
    np.testing.assert_allclose(measured["majority"], 0.8, rtol=1e-6)
    np.testing.assert_allclose(measured["rare_kept"], 0.20 / 0.08, rtol=1e-6)  # the second answer is right
    np.testing.assert_allclose(measured["kl"], np.sum(now * np.log(now / start)), rtol=1e-5)
    assert measured["answers_kept"] == 3.0


def test_bandit_spells_answers_in_tokens_of_which_the_first_decides():
    _, context, terms, found = played(tasks.bandit, table(6), samples_per_prompt=32, longest=4, **BANDIT)
    sizes, groups, first = context["sizes"], terms.group_ids, terms.tokens[:, 0]
    assert sizes.min() >= 1 and sizes.max() <= 4
    np.testing.assert_array_equal(np.asarray(terms.mask).sum(1), sizes[groups, first])
    log_probs = log_softmax(context["reference"])  # of the policy, which has not moved
    np.testing.assert_allclose(terms.log_probs[:, 0], log_probs[groups, first], rtol=1e-5)
    assert not np.any(np.asarray(terms.log_probs)[:, 1:]) and terms.distribution is None
    expected = np.sum(np.exp(log_probs) * sizes, axis=1).mean() / 4
    np.testing.assert_allclose(found["mean_length"], expected, rtol=1e-5)


# ----- lengths and modes --------------------------------------------------------------------------------------------------


def test_lengths_are_rewarded_by_kind_and_measured_exactly():
    sizes_and_budgets = {"longest": 10, "limit": 6, "groups_per_kind": 2, "samples_per_prompt": 4, "budgets": (2, 8)}
    params, _, terms, found = played(tasks.lengths, table(10), **sizes_and_budgets)
    sizes = np.arange(1, 11)
    kernel = np.asarray(jax.tree.leaves(params)[0], np.float64)
    base = kernel - 0.5 * ((sizes - 31.0) / 6.0) ** 2
    budgets, drawn = np.asarray(terms.budgets), np.asarray(terms.mask).sum(1)
    np.testing.assert_array_equal(budgets, np.tile([2, 2, 8, 8], 6))
    expected = log_softmax(base[np.repeat(np.arange(6), 4) % 3] - np.abs(sizes - budgets[:, None]) / 8.0)
    np.testing.assert_allclose(terms.log_probs[:, 0], expected[np.arange(24), drawn - 1], rtol=1e-4)
    np.testing.assert_allclose(terms.old_log_probs, terms.log_probs, rtol=1e-5)
    assert not np.any(np.asarray(terms.log_probs)[:, 1:])
    probabilities = np.mean([np.exp(log_softmax(base - np.abs(sizes - b) / 8.0)) for b in (2, 8)], axis=0)
    rates = 1 / (1 + np.exp(-(sizes[None] - np.array([[4.0], [14.0], [26.0]])) / 3.0))
    np.testing.assert_allclose(found["easy_accuracy"], np.sum(probabilities[0] * rates[0] * (sizes <= 6)), rtol=1e-4)
    mean = np.sum(probabilities[2] * sizes)
    np.testing.assert_allclose(found["hard_length"], mean, rtol=1e-5)
    np.testing.assert_allclose(found["hard_spread"], np.sqrt(np.sum(probabilities[2] * (sizes - mean) ** 2)), rtol=1e-4)
    np.testing.assert_allclose(jax.jit(success)(sizes.astype(np.float32)), rates, rtol=1e-5)


def test_modes_have_the_probabilities_of_their_three_decisions():
    params, _, terms, found = played(tasks.modes, table(2), thought=5, prompts=4, samples_per_prompt=64)
    kernel = np.asarray(jax.tree.leaves(params)[0], np.float64).reshape(2, 3, 2)
    kernel[:, 1:, 1] -= 0.6
    log_probs = log_softmax(kernel)
    kinds, choices = np.asarray(terms.inputs["kinds"]), np.asarray(terms.inputs["choices"])
    expected = log_probs[kinds[:, None], np.arange(3), choices]
    thinks = choices[:, 0] == 1
    np.testing.assert_allclose(terms.log_probs[:, 0], expected[:, 0], rtol=1e-4)
    np.testing.assert_allclose(terms.log_probs[:, 1:3], np.where(thinks[:, None], 0.0, expected[:, 1:]), rtol=1e-4)
    np.testing.assert_array_equal(np.asarray(terms.mask).sum(1), np.where(thinks, 6, 3))
    np.testing.assert_array_equal(terms.thinking, thinks)
    assert not np.asarray(terms.correct)[~thinks & (choices[:, 1:] == 0).any(1)].any()
    probabilities = np.exp(log_probs)[..., 1]
    short = probabilities[:, 1] * probabilities[:, 2]
    accuracy = probabilities[:, 0] * 0.95 + (1 - probabilities[:, 0]) * short * np.array([1.0, 0.3])
    np.testing.assert_allclose(found["think_hard"], probabilities[1, 0], rtol=1e-5)
    np.testing.assert_allclose(found["short_success"], short[0], rtol=1e-5)
    np.testing.assert_allclose(found["accuracy"], accuracy.mean(), rtol=1e-5)


def test_a_cold_start_shows_right_answers_of_which_some_have_no_thought():
    def run(key):
        task = tasks.modes(table(2), prompts=4, samples_per_prompt=500, cold_start=3, dropout=0.25)
        params, context = task.init(key)
        return jax.lax.map(lambda step: task.batch(params, context, step, jax.random.key(1)), jnp.array([2, 3]))

    both = jax.device_get(jax.jit(run)(jax.random.key(0)))
    shown, sampled = (jax.tree.map(operator.itemgetter(i), both) for i in range(2))
    assert np.asarray(shown.demonstrations).all() and not np.asarray(sampled.demonstrations).any()
    assert np.asarray(shown.correct).all() and not np.asarray(sampled.correct).all()
    np.testing.assert_allclose(np.mean(np.asarray(shown.thinking)), 0.75, atol=0.04)
    short = ~np.asarray(shown.thinking)
    np.testing.assert_array_equal(np.asarray(shown.inputs["choices"])[short], [[0, 1, 1]] * short.sum())


# ----- sequences ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_position", [False, True])
def test_sequences_are_exact_on_a_tree_that_can_be_written_out(by_position):
    length, symbols, prompts = 3, 2, 2
    options = {"length": length, "symbols": symbols, "prompts": prompts, "right_answers": 3, "by_position": by_position}
    params, context, terms, measured = played(tasks.sequences, table(symbols + 1), critic=True, **options)
    count = length if by_position else 7
    kernel = np.asarray(jax.tree.leaves(params["policy"])[0], np.float64)
    logits = kernel[:, :symbols] + np.asarray(context["preferences"], np.float64)
    log_probs = log_softmax(logits).reshape(prompts, count, symbols)

    def node(prefix):
        return len(prefix) if by_position else [(), (0,), (1,), (0, 0), (0, 1), (1, 0), (1, 1)].index(tuple(prefix))

    def log_probability(prompt, leaf):
        return [log_probs[prompt, node(leaf[:t]), leaf[t]] for t in range(length)]

    leaves = list(itertools.product(range(symbols), repeat=length))
    np.testing.assert_allclose(sum(np.exp(sum(log_probability(0, leaf))) for leaf in leaves), 1.0, rtol=1e-6)
    right = np.asarray(context["right"])
    assert all(len({tuple(leaf) for leaf in right[prompt]}) == 3 for prompt in range(prompts))
    found = [np.exp(sum(log_probability(prompt, leaf))) for prompt in range(prompts) for leaf in right[prompt]]
    np.testing.assert_allclose(measured["accuracy"], sum(found) / prompts, rtol=1e-5)
    np.testing.assert_allclose(measured["kl"], 0.0, atol=1e-6)
    rows = [log_probability(int(g), tuple(t)) for g, t in zip(terms.group_ids, np.asarray(terms.tokens), strict=True)]
    np.testing.assert_allclose(terms.log_probs, rows, rtol=1e-4)
    np.testing.assert_allclose(terms.old_log_probs, rows, rtol=1e-4)
    values = kernel[:, symbols].reshape(prompts, count)
    at = [
        [values[int(g), node(tuple(t)[:i])] for i in range(length)]
        for g, t in zip(terms.group_ids, np.asarray(terms.tokens), strict=True)
    ]
    np.testing.assert_allclose(terms.values, at, rtol=1e-5)
    solved = [
        tuple(t) in {tuple(leaf) for leaf in right[int(g)]}
        for g, t in zip(terms.group_ids, np.asarray(terms.tokens), strict=True)
    ]
    np.testing.assert_array_equal(terms.correct, solved)


def test_nodes_of_a_tree_have_numbers_of_their_own():
    node, count = nodes(3, 3, False)
    seen = [int(node(position, np.asarray(prefix))) for position in range(3) for prefix in range(3**position)]
    assert seen == list(range(count)) and count == 13


def test_imperfect_rows_continue_prefixes_of_demonstrations():
    options = {"length": 8, "symbols": 2, "prompts": 3, "right_answers": 1, "samples_per_prompt": 4, "by_position": True}
    extra = tasks.imperfect_rows(mistakes=1.0, steps=10)
    _, context, terms, _ = played(tasks.sequences, table(2), extra=extra, graded=True, metrics=False, **options)
    shown, continued = np.asarray(terms.demonstrations), np.asarray(terms.regularising)
    assert shown.sum() == continued.sum() == 3 and not (shown & continued).any()
    right = np.asarray(context["right"])[:, 0]
    assert ((np.asarray(terms.tokens)[shown] != right).sum(1) == 1).all()
    guided = np.asarray(terms.guided_tokens)[continued]
    np.testing.assert_array_equal(guided.sum(1), 7)  # floor(0.95 * 8) at the first step, where the share is certain
    np.testing.assert_array_equal(np.asarray(terms.tokens)[continued][guided], np.asarray(terms.tokens)[shown][guided])
    np.testing.assert_allclose(terms.rewards[12:15], 7 / 8)


def test_branches_share_what_comes_before_their_cut_and_learn_what_comes_after():
    options = {"prompts": 2, "length": 5, "symbols": 3, "samples_per_prompt": 4}
    _, _, terms, _ = played(tasks.sequences, table(3), extra=tasks.branched_rows(3, top_k=2), metrics=False, **options)
    tokens, mask, groups = np.asarray(terms.tokens), np.asarray(terms.mask), np.asarray(terms.group_ids)
    assert tokens.shape == (32, 5) and mask[:8].all()
    log_probs = log_softmax(terms.distribution.logits)
    entropies = -np.sum(np.exp(log_probs) * log_probs, axis=-1)
    cuts = set()
    for row in range(24):
        parent, child = row // 3, 8 + row
        cut = 5 - mask[child].sum()
        cuts.add(int(cut))
        assert mask[child, cut:].all() and groups[child] == groups[parent]
        assert cut in 1 + np.argsort(-entropies[parent, 1:])[:2]  # one of the two most uncertain positions, never the first
        np.testing.assert_array_equal(tokens[child, :cut], tokens[parent, :cut])
    assert len(cuts) > 1
    np.testing.assert_allclose(terms.log_probs, terms.old_log_probs, rtol=1e-4)


# ----- two ways -----------------------------------------------------------------------------------------------------------


def test_two_ways_have_the_step_rewards_of_the_way_chosen():
    params, _, terms, found = played(tasks.two_ways, table(2), samples=16)
    direct = np.asarray(terms.inputs) == 1
    np.testing.assert_allclose(np.asarray(terms.token_rewards).sum(1), np.where(direct, 1.3, 2.2), rtol=1e-6)
    np.testing.assert_array_equal(np.asarray(terms.mask).sum(1), np.where(direct, 3, 9))
    expected = log_softmax(jax.tree.leaves(params)[0][0])
    np.testing.assert_allclose(terms.log_probs[:, 0], expected[direct.astype(int)], rtol=1e-5)
    np.testing.assert_allclose(found["direct"], np.exp(expected[1]), rtol=1e-5)


def test_the_spurious_step_is_usual_and_often_wrong():
    task = tasks.spurious_step(table(2), samples=20000)
    params, context = jax.jit(task.init)(jax.random.key(0))
    terms = jax.jit(task.batch)(params, context, 0, jax.random.key(1))
    spurious, correct = np.asarray(terms.inputs) == 1, np.asarray(terms.correct)
    np.testing.assert_allclose(
        [spurious.mean(), correct[spurious].mean(), correct[~spurious].mean()], [0.8, 0.5, 0.9], atol=0.02
    )
    np.testing.assert_allclose(terms.prompt_values, 0.58, rtol=1e-6)
    np.testing.assert_allclose(terms.step_values[:, 0], np.where(spurious, 0.5, 0.9), rtol=1e-6)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: tasks.bandit(table(6), answers=6, right_answers=1, paths=4), "paths must divide the 6 answers; got 4"),
        (lambda: tasks.bandit(table(48), corrupted=1.5), "corrupted must be in"),
        (lambda: tasks.bandit(table(48), longest=0), "longest must be at least 1, and 1 with extra rows; got 0"),
        (lambda: tasks.branched_rows(0), "branches must be at least 1; got 0"),
        (lambda: tasks.demonstration_rows(0), "per_prompt must be at least 1; got 0"),
        (lambda: tasks.imperfect_rows(mistakes=2.0), "mistakes must be in"),
        (lambda: tasks.lengths(table(40), limit=41), "limit must be from 0 to the longest answer's 40 tokens; got 41"),
        (lambda: tasks.modes(table(2), thought=1), "thought must be at least 2 tokens; got 1"),
        (lambda: tasks.sequences(table(4), right_answers=257), "right_answers must be from 1 to the 256 sequences; got 257"),
        (lambda: tasks.two_ways(table(2), samples=1), "samples must be at least 2; got 1"),
    ],
)
def test_small_tasks_refuse_what_they_cannot_play(build, message):
    with pytest.raises(ValueError, match=message):
        build()
