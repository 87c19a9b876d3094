"""Rollouts: what they record is what was sampled, and what the loss sees is what the sampler saw."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import models, policy
from algax.core.kinds import Curriculum
from algax.experiments import configs, trainer
from algax.experiments.tasks import arithmetic_problems, checker, rollouts, verified
from algax.experiments.tasks.verified import MARK_TOKEN, make_setting

SIZES = {"hidden_size": 16, "num_layers": 1, "num_heads": 2, "mlp_size": 16, "max_length": 40}
MODEL = models.Transformer(models.TransformerConfig(vocabulary_size=18, positions="rotary", **SIZES))
PROBLEMS = arithmetic_problems(1, "+")
SHAPE = {"labelled": 40, "held_out": 20, "prompts_per_batch": 8, "samples_per_prompt": 4}


def written(tokens):
    """The text of tokens, of which the model has more than the vocabulary."""
    return "".join((checker.VOCABULARY + "!xx")[token] for token in tokens)


@functools.cache
def warm(lesson, warm_steps=80):
    """Parameters and context after a fast warm start, which tests share: a third of what they compile and run."""
    options = {**SHAPE, "warm_steps": warm_steps, "warm_learning_rate": 1e-2}
    task = verified(MODEL, PROBLEMS, rollouts.once()._replace(lesson=lesson), **options)
    return jax.jit(task.init)(jax.random.key(0))


def collected(rollout, *metrics, **options):
    """A batch of the task with its log-probs filled in, and the task's metrics of these names."""
    task = verified(MODEL, PROBLEMS, rollout, **SHAPE)

    def run(params, context, key):
        params = rollout.start(params)
        terms = task.forward(params, task.batch(params, context, 0, key), key)
        found = task.evaluate(params, context, key) if metrics else {}
        return params, terms, {name: found[name] for name in metrics}

    return jax.device_get(jax.jit(run)(*warm(rollout.lesson, **options), jax.random.key(0)))


@functools.cache
def dialogues(until_right):
    return collected(rollouts.attempts(turns=3, until_right=until_right), "retry_gain", "success_at_1", "success_at_3")


@functools.cache
def thoughts(soft):
    rollout = rollouts.thoughts(length=2, soft=soft, samples=4)._replace(lesson=None)  # so that the warm start is shared
    return collected(rollout, "pass_at_1", "pass_at_4")


def test_one_answer_is_scored_as_it_was_sampled():
    _, terms, _ = collected(rollouts.once())
    where = np.asarray(terms.mask)
    np.testing.assert_allclose(terms.log_probs[where], terms.old_log_probs[where], atol=2e-5)
    np.testing.assert_allclose(terms.log_probs[where], terms.ref_log_probs[where], atol=2e-5)  # no step was taken yet
    texts = [written(row) for row in np.asarray(terms.inputs["tokens"])]
    expected = [checker.check_text(text[:4], text[4:]) for text in texts]
    np.testing.assert_array_equal(terms.correct, expected)


@pytest.mark.parametrize("until_right", [True, False])
def test_dialogues_are_scored_as_they_were_sampled(until_right):
    _, terms, metrics = dialogues(until_right)
    where, tokens = np.asarray(terms.mask), np.asarray(terms.tokens)
    np.testing.assert_allclose(terms.log_probs[where], terms.old_log_probs[where], atol=5e-5)
    turns = [slice(start, start + 3) for start in (0, 4, 8)]
    assert (tokens[:, 3::4] == MARK_TOKEN).all() and not where[:, 3::4].any()
    np.testing.assert_array_equal(terms.turn_ids[0], [0] * 4 + [1] * 4 + [2] * 3)
    for row, prompt in enumerate(np.asarray(terms.inputs["tokens"])[:, :4]):
        is_open = True
        for turn, span in enumerate(turns):
            verdict = checker.check_text(written(prompt), written(tokens[row, span]))
            assert where[row, span].any() == is_open
            assert bool(terms.turn_correct[row, turn]) == (verdict and is_open)
            assert (int(terms.turn_answers[row, turn]) >= 0) == is_open
            is_open = is_open and not (until_right and verdict)
    assert terms.correct.any() and not terms.correct.all()
    np.testing.assert_allclose(metrics["retry_gain"], metrics["success_at_3"] - metrics["success_at_1"], atol=1e-6)


