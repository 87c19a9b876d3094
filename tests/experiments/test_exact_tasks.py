"""The small tasks with tabular policies, against probabilities written out in NumPy."""

import itertools

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


# ----- the bandit's rows --------------------------------------------------------------------------------------------------


def bandit_batches(steps, **options):
    """A bandit's batches, each policy 0.3 further along a direction of its own than the one before."""
    task = tasks.bandit(table(6), prompts=3, answers=6, right_answers=2, samples_per_prompt=4, epochs=1, **options)
    params, context = jax.jit(task.init)(jax.random.key(0))
    tx, batches = tasks.refresh_sampler(1), []
    state, direction = tx.init(params), jax.random.normal(jax.random.key(1), (3, 6))
    for step in range(steps):
        batches.append(task.batch(params, context, step, None))
        updates = {"policy": jax.tree.map(lambda _: 0.3 * direction, params["policy"]), "samplers": params["samplers"]}
        updates, state = tx.update(updates, state, params)
        params = optax.apply_updates(params, updates)
    return batches, context


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


@pytest.mark.parametrize(("target", "most"), [(10.0, 12), (0.0, 6)])
def test_tempered_rows_are_right_and_half_as_many_above_the_target(target, most):
    (terms,), _ = bandit_batches(1, extra=tasks.tempered_rows(target))
    used = np.asarray(terms.regularising[12:])
    np.testing.assert_array_equal(terms.mask[12:, 0], used)
    assert np.asarray(terms.correct[12:])[used].all() and 1 <= used.sum() <= most


def test_bandit_paths_handicaps_and_corrupted_log_probs():
    plain, context = bandit_batches(1)
    spoilt, _ = bandit_batches(1, corrupted=1.0)
    np.testing.assert_allclose(spoilt[0].old_log_probs, plain[0].old_log_probs - 90.0, rtol=1e-6)
    _, hindered = bandit_batches(1, handicap=5.0)
    np.testing.assert_allclose(
        np.asarray(context["preferences"] - hindered["preferences"]), np.where(context["right"], 5.0, 0.0), atol=1e-5
    )
    task = tasks.bandit(table(6), prompts=3, answers=6, right_answers=1, paths=3)
    _, context = jax.jit(task.init)(jax.random.key(0))
    right = np.asarray(context["right"]).reshape(3, 2, 3)
    assert (right.all(-1).sum(-1) == 1).all() and (right.any(-1).sum(-1) == 1).all()


def test_bandit_measures_paths_and_rare_answers():
    start = jnp.array([[0.90, 0.02, 0.04, 0.04]])
    now = jnp.array([[0.50, 0.30, 0.19, 0.01]])
    measured = measure(now, jnp.array([[False, True, False, False]]), 2, start)
    np.testing.assert_allclose(measured["majority"], 0.8, rtol=1e-6)
    np.testing.assert_allclose(measured["rare_kept"], 0.20 / 0.08, rtol=1e-6)  # the second answer is right
    np.testing.assert_allclose(measured["kl"], np.sum(np.asarray(now) * np.log(np.asarray(now) / np.asarray(start))), rtol=1e-5)
    assert measured["answers_kept"] == 3.0


def test_bandit_spells_answers_in_tokens_of_which_the_first_decides():
    task = tasks.bandit(table(6), prompts=3, answers=6, right_answers=2, samples_per_prompt=32, longest=4)
    params, context = jax.jit(task.init)(jax.random.key(0))
    terms = jax.jit(task.forward)(params, jax.jit(task.batch)(params, context, 0, None), None)
    sizes, groups, first = np.asarray(context["sizes"]), np.asarray(terms.group_ids), np.asarray(terms.tokens)[:, 0]
    assert sizes.min() >= 1 and sizes.max() <= 4
    np.testing.assert_array_equal(np.asarray(terms.mask).sum(1), sizes[groups, first])
    log_probs = log_softmax(context["reference"])  # of the policy, which has not moved
    np.testing.assert_allclose(terms.log_probs[:, 0], log_probs[groups, first], rtol=1e-5)
    assert not np.any(np.asarray(terms.log_probs)[:, 1:]) and terms.distribution is None
    expected = np.sum(np.exp(log_probs) * sizes, axis=1).mean() / 4
    np.testing.assert_allclose(task.evaluate(params, context, None)["mean_length"], expected, rtol=1e-5)


# ----- lengths and modes --------------------------------------------------------------------------------------------------


def test_lengths_are_rewarded_by_kind_and_measured_exactly():
    task = tasks.lengths(table(10), longest=10, limit=6, groups_per_kind=2, samples_per_prompt=4, budgets=(2, 8))
    params, context = jax.jit(task.init)(jax.random.key(0))
    terms = jax.jit(task.forward)(params, jax.jit(task.batch)(params, context, 0, jax.random.key(1)), None)
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
    found = jax.jit(task.evaluate)(params, context, None)
    np.testing.assert_allclose(found["easy_accuracy"], np.sum(probabilities[0] * rates[0] * (sizes <= 6)), rtol=1e-4)
    mean = np.sum(probabilities[2] * sizes)
    np.testing.assert_allclose(found["hard_length"], mean, rtol=1e-5)
    np.testing.assert_allclose(found["hard_spread"], np.sqrt(np.sum(probabilities[2] * (sizes - mean) ** 2)), rtol=1e-4)
    np.testing.assert_allclose(success(jnp.asarray(sizes, jnp.float32)), rates, rtol=1e-5)


