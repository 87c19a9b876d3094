"""Sources of prompts as arms of a bandit: `ArmFeedback`, `UcbState`."""

import jax
import numpy as np
import pytest

from algax import curriculum


def feedback(arms, values, where=None):
    where = np.ones(len(arms), bool) if where is None else where
    return curriculum.ArmFeedback(np.asarray(arms), np.asarray(values, np.float32), np.asarray(where))


def test_a_fresh_state_is_uniform():
    sources = curriculum.ucb(4)
    np.testing.assert_allclose(jax.jit(sources.weights)(sources.init()), 0.25, rtol=1e-6)


def state_of(values, counts, window=10):
    """A state whose windows are full of one value."""
    recent = np.broadcast_to(np.asarray(values, np.float32)[:, None], (len(values), window))
    return curriculum.UcbState(recent, np.asarray(counts, np.int32))


def test_scores_and_probabilities_of_the_paper():
    state = state_of([0.5, 0.2], [80, 20])
    np.testing.assert_allclose(jax.jit(curriculum.ucb(2, window=10).weights)(state), [0.436828, 0.563172], atol=2e-6)


def test_a_source_never_seen_has_the_largest_bonus():
    weights = np.asarray(jax.jit(curriculum.ucb(2, window=10, temperature=1.0).weights)(state_of([0.0, 0.0], [100, 0])))
    bonuses = np.sqrt(2 * np.log(101) / np.array([101, 1]))
    assert abs(bonuses[1] - 3.038131) < 1e-5
    np.testing.assert_allclose(np.log(weights[1] / weights[0]), bonuses[1] - bonuses[0], rtol=1e-5)


def test_the_sign_of_an_advantage_is_irrelevant():
    sources = curriculum.ucb(2)
    values = [0.5, -0.2, 0.1]
    update = jax.jit(sources.update)
    states = [update(sources.init(), feedback([0, 1, 0], sign * np.array(values))) for sign in (1, -1)]
    np.testing.assert_array_equal(states[0].recent, states[1].recent)


@pytest.mark.parametrize("size", [3, 17])  # batches smaller and larger than the window
def test_only_the_window_matters_but_counts_go_on(size):
    rng = np.random.default_rng(0)
    window, sources = 5, curriculum.ucb(3, window=5)
    update, state = jax.jit(sources.update), sources.init()
    history = [[], [], []]
    for _ in range(6):
        arms, values, seen = rng.integers(0, 3, size), rng.normal(size=size), rng.random(size) < 0.7
        state = update(state, feedback(arms, np.where(seen, values, np.nan), seen))
        for arm, value, counts in zip(arms, values, seen, strict=True):
            if counts:
                history[arm].append(abs(value))
        expected = [np.mean(past[-window:]) if past else 0.0 for past in history]
        np.testing.assert_allclose(state.learnability, expected, rtol=1e-5)
        np.testing.assert_array_equal(state.counts, [len(past) for past in history])


def test_limits_of_temperature_and_bonus():
    state = state_of([0.5, 0.2, 0.1], [9, 900, 5])
    np.testing.assert_allclose(jax.jit(curriculum.ucb(3, window=10, temperature=1e9).weights)(state), 1 / 3, rtol=1e-6)
    greedy = jax.jit(curriculum.ucb(3, window=10, temperature=1e-3, bonus=0.0).weights)(state)
    np.testing.assert_allclose(greedy, [1.0, 0.0, 0.0], atol=1e-6)


def test_feedback_without_samples_changes_nothing():
    sources = curriculum.ucb(2)
    update = jax.jit(sources.update)
    state = update(sources.init(), feedback([0, 1], [0.3, 0.4]))
    after = update(state, feedback([0, 1], [np.nan, np.inf], [False, False]))
    jax.tree.map(np.testing.assert_array_equal, after, state)


def test_within_sources_spreads_evenly():
    within_sources, weights = jax.jit(curriculum.within_sources), np.array([0.5, 0.25, 0.25], np.float32)
    probabilities = within_sources(weights, np.array([0, 1, 1, 0, 2]))
    np.testing.assert_allclose(probabilities, [0.25, 0.125, 0.125, 0.25, 0.25], rtol=1e-6)
    empty = within_sources(weights, np.array([0, 1]))
    np.testing.assert_allclose(empty, [2 / 3, 1 / 3], rtol=1e-6)