def test_equal_answers_have_equal_numbers():
    _, terms, _ = dialogues(False)
    answers, tokens, where = (np.asarray(x) for x in (terms.turn_answers, terms.tokens, terms.mask))
    written = np.stack([(tokens * where)[:, start : start + 3] for start in (0, 4, 8)], axis=1)
    same = (written[:, :, None] == written[:, None]).all(axis=-1)
    np.testing.assert_array_equal(answers[:, :, None] == answers[:, None], same)
    assert 3 * len(tokens) < same.sum() < same.size


def test_an_arm_may_collect_its_batches_in_another_way():
    config = configs.plain(configs.load("policy/ufo"))
    config["task"] |= {"warm_steps": 0}
    task, arms = trainer.build(config)
    assert arms["unary_feedback"].task is task and arms["one attempt"].task is not task
    params, context = jax.eval_shape(task.init, jax.random.key(0))
    step, key = jax.ShapeDtypeStruct((), jnp.int32), jax.random.key(1)
    lengths = {name: jax.eval_shape(arm.task.batch, params, context, step, key).tokens.shape[1] for name, arm in arms.items()}
    assert lengths == {"unary_feedback": 11, "one attempt": 3}


def test_what_is_refused():
    with pytest.raises(ValueError, match="turns must be at least 1; got 0"):
        rollouts.attempts(turns=0)
    with pytest.raises(ValueError, match="temperature and noise must be above 0; got 0 and 0.33"):
        rollouts.thoughts(temperature=0)
    with pytest.raises(ValueError, match="vocabulary_size must be at least 16; got 15"):
        make_setting(models.Transformer(models.TransformerConfig(vocabulary_size=15, **SIZES)), PROBLEMS, "!")


def test_a_loss_of_dialogues_reads_what_they_record():
    _, terms, _ = dialogues(True)
    assert np.isfinite(jax.jit(policy.unary_feedback())(terms.replace(step=np.int32(0))))


def test_a_hint_is_read_and_the_plain_prompt_is_trained():
    params, terms, _ = collected(rollouts.guided(length=2), warm_steps=150)
    guided, where = np.asarray(terms.guided_tokens).any(axis=1), np.asarray(terms.mask)
    assert guided.any() and not guided.all()
    texts = [written(row) for row in np.asarray(terms.inputs["tokens"])]
    assert all(len(text) == 7 and "!" not in text for text in texts)  # no mark of a hint in what is trained
    own = where & ~guided[:, None]
    np.testing.assert_allclose(terms.log_probs[own], terms.old_log_probs[own], atol=5e-5)
    hinted = where & guided[:, None]
    assert np.abs((terms.log_probs - terms.old_log_probs)[hinted]).max() > 0.1
    correct = np.asarray(terms.correct).reshape(8, 4)
    expected = [checker.check_text(text[:4], text[4:]) for text in texts]
    np.testing.assert_array_equal(correct.ravel(), expected)
    groups = guided.reshape(8, 4)
    assert (groups.all(axis=1) | ~groups.any(axis=1)).all()  # whole groups
    assert correct[~groups[:, 0]].any(axis=1).all()  # a group stays as it is only if someone was right


def test_some_answers_go_on_from_a_worked_one():
    _, terms, _ = collected(rollouts.prefixed(length=1, per_group=2))
    guided = np.asarray(terms.guided_tokens)
    np.testing.assert_array_equal(guided.reshape(8, 4, 3).any(axis=-1), np.tile([True, True, False, False], (8, 1)))
    assert guided[:, 1:].sum() == 0
    worked = {checker.decode(p): checker.decode(a) for p, a in zip(PROBLEMS.prompts, PROBLEMS.answers, strict=True)}
    for row in np.flatnonzero(guided.any(axis=1)):
        text = written(np.asarray(terms.inputs["tokens"])[row])
        assert text[4] == worked[text[:4]][0]
    where = np.asarray(terms.mask)
    np.testing.assert_allclose(terms.log_probs[where], terms.old_log_probs[where], atol=5e-5)


