"""Choices among generated problems and instructions, by hand and by NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import curriculum, merge

KEY = jax.random.key(0)


def test_majority_answers():
    answers = jnp.array([[3, 4, 3, -1], [-1, -1, -1, -1], [-1, -1, 5, -1]])
    kept = jax.jit(lambda answers: curriculum.majority_filter(answers, min_agree=1))(answers)
    np.testing.assert_array_equal(kept.astype(int), [[1, 0, 1, 0], [0, 0, 0, 0], [0, 0, 1, 0]])


def test_questions_take_turns():
    ids = jnp.array([7] * 9 + [2] * 4 + [5] + [9] * 6)
    choose = jax.jit(curriculum.fair_downsample, static_argnames="size")
    taken = []
    for key in jax.random.split(KEY, 20):
        chosen = choose(key, ids, size=12)
        counts = dict(zip(*np.unique(np.asarray(ids)[np.asarray(chosen)], return_counts=True), strict=True))
        assert counts[5] == 1 and sorted(counts[i] for i in (2, 7, 9)) == [3, 4, 4]
        taken.append(np.asarray(chosen))
    assert np.any(taken, axis=0).all()
    np.testing.assert_array_equal(choose(KEY, ids, size=12), choose(KEY, ids, size=12))
    assert choose(KEY, ids, size=99).all() and not choose(KEY, ids, size=0).any()


def test_wrong_solutions_are_an_exact_share():
    corrupt = jax.jit(lambda key, steps: curriculum.corrupt_steps(key, steps, outcome_rate=0.2, step_rate=1.0))
    wrong = corrupt(KEY, jnp.ones((40, 1)))
    assert int(wrong.sum()) == 8


def test_the_average_of_equal_checkpoints():
    params = {"w": jnp.array([0.1, 0.7])}
    average = merge.weighted_merge([params] * 6, [1 / 6] * 6)
    np.testing.assert_allclose(average["w"], params["w"], rtol=1e-6)


def test_only_the_nearest_test_problems_are_asked():
    rng = np.random.default_rng(0)
    train, test = rng.normal(size=(6, 4)), rng.normal(size=(9, 4))
    cosines = train @ test.T / np.linalg.norm(train, axis=1)[:, None] / np.linalg.norm(test, axis=1)
    nearest = np.argsort(-cosines, axis=1)[:, :3]
    flagged = rng.random((6, 9)) < 0.3

    def judge(indices):
        return jnp.asarray(flagged)[jnp.arange(6)[:, None], indices]

    vectors = jnp.asarray(train), jnp.asarray(test)
    kept = jax.jit(lambda train, test: curriculum.decontaminate(train, test, judge, top_k=3))(*vectors)
    np.testing.assert_array_equal(kept, ~np.take_along_axis(flagged, nearest, axis=1).any(axis=1))
    assert kept.any() and not kept.all() and (kept != ~flagged.any(axis=1)).any()
    with pytest.raises(ValueError, match="`top_k`"):
        curriculum.decontaminate(*vectors, judge, top_k=10)


def test_thresholds():
    scores = jnp.array([0.1, 0.5, 0.9, np.nan])
    assert curriculum.threshold_filter(scores, 0.5).tolist() == [True, True, False, False]
    assert curriculum.threshold_filter(scores, 0.5, keep="high").tolist() == [False, True, True, False]
    assert curriculum.threshold_filter(scores[:3], np.inf).all() and not curriculum.threshold_filter(scores, -np.inf).any()
    # Triples whose answer comes out again in three of four trials at least.
    again = jnp.array([[1, 1, 1, 0], [1, 0, 1, 0]])
    assert curriculum.threshold_filter(curriculum.pass_rates(again, threshold=0.5), 0.75, keep="high").tolist() == [True, False]
    for wrong, message in (({"keep": "middle"}, "`keep`"), ({"threshold": np.nan}, "`threshold`")):
        with pytest.raises(ValueError, match=message):
            curriculum.threshold_filter(scores, **({"threshold": 0.5} | wrong))


def test_novelty():
    # F1 of rows: (0, 1) 3/4, (0, 2) 0, (1, 2) 1/4, and the last one is the first.
    texts = jnp.array([[1, 2, 3, 4], [1, 3, 4, 5], [6, 7, 8, 5], [1, 2, 3, 4]])
    accept = jax.jit(
        lambda texts, threshold, seeds=0: curriculum.novelty_filter(texts, threshold=threshold, seeds=seeds),
        static_argnums=(1, 2),
    )
    for threshold, seeds, expected in (
        (0.0, 0, [1, 0, 0, 0]),
        (0.7, 0, [1, 0, 1, 0]),
        (0.8, 0, [1, 1, 1, 0]),
        (1.01, 0, [1, 1, 1, 1]),
        (0.2, 2, [1, 1, 0, 0]),
    ):
        assert accept(texts, threshold, seeds).astype(int).tolist() == expected
