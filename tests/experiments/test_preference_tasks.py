"""The small tasks of pairs, demonstrations and supervision, against figures written out in NumPy."""

import itertools

import jax
import numpy as np
import pytest
from scipy import stats

from algax.experiments import tasks
from algax.experiments.tasks.digits import load
from algax.experiments.tasks.similar_pairs import PAIRS, draw_pairs, judge_pairs, similarities

from .toy import table


def start(task, seed=0):
    """Parameters and context of a seed, in one program."""
    return jax.device_get(jax.jit(task.init)(jax.random.key(seed)))


def softmax(logits):
    """In float64."""
    weights = np.exp(np.asarray(logits, np.float64) - np.max(logits, -1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


# ----- pairs --------------------------------------------------------------------------------------------------------------


def test_traces_share_no_token_or_all_but_one():
    task = tasks.traces(None, prompts=6, length=3, tokens=4)
    params, context = start(task)
    right, wrong, slip = (np.asarray(context[name]) for name in ("right", "wrong", "slip"))
    assert (right != wrong).all() and ((right != slip).sum(1) == 1).all()
    chances = np.take_along_axis(softmax(params), right[..., None], -1)[..., 0]
    expected = np.mean(chances.prod(1))
    np.testing.assert_allclose(jax.jit(task.evaluate)(params, context, None)["accuracy"], expected, rtol=1e-5)


def test_teachers_lack_the_skill_and_share_their_errors():
    _, context = start(tasks.weak_teachers(None, dimensions=6))
    teachers, target = np.asarray(context["teachers"], np.float64), np.asarray(context["target"], np.float64)
    known = np.asarray(context["reference"], np.float64)
    np.testing.assert_allclose(teachers @ target, [0.5, 0.3], atol=1e-5)
    np.testing.assert_allclose(known @ target, 0.8, atol=1e-5)
    lacking = (target - 0.8 * known) / 0.6
    errors = teachers - np.outer(teachers @ known, known) - np.outer(teachers @ lacking, lacking)
    np.testing.assert_allclose(errors[0] @ errors[1] / np.prod(np.linalg.norm(errors, axis=1)), 0.9, atol=1e-4)


def test_displacement_is_of_the_trained_pairs_and_the_correlation_of_all():
    moved = np.random.default_rng(0).normal(size=PAIRS).astype(np.float32)
    keep = np.arange(PAIRS) < 10
    answer = np.concatenate([keep.astype(np.float32), moved])

    def judged(key):
        problem = draw_pairs(key)
        return judge_pairs(answer, problem), similarities(problem)

    found, scores = jax.device_get(jax.jit(judged)(jax.random.key(0)))
    np.testing.assert_allclose(found["displacement"], moved[:10].mean(), rtol=1e-5)
    np.testing.assert_allclose(found["fallen"], (moved[:10] < 0).mean(), rtol=1e-5)
    np.testing.assert_allclose(found["rank_correlation"], stats.spearmanr(scores, moved).statistic, atol=1e-5)


def test_chosen_descriptions_have_fewer_claims_that_the_judge_objects_to():
    everything = tasks.descriptions(None, prompts=3, claims=4, balanced=False)
    params, context = start(everything)
    balanced = tasks.descriptions(None, prompts=3, claims=4)
    both = jax.jit(lambda key: [task.batch(params, context, 0, key) for task in (everything, balanced)])
    terms, kept = jax.device_get(both(jax.random.key(1)))
    where = np.asarray(terms.mask)
    assert where.any() and not (np.asarray(kept.mask) & ~where).any()
    counts = [(np.asarray(terms.inputs[side][1]) != 0).sum(1) for side in ("chosen", "rejected")]
    np.testing.assert_array_equal(np.asarray(terms.chosen_lengths)[where], counts[0][where])
    np.testing.assert_array_equal(terms.inputs["chosen"][0][where], terms.inputs["rejected"][0][where])
    gaps = [abs(np.mean(counts[0][w]) / np.mean(counts[1][w]) - 1.0) for w in (where, np.asarray(kept.mask))]
    assert gaps[1] <= gaps[0]
    logits = np.zeros([3, 4, 3], np.float32)
    logits[..., 2] = -50.0  # never a false claim
    found = jax.jit(everything.evaluate)({"policy": logits}, context, None)
    chances = softmax(context["start"]).mean((0, 1))
    np.testing.assert_allclose(found["false_rate"], 0.0, atol=1e-6)
    np.testing.assert_allclose(found["claims"], 0.5 / (1.0 - chances[0]), rtol=1e-5)


# ----- demonstrations -----------------------------------------------------------------------------------------------------


def test_attempts_are_counted_under_the_experts_probabilities():
    task = tasks.choices(table(3), features=2, answers=3, examples=4, held_out=5)
    params, context = start(task)
    changed = jax.tree.map(lambda x: 2.0 * x, params)
    inputs, expert = np.asarray(context["inputs"][4:]), softmax(context["rewards"][4:])
    (kernel,) = jax.tree.leaves(params)
    now, before = softmax(inputs @ (2.0 * kernel)), softmax(inputs @ kernel)
    found = jax.jit(task.evaluate)(changed, context, None)
    np.testing.assert_allclose(found["pass_at_16"], np.mean(np.sum(expert * (1 - (1 - now) ** 16), 1)), rtol=1e-4)
    np.testing.assert_allclose(found["divergence"], np.mean(np.sum(now * np.log(now / before), 1)), rtol=1e-4)


def test_an_answer_stands_behind_its_score():
    task = tasks.scored_answers(table(13), samples=20, batch_size=8)
    params, context = start(task)
    terms = jax.device_get(jax.jit(task.batch)(params, context, 0, jax.random.key(1)))
    score, answer = np.asarray(terms.inputs[:, 1]), np.asarray(terms.tokens[:, 1])
    assert set(score) <= {1, 2, 3, 4} and answer.min() >= 5
    np.testing.assert_array_equal(terms.mask, np.broadcast_to([False, True], (8, 2)))
    seen = set(zip(np.asarray(context["scores"]).tolist(), np.asarray(context["answers"]).tolist(), strict=True))
    assert set(zip(score.tolist(), (answer - 5).tolist(), strict=True)) <= seen
    flat = jax.tree.map(np.zeros_like, params)
    np.testing.assert_allclose(jax.jit(task.evaluate)(flat, context, None)["quality"], 2.4, rtol=1e-5)


def test_bad_texts_are_counted_by_enumeration():
    task = tasks.scored_texts(table(6), texts=4, length=2, characters=3)
    params, context = start(task)
    found = jax.jit(task.evaluate)(params, context, None)
    (kernel,) = jax.tree.leaves(params)
    chances = softmax((np.asarray(kernel)[1] + np.asarray(kernel)[6:])[:, 3:])  # control token 1, the last token, characters
    clean = sum(chances[1, a] * chances[3 + a, b] for a, b in itertools.product(range(2), repeat=2))
    np.testing.assert_allclose(np.exp(found["bad_texts_log"]), 1.0 - clean, rtol=1e-4)


# ----- supervision --------------------------------------------------------------------------------------------------------


def test_long_additions_are_right_and_most_are_spoilt():
    task = tasks.corrupted_sums(table(20), examples=10)
    params, context = start(task)
    terms = jax.jit(task.batch)(params, context, 0, None)
    inputs, labels = np.asarray(terms.inputs).reshape(20, 10, 22), np.asarray(terms.labels).reshape(20, 10)
    first, second = inputs[:10, :, :10].argmax(-1), inputs[:10, :, 10:20].argmax(-1)
    numbers = [[int("".join(map(str, digits[::-1]))) for digits in side] for side in (first, second)]
    right = np.asarray(context["train"][1])
    for a, b, steps in zip(*numbers, right, strict=True):
        assert a + b == int(str(steps[-1] // 10) + "".join(str(step % 10) for step in steps[::-1]))
    assert (labels[:10] != right).any(1).sum() == 9 and (labels[:10] != right)[:, -1].sum() == 9
    np.testing.assert_array_equal(labels[:10], labels[10:])


def test_weak_labels_are_of_digits_that_are_not_tested():
    task = tasks.weak_labels(table(2))
    params, context = start(task)
    assert not set(np.asarray(context["labelled"]).tolist()) & set(np.asarray(context["test"]).tolist())
    parity = load()[1] % 2
    expected = np.mean(np.asarray(context["weak"]).argmax(1) == parity[np.asarray(context["labelled"])])
    found = jax.jit(task.evaluate)(params, context, None)
    np.testing.assert_allclose(found["weak_accuracy"], expected, rtol=1e-5)
    assert 0.6 < expected < 0.95


def test_unknown_kinds():
    with pytest.raises(ValueError, match="unknown train 'esy': did you mean 'easy'"):
        tasks.graded_digits(table(10), train="esy")
    with pytest.raises(ValueError, match="unknown train 'various'"):
        tasks.attempted_digits(table(10), train="various")