def test_a_curriculum_hears_of_the_advantages_and_draws_by_its_weights():
    def only(kind):
        """Draws one kind and counts what it hears."""
        return Curriculum(
            lambda: jnp.zeros(3),
            lambda state: (jnp.arange(3) == kind).astype(jnp.float32),
            lambda state, feedback: state.at[feedback.arms].add(jnp.where(feedback.where, jnp.abs(feedback.values), 0.0)),
        )

    task = verified(MODEL, arithmetic_problems(1, "-*+"), rollouts.once(), curriculum=only(2), warm_steps=0, **SHAPE)

    def run(params, key):
        _, context = task.init(key)
        context = {**context, "reference": params, "memory": task.memory(context)}
        terms = task.batch(params, context, 0, key)
        return terms, task.remember(context, terms)

    terms, memory = jax.device_get(jax.jit(run)(warm(None)[0], jax.random.key(0)))
    assert {written(row)[1] for row in np.asarray(terms.inputs["tokens"])} == {"+"}
    assert terms.correct.any()
    correct = np.asarray(terms.rewards).reshape(8, 4)
    deviation = correct.std(axis=1, ddof=1, keepdims=True)
    advantages = np.where(deviation > 0, (correct - correct.mean(axis=1, keepdims=True)) / (deviation + 1e-6), 0.0)
    np.testing.assert_allclose(memory, [0, 0, np.abs(advantages).sum()], rtol=1e-4, atol=1e-5)


def test_what_an_arm_remembers_is_part_of_its_state():
    config = configs.plain(configs.load("policy/dump"))
    config["task"] |= {"warm_steps": 0}
    run = trainer.prepare(config | {"seeds": 1})
    assert jax.tree.leaves(run.target["arms"]["ucb"]["memory"]) and not jax.tree.leaves(run.target["arms"]["uniform"]["memory"])


@pytest.mark.parametrize("soft", [True, False])
def test_thoughts_are_scored_as_they_were_sampled(soft):
    _, terms, metrics = thoughts(soft)
    where, tokens = np.asarray(terms.mask), np.asarray(terms.tokens)
    assert where.shape[1] == 5 and where[:, :3].all()
    np.testing.assert_allclose(terms.log_probs[where], terms.old_log_probs[where], rtol=2e-4, atol=2e-4)
    np.testing.assert_allclose(terms.ref_log_probs[where], terms.old_log_probs[where], rtol=2e-4, atol=2e-4)
    assert (tokens[:, :2] == 0).all() == soft
    texts = [written(row) for row in np.concatenate([terms.inputs["tokens"], tokens[:, 2:]], axis=1)]
    np.testing.assert_array_equal(terms.correct, [checker.check_text(text[:4], text[4:]) for text in texts])
    assert 0 <= metrics["pass_at_1"] <= metrics["pass_at_4"] <= 1


def test_answers_after_blanks_are_the_lesson_of_thoughts():
    lesson = rollouts.thoughts(length=2).lesson(None, jnp.asarray(PROBLEMS.prompts), jnp.asarray(PROBLEMS.answers))
    np.testing.assert_array_equal(lesson, np.pad(PROBLEMS.prompts, ((0, 0), (0, 2)), constant_values=MARK_TOKEN))


def test_soft_thoughts_have_the_density_of_their_noise():
    """The mixture is read off the model once more, from the recorded inputs."""
    model = make_setting(MODEL, PROBLEMS, "?").model
    params, terms, _ = thoughts(True)

    def read(params, tokens):
        return model.embed(params, jnp.arange(18)), model.apply(params, tokens, None)[:, -1]

    table, logits = (np.asarray(x, np.float64) for x in jax.jit(read)(params, terms.inputs["tokens"]))
    mixtures = np.exp(2 * logits - np.log(np.exp(2 * logits).sum(axis=1, keepdims=True))) @ table
    scale = 0.33 * np.sqrt((table**2).mean(axis=1)).mean()
    squares = ((np.asarray(terms.inputs["thought"], np.float64)[:, 0] - mixtures) ** 2).sum(axis=1)
    expected = -squares / (2 * scale**2) - 8 * np.log(2 * np.pi * scale**2)
    np.testing.assert_allclose(terms.old_log_probs[:, 0], expected, rtol=2e-3)