def test_modes_have_the_probabilities_of_their_three_decisions():
    task = tasks.modes(table(2), thought=5, prompts=4, samples_per_prompt=64)
    params, context = jax.jit(task.init)(jax.random.key(0))
    terms = jax.jit(task.forward)(params, jax.jit(task.batch)(params, context, 0, jax.random.key(1)), None)
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
    found = jax.jit(task.evaluate)(params, context, None)
    accuracy = probabilities[:, 0] * 0.95 + (1 - probabilities[:, 0]) * short * np.array([1.0, 0.3])
    np.testing.assert_allclose(found["think_hard"], probabilities[1, 0], rtol=1e-5)
    np.testing.assert_allclose(found["short_success"], short[0], rtol=1e-5)
    np.testing.assert_allclose(found["accuracy"], accuracy.mean(), rtol=1e-5)


def test_a_cold_start_shows_right_answers_of_which_some_have_no_thought():
    task = tasks.modes(table(2), prompts=4, samples_per_prompt=500, cold_start=3, dropout=0.25)
    params, context = jax.jit(task.init)(jax.random.key(0))
    shown, sampled = (task.batch(params, context, step, jax.random.key(1)) for step in (2, 3))
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
    task = tasks.sequences(table(symbols + 1), critic=True, **options)
    params, context = jax.jit(task.init)(jax.random.key(0))
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
    measured = jax.jit(task.evaluate)(params, context, jax.random.key(2))
    np.testing.assert_allclose(measured["accuracy"], sum(found) / prompts, rtol=1e-5)
    np.testing.assert_allclose(measured["kl"], 0.0, atol=1e-6)
    terms = jax.jit(task.forward)(params, jax.jit(task.batch)(params, context, 0, None), None)
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
    seen = [int(node(position, jnp.asarray(prefix))) for position in range(3) for prefix in range(3**position)]
    assert seen == list(range(count)) and count == 13


def test_imperfect_rows_continue_prefixes_of_demonstrations():
    options = {"length": 8, "symbols": 2, "prompts": 3, "right_answers": 1, "samples_per_prompt": 4, "by_position": True}
    task = tasks.sequences(table(2), extra=tasks.imperfect_rows(mistakes=1.0, steps=10), graded=True, **options)
    params, context = jax.jit(task.init)(jax.random.key(0))
    terms = jax.jit(task.batch)(params, context, 0, None)
    shown, continued = np.asarray(terms.demonstrations), np.asarray(terms.regularising)
    assert shown.sum() == continued.sum() == 3 and not (shown & continued).any()
    right = np.asarray(context["right"])[:, 0]
    assert ((np.asarray(terms.tokens)[shown] != right).sum(1) == 1).all()
    guided = np.asarray(terms.guided_tokens)[continued]
    np.testing.assert_array_equal(guided.sum(1), 7)  # floor(0.95 * 8) at the first step, where the share is certain
    np.testing.assert_array_equal(np.asarray(terms.tokens)[continued][guided], np.asarray(terms.tokens)[shown][guided])
    np.testing.assert_allclose(terms.rewards[12:15], 7 / 8)


def test_branches_share_what_comes_before_their_cut_and_learn_what_comes_after():
    task = tasks.sequences(
        table(3), prompts=2, length=5, symbols=3, samples_per_prompt=4, extra=tasks.branched_rows(3, top_k=2)
    )
    params, context = jax.jit(task.init)(jax.random.key(0))
    terms = jax.jit(task.forward)(params, jax.jit(task.batch)(params, context, 0, None), None)
    tokens, mask, groups = np.asarray(terms.tokens), np.asarray(terms.mask), np.asarray(terms.group_ids)
    assert tokens.shape == (32, 5) and mask[:8].all()
    entropies = np.asarray(terms.distribution.entropies())
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
    task = tasks.two_ways(table(2), samples=16)
    params, context = jax.jit(task.init)(jax.random.key(0))
    terms = jax.jit(task.forward)(params, jax.jit(task.batch)(params, context, 0, jax.random.key(1)), None)
    direct = np.asarray(terms.inputs) == 1
    np.testing.assert_allclose(np.asarray(terms.token_rewards).sum(1), np.where(direct, 1.3, 2.2), rtol=1e-6)
    np.testing.assert_array_equal(np.asarray(terms.mask).sum(1), np.where(direct, 3, 9))
    expected = log_softmax(jax.tree.leaves(params)[0][0])
    np.testing.assert_allclose(terms.log_probs[:, 0], expected[direct.astype(int)], rtol=1e-5)
    np.testing.assert_allclose(task.evaluate(params, context, None)["direct"], np.exp(expected[1]), rtol=1e-5)


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
