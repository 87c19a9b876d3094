"""The small tasks of the recipes - guidance, turns, formats, skills, tools, merges - against NumPy."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from algax import curriculum
from algax.experiments import tasks
from algax.experiments.tasks.coherent_prompts import prompts_and_scores
from algax.experiments.tasks.shared_skills import START

from .toy import table

KEY = jax.random.key(0)


def started(task, noise=0.0, also=lambda params, context, terms: None):
    """Parameters (moved at random by `noise`), context with its memory, a batch with its log-probs, and what `also` says.

    All of it is one program.
    """

    def run(key):
        params, context = task.init(key)
        params = jax.tree.map(lambda x: x + noise * jax.random.normal(key, x.shape, x.dtype), params)
        memory = task.memory(context)
        context = {**context, "memory": memory} if jax.tree.leaves(memory) else context
        terms = task.forward(params, task.batch(params, context, 0, jax.random.key(1)), None)
        return params, context, terms, also(params, context, terms)

    return jax.device_get(jax.jit(run)(KEY))


def measured(task, noise=0.0):
    """The same with the metrics."""
    return started(task, noise, lambda params, context, terms: task.evaluate(params, context, KEY))


def log_softmax(logits):
    """In float64."""
    logits = np.asarray(logits, np.float64)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def kernel(params):
    """The table."""
    return np.asarray(jax.tree.leaves(params)[0], np.float64)


@pytest.mark.parametrize("writer", ["policy", "expert"])
def test_explanations_are_right_and_written_by_whom_they_should(writer):
    task = tasks.explanations(table(16), writer, prompts=6, chains=16, chance=0.25, samples_per_prompt=4)
    _, context, terms, found = measured(task)
    log_probs = log_softmax(context["base"])
    np.testing.assert_allclose(np.exp(log_probs).sum(1), 1.0, rtol=1e-6)
    np.testing.assert_allclose(found["accuracy"], np.exp(log_probs)[:, :2].sum(1).mean(), rtol=1e-5)
    tokens, groups = np.asarray(terms.tokens)[:, 0], np.asarray(terms.group_ids)
    np.testing.assert_allclose(terms.log_probs[:, 0], log_probs[groups, tokens], rtol=1e-4)
    np.testing.assert_array_equal(terms.rewards, tokens < 2)
    np.testing.assert_array_equal(terms.demonstrations, np.arange(30) >= 24)
    assert (tokens[24:] == (0 if writer == "policy" else 1)).all()


def test_feedback_ends_a_share_of_the_attempts_and_is_always_right():
    task = tasks.second_look(table(2), share=0.25)
    params, _, terms, found = measured(task, noise=1.0)
    guided, tokens = np.asarray(terms.guided_tokens), np.asarray(terms.tokens)
    assert guided.any(axis=1).sum() == 32
    assert (tokens[guided.any(axis=1), 1:] == 1).all() and not guided[:, 0].any()
    np.testing.assert_array_equal(np.asarray(terms.mask).sum(1), np.where(tokens[:, 1] == 1, 3, 2))
    np.testing.assert_array_equal(terms.rewards, (tokens[:, 1] == 1) & (tokens[:, 2] == 1))
    logits = kernel(params)
    logits[1, 1] += np.log(0.001 / 0.999)
    expected = log_softmax(logits)
    np.testing.assert_allclose(terms.log_probs, expected[np.arange(3), tokens], rtol=1e-4)
    np.testing.assert_allclose(found["check"], np.exp(expected[1, 1]), rtol=1e-4)


def test_an_agent_is_rewarded_for_actions_and_keeps_corrected_thoughts():
    task = tasks.thought_agent(table(8), corrector=1.0, steps_per_batch=32)

    def corrected(params, context, terms):
        memory = task.remember(context, terms)
        again = task.batch(params, {**context, "memory": memory}, 1, KEY)
        return task.evaluate(params, context, KEY), memory, again

    params, _, terms, (found, memory, again) = started(task, noise=1.0, also=corrected)
    logits = kernel(params)
    logits[:8, 0] += 6.0
    thinks, acts = np.exp(log_softmax(logits[:8])), np.exp(log_softmax(logits[8:]))
    best = np.array([thinks[state] @ acts[:, state] for state in range(8)])
    np.testing.assert_allclose(found["return"], best.mean(), rtol=1e-4)
    np.testing.assert_allclose(found["distinct"], len(set(thinks.argmax(1))) / 8, rtol=1e-6)
    states, tokens = np.asarray(terms.inputs["states"])[:32], np.asarray(terms.tokens)[:32]
    expected = np.stack([np.log(thinks[states, tokens[:, 0]]), np.log(acts[tokens[:, 0], tokens[:, 1]])], axis=1)
    np.testing.assert_allclose(terms.log_probs[:32], expected, rtol=1e-4)
    np.testing.assert_allclose(terms.rewards[:32], (tokens[:, 1] == states) - best[states], atol=1e-5)
    assert not np.asarray(terms.mask)[32:].any()  # nothing was corrected before
    shown = np.asarray(again.tokens)[32:, 0]
    np.testing.assert_array_equal(np.asarray(again.mask)[32:], [[True, False]] * 32)
    np.testing.assert_array_equal(shown, np.asarray(again.inputs["states"])[32:])
    assert set(shown) <= set(states) and int(memory.inserted) == 32


def test_derailed_turns_are_recorded_as_improbable():
    task = tasks.noisy_turns(table(2), noise=0.5)
    tx = tasks.record_largest_update()

    def largest(params, context, terms):
        updates = {"policy": jax.tree.map(jnp.ones_like, params["policy"]), "largest_update": jnp.zeros([])}
        for _ in range(2):
            new, _ = tx.update(updates, (), params)
            params = optax.apply_updates(params, new)
            updates = jax.tree.map(lambda x: 0.5 * x, updates)
        return task.evaluate(params, context, KEY), params["largest_update"]

    _, context, terms, (found, update) = started(task, also=largest)
    derailed = ~np.asarray(terms.well_formed)
    assert 0.3 < derailed.mean() < 0.7
    np.testing.assert_allclose(
        terms.old_log_probs, np.where(derailed[:, None] & (np.arange(3) > 0), -9.2, np.log(0.5)), rtol=1e-5
    )
    right = np.asarray(context["right"])[np.asarray(terms.group_ids)]
    np.testing.assert_array_equal(terms.rewards, (np.asarray(terms.tokens) == right).all(1) & ~derailed)
    np.testing.assert_allclose(found["success"], 1 / 8, rtol=1e-5)
    np.testing.assert_allclose(update, np.sqrt(48), rtol=1e-5)


def test_formats_and_modes_have_the_probabilities_of_their_tokens():
    task = tasks.formats(table(2))
    params, _, terms, found = measured(task, noise=0.5)
    logits = kernel(params)
    logits[:, 1] += [0.0, -2.0, -4.5, -3.0]
    log_probs = log_softmax(logits)
    mode, short, long, finish = np.exp(log_probs)[:, 1]
    np.testing.assert_allclose(found["accuracy"], mode * finish + (1 - mode) * 0.03, rtol=1e-4)
    np.testing.assert_allclose(found["formatted"], mode * long + (1 - mode) * short, rtol=1e-4)
    for tokens, scores, mask in zip(*(np.asarray(x) for x in (terms.tokens, terms.log_probs, terms.mask)), strict=True):
        place = 2 if tokens[0] else 1
        expected = [log_probs[0, tokens[0]], log_probs[place, tokens[1]], log_probs[3, tokens[2]] if tokens[0] else 0.0]
        np.testing.assert_allclose(scores, expected, rtol=1e-4)
        assert mask.tolist() == [True, True, bool(tokens[0])]


def test_the_prompt_that_varied_most_is_practised():
    task = tasks.shared_skills(table(2), "most_varied", batch_size=4)
    _, context, terms, found = measured(task)
    needs, order = np.asarray(context["needs"]), np.asarray(context["order"])
    assert (np.asarray(terms.mask) == needs[order[0]]).all() and (needs.sum(1) == 3).all()
    assert needs[order[0]][2:6].any() and not needs[order[0]][6:].any()  # something to learn, nothing out of reach
    tokens = np.asarray(terms.tokens)
    np.testing.assert_array_equal(terms.rewards, ((tokens == 1) | ~needs[order[0]]).all(1))
    right = -np.log1p(np.exp(-np.array(START)))
    expected = np.exp(np.where(np.asarray(context["held_out"]), right, 0.0).sum(1)).mean()
    np.testing.assert_allclose(found["held_out"], expected, rtol=1e-4)
    np.testing.assert_allclose(found["gain"], 0.0, atol=1e-5)


def test_examples_are_drawn_by_the_skills_that_are_missing():
    task = tasks.skill_groups(table(2), targeted=True, warm_steps=20)

    def remembered(params, context, terms):
        memory = task.remember(context, terms)
        later = terms.replace(inputs={**terms.inputs, "lacking": jnp.ones([32, 8])})
        return memory, task.remember({**context, "memory": memory}, later)

    params, context, terms, (memory, after) = started(task, also=remembered)
    lacking = np.asarray(terms.inputs["lacking"])[0]
    asked = jax.tree.map(np.asarray, context["validation"])
    blocks = kernel(params).reshape(8, 12, 2)[asked["skills"]]
    scores = log_softmax(np.einsum("bf,bfo->bo", asked["features"], blocks))
    right = scores[np.arange(256), asked["labels"]] > np.log(0.5)
    np.testing.assert_array_equal(lacking, (~right).reshape(8, 32).sum(1))
    np.testing.assert_array_equal(memory, lacking)
    np.testing.assert_array_equal(after, lacking)  # counted once


def test_trajectories_are_right_where_all_actions_are():
    task = tasks.navigation(table(7), curriculum.difficulty_stages((2, 4, 6, 8, 10, 12), (2,), steps_per_stage=3))

    def remembered(params, context, terms):
        return task.evaluate(params, context, KEY), task.remember(context, terms)

    params, context, terms, (found, memory) = started(task, noise=1.0, also=remembered)
    assert (np.asarray(terms.mask).sum(1) == 2).all()  # the first stage has the shortest tasks
    logits, right = kernel(params), np.asarray(context["right"])
    parts = [log_softmax(logits[:, low:high]) for low, high in ((0, 2), (2, 5), (5, 7))]
    choices = np.asarray(terms.inputs)
    expected = sum(part[np.arange(12), choices[:, i]] for i, part in enumerate(parts))
    np.testing.assert_allclose(terms.log_probs, expected, rtol=1e-4)
    hits = (choices == right[None])[:, :, :2]
    hits[:, 2] &= hits[:, 1]
    np.testing.assert_allclose(terms.reward_parts, hits.mean(2), rtol=1e-6)
    np.testing.assert_array_equal(terms.rewards, hits.all(2).all(1))
    chance = sum(part[np.arange(12), right[i]] for i, part in enumerate(parts)).sum()
    np.testing.assert_allclose(found["long_success"], np.exp(chance), rtol=1e-3)
    assert int(memory) == 1


def test_calls_are_scored_along_their_names_and_rewarded_by_their_errors():
    task = tasks.tool_calls(table(302), rewards="table", batch_size=8)
    params, _, terms, _ = started(task)
    logits, tokens = np.asarray(terms.inputs, np.float64) @ kernel(params), np.asarray(terms.tokens)
    names = log_softmax(logits[:, :14].reshape(-1, 7, 2))
    flags, values = log_softmax(logits[:, 14:110].reshape(-1, 8, 6, 2)), log_softmax(logits[:, 110:].reshape(-1, 24, 8))
    for row, call in enumerate(tokens):
        bits = call[:3].tolist()
        node = [0, 1 + bits[0], 3 + 2 * bits[0] + bits[1]]
        tool = 4 * bits[0] + 2 * bits[1] + bits[2]
        expected = [names[row, n, b] for n, b in zip(node, bits, strict=True)]
        expected += [flags[row, tool, i, call[3 + i]] for i in range(6)] + [values[row, i, call[9 + i]] for i in range(24)]
        np.testing.assert_allclose(terms.log_probs[row], expected, rtol=2e-3, atol=1e-4)
    shown, rewards = np.asarray(terms.demonstrations), np.asarray(terms.rewards)
    assert shown.sum() == 8 and np.asarray(terms.mask)[shown].all() and not np.asarray(terms.mask)[~shown, 9:].any()
    assert set(np.round(rewards[~shown].astype(float), 2).tolist()) <= {1.0, -1.5, -1.8, -1.3, -1.0, -0.8, -0.5}


def test_coherent_prompts_are_those_whose_tokens_agree():
    hidden, scores = prompts_and_scores()
    np.testing.assert_allclose(np.linalg.norm(hidden, axis=-1), 1.0, rtol=1e-5)
    cosines = np.einsum("nid,njd->nij", hidden, hidden)
    causal = np.tril(np.ones((8, 8)), 1)
    np.testing.assert_allclose(scores, (cosines * causal).mean(axis=(1, 2)), rtol=1e-4)
    task = tasks.coherent_prompts(table(4), window=True, epoch=2)

    def remembered(params, context, terms):
        memory = task.remember(context, terms)
        due = task.batch(params, {**context, "memory": memory}, 1, KEY)
        return memory, due, task.remember({**context, "memory": memory}, due)

    params, _, terms, (memory, due, seen) = started(task, also=remembered)
    right = np.argmax(log_softmax(hidden.mean(1) @ kernel(params)), axis=1)
    assert right.shape == (64,) and len(set(np.asarray(terms.inputs["prompts"]).tolist())) == 16
    assert float(memory["window"]) == 0.0  # not due
    rewards = np.concatenate([terms.rewards, due.rewards]).mean()
    angles = np.concatenate([scores[np.asarray(x.inputs["prompts"])] for x in (terms, due)]).mean()
    np.testing.assert_allclose(
        seen["window"], np.clip(8 * np.tanh(2 * (rewards - 0.5)) + 8 * np.tanh(2 * angles), 0, 16), rtol=1e-4
    )


@functools.cache
def chains():
    """Eight chains, and the metrics on the first twenty questions of the test."""
    task = tasks.annotated_chains(table(27), warm_steps=2, prompts_per_batch=4, samples_per_prompt=2)

    def few(params, context, terms):
        return task.evaluate(params, {**context, "test": context["test"][:20]}, KEY)

    return started(task, noise=0.5, also=few)


def test_chains_of_sums_are_scored_and_pooled_step_by_step():
    params, context, terms, found = chains()
    weights, prompts, tokens = kernel(params), np.asarray(terms.inputs), np.asarray(terms.tokens)
    last = np.concatenate([prompts[:, :1], tokens[:, :-1]], axis=1)
    out = weights[last] + weights[10 + prompts[:, 1:]]
    scores = log_softmax(out[..., :10])
    np.testing.assert_allclose(terms.log_probs, np.take_along_axis(scores, tokens[..., None], 2)[..., 0], rtol=1e-4)
    np.testing.assert_array_equal(terms.correct, tokens[:, -1] == prompts.sum(1) % 10)
    shares = np.exp(log_softmax(out[..., 10]))[..., None]
    pooled = (shares * np.maximum(out[..., 11:], 0)).sum(1)
    np.testing.assert_allclose(terms.sample_embeddings, pooled, rtol=1e-4)
    chances = []
    for a, b, c, d in np.asarray(context["test"])[:20]:
        steps = [np.exp(log_softmax((weights[:10] + weights[10 + digit])[:, :10])) for digit in (b, c, d)]
        chances.append((steps[0][a] @ steps[1] @ steps[2])[(a + b + c + d) % 10])
    np.testing.assert_allclose(found["accuracy"], np.mean(chances), rtol=1e-4)


def test_a_contrast_adds_to_the_loss():
    """Two samples at their annotations, orthogonal to each other: -4.5 + log(e^5 + 1)."""
    _, _, terms, _ = chains()
    unit = np.eye(2, dtype=np.float32)
    few = jax.tree.map(lambda x: x[:2], terms)
    few = few.replace(sample_embeddings=unit, annotation_embeddings=unit, correct=np.ones(2, bool))
    np.testing.assert_allclose(jax.jit(tasks.chain_contrast(0.5))(few), 0.5 * (-4.5 + np.log(np.exp(5) + 1)), rtol=1e-4)


def test_pairs_are_of_the_least_likely_calls():
    task, plain = (tasks.slot_calls(table(16), pairs=pairs, warm_steps=5) for pairs in (True, False))

    def unpaired(params, context, terms):
        return task.evaluate(params, context, KEY), plain.batch(params, context, 0, KEY)

    params, context, terms, (found, rows) = started(task, noise=1.0, also=unpaired)
    pool = jax.tree.map(np.asarray, context["pool"])
    answers = {tuple(query): answer for query, answer in zip(pool["queries"].tolist(), pool["answers"], strict=True)}
    inputs = jax.tree.map(np.asarray, terms.inputs)
    right = np.array(
        [answers[tuple(query)][slot] for query, slot in zip(inputs["queries"].tolist(), inputs["slots"], strict=True)]
    )
    scores = log_softmax((inputs["queries"] @ kernel(params)).reshape(-1, 4, 4))[np.arange(256), inputs["slots"]]
    where = np.asarray(terms.mask)
    assert where.any() and (inputs["better"] == right)[where].all() and (inputs["worse"] != right)[where].all()
    means = scores[np.arange(256), right].reshape(64, 4).mean(1)
    assert set(np.flatnonzero(where.reshape(64, 4).any(1))) <= set(np.argsort(means)[:19])
    np.testing.assert_allclose(terms.rejected_log_probs, scores[np.arange(256), inputs["worse"]], rtol=1e-3, atol=1e-6)
    asked = jax.tree.map(np.asarray, context["complex"])
    table_scores = log_softmax((asked["queries"] @ kernel(params)).reshape(-1, 4, 4))
    expected = np.exp(np.take_along_axis(table_scores, asked["answers"][..., None], 2)[..., 0].sum(1)).mean()
    np.testing.assert_allclose(found["complex_accuracy"], expected, rtol=1e-3)
    np.testing.assert_array_equal(rows.inputs["better"], rows.inputs["worse"])


def test_a_merge_ends_the_run_alone():
    tx, params = tasks.merge_with_start(after=2, fraction=0.5, scale=0.5), {"w": jnp.zeros(4)}
    state, update = tx.init(params), {"w": jnp.array([4.0, 1.0, -3.0, 0.5])}
    for expected in ([4.0, 1.0, -3.0, 0.5], [4.0, 0.0, -3.0, 0.0]):  # the second: half of the two largest of twice the update
        new, state = tx.update(update, state, params)
        params = optax.apply_updates(params, new)
        np.testing.assert_allclose(params["w"], expected, rtol=1e-6)


def test_what_the_recipe_tasks_refuse():
    for build, message in (
        (lambda: tasks.explanations(table(64), writer="nobody"), "writer must be one of policy, expert; got 'nobody'"),
        (lambda: tasks.explanations(table(64), chance=0.0), "chance must be in"),
        (lambda: tasks.thought_agent(table(8), corrector=2.0), "corrector must be in"),
        (lambda: tasks.noisy_turns(table(2), turns=1), "turns must be at least 2; got 1"),
        (lambda: tasks.noisy_turns(table(2), noise=1.5), "noise must be in"),
        (lambda: tasks.shared_skills(table(2), "one"), "prompts must be one of pool, most_varied, least_varied; got 'one'"),
        (lambda: tasks.tool_calls(table(302), rewards="none"), "rewards must be one of table, binary; got 'none'"),
        (lambda: tasks.merge_with_start(0), "after must be at least 1; got 0"),
    ):
        with pytest.raises(ValueError, match=message):
            build()