@pytest.mark.parametrize("cooperate", [True, False])
def test_partners_are_scored_as_they_were_sampled_and_share_rewards(cooperate):
    _, terms, metrics = collected(rollouts.partners(cooperate=cooperate), "observer_accuracy")
    where, rows = np.asarray(terms.mask), 32
    np.testing.assert_allclose(terms.log_probs[where], terms.old_log_probs[where], atol=5e-5)
    np.testing.assert_array_equal(terms.inputs["agents"], [0] * rows + [1] * rows)
    seen, tokens = np.asarray(terms.inputs["mask"]), np.asarray(terms.inputs["tokens"])
    prompts = tokens[:rows, 4:8]
    right = [checker.check_text(written(p), written(a)) for p, a in zip(np.tile(prompts, (2, 1)), tokens[:, 8:], strict=True)]
    right = np.reshape(right, (2, rows)).astype(float)
    np.testing.assert_array_equal(np.reshape(terms.rewards, (2, rows)), np.tile(right.sum(0), (2, 1)) if cooperate else right)
    assert (tokens[rows:, 7] == MARK_TOKEN).all() == cooperate
    if cooperate:  # the observer reads the prompt, the pioneer's answer and the mark
        np.testing.assert_array_equal(tokens[rows:, :4], prompts)
        np.testing.assert_array_equal(tokens[rows:, 4:7], tokens[:rows, 8:])
    assert not seen[:rows, :4].any() and 0 <= metrics["observer_accuracy"] <= 1
    assert not np.any(terms.values) and not np.any(terms.old_values)  # of critics that have learnt nothing


def test_a_gradient_of_partners_moves_each_by_its_own_rows():
    rollout = rollouts.partners()
    task = verified(MODEL, PROBLEMS, rollout, **SHAPE)

    def run(params, context, key):
        params = rollout.start(params)
        terms = task.batch(params, context, 0, key)
        mine = (terms.inputs["agents"] == 0)[:, None] & terms.mask

        def total(params, name):
            filled = task.forward(params, terms, key)
            return jnp.sum(jnp.where(mine, getattr(filled, name), 0.0)), filled.distribution.logits

        of_values, logits = jax.grad(total, has_aux=True)(params, "values")
        return jax.grad(total, has_aux=True)(params, "log_probs")[0], of_values, logits, mine

    grads, of_values, logits, mine = jax.device_get(jax.jit(run)(*warm(None), jax.random.key(0)))
    assert all(np.all(np.asarray(leaf) == 0) for leaf in jax.tree.leaves(grads["second"]))
    assert any(np.any(np.asarray(leaf) != 0) for leaf in jax.tree.leaves(grads["first"]))
    critics, policies = of_values["critics"], (of_values["first"], of_values["second"])
    assert all(np.all(np.asarray(leaf) == 0) for leaf in jax.tree.leaves(policies))
    chances = np.exp(logits - np.log(np.sum(np.exp(logits), axis=-1, keepdims=True)))
    np.testing.assert_allclose(critics["weights"][0], 10 * chances[np.asarray(mine)].sum(0)[: MARK_TOKEN + 1], rtol=1e-3)
    np.testing.assert_allclose(critics["biases"], [10 * np.asarray(mine).sum(), 0])


def test_branches_are_scored_as_they_were_sampled_and_checked_whole():
    _, terms, _ = collected(rollouts.branched(branches=1, first_round=2, top_k=2))
    where = np.asarray(terms.mask)
    np.testing.assert_allclose(terms.log_probs[where], terms.old_log_probs[where], atol=5e-5)
    tokens, seen = np.asarray(terms.inputs["tokens"]), np.asarray(terms.inputs["mask"])
    texts = [written(row[real]) for row, real in zip(tokens, seen, strict=True)]
    for text, correct in zip(texts, np.asarray(terms.correct), strict=True):
        assert correct == checker.check_text(text[:4], text[4:7].ljust(3, "0"))
    kept = seen[16:, :7].sum(axis=1) - 4
    assert kept.min() >= 0 and kept.max() > 0  # some were cut within the answer
    for first, branch, count in zip(texts[:16], texts[16:], kept, strict=True):
        assert branch[: 4 + count] == first[: 4 + count]
    np.testing.assert_array_equal(terms.group_ids[:16], np.repeat(np.arange(8), 2))
