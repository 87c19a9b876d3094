"""The choice of the largest scores against sorting in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algax import policy
from algax.policy.selection import select_largest

SHAPE = (4, 5)
SELECT = jax.jit(lambda terms, *args: select_largest(terms, *args))
LEVELS = np.array([-np.inf, -3e38, -1.5, -1e-40, -0.0, 0.0, 1e-40, 0.25, 2.0, np.inf], np.float32)
numbers = st.lists(st.integers(0, len(LEVELS) - 1), min_size=20, max_size=20)
booleans = st.lists(st.booleans(), min_size=20, max_size=20)


def by_sorting(scores, candidates, count, tie_breaker):
    pairs = zip(scores.ravel(), tie_breaker.ravel(), strict=True)
    keys = [(-float(s) + 0.0, -float(t) + 0.0, i) for i, (s, t) in enumerate(pairs)]
    chosen = sorted(key for key in keys if candidates.ravel()[key[2]])[:count]
    expected = np.zeros(20, bool)
    expected[[i for _, _, i in chosen]] = True
    return expected.reshape(SHAPE)


@settings(max_examples=25, deadline=None)
@given(numbers, numbers, booleans, st.integers(0, 22))
def test_it_is_what_sorting_chooses(scores, ties, candidates, count):
    scores, ties = (LEVELS[np.array(x)].reshape(SHAPE) for x in (scores, ties))
    candidates = np.array(candidates).reshape(SHAPE)
    terms = policy.Terms(mask=np.ones(SHAPE, bool))
    selected = SELECT(terms, scores, candidates, np.float32(count), ties)
    # Numbers below the normal range are 0 to the compiled program.
    flushed = [np.where(np.abs(x) < 1e-37, 0.0, x) for x in (scores, ties)]
    np.testing.assert_array_equal(selected, by_sorting(flushed[0], candidates, count, flushed[1]))


def test_64_bit_scores_keep_their_digits():
    with jax.enable_x64(True):
        scores = 1.0 + 1e-15 * np.arange(20).reshape(SHAPE)
        terms = policy.Terms(mask=np.ones(SHAPE, bool))
        selected = SELECT(terms, scores, terms.mask, np.asarray(3))
    np.testing.assert_array_equal(np.flatnonzero(selected), [17, 18, 19])


@pytest.mark.parametrize("devices", [2, 4])
def test_devices_choose_together(devices):
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 4, SHAPE).astype(np.float32)
    candidates = rng.random(SHAPE) < 0.8
    split = [x.reshape(devices, SHAPE[0] // devices, SHAPE[1]) for x in (scores, candidates)]

    def one(scores, candidates):
        terms = policy.Terms(mask=jnp.ones(scores.shape, bool), axis_name="devices")
        return select_largest(terms, scores, candidates, jnp.asarray(7))

    selected = jax.pmap(one, axis_name="devices", devices=jax.devices()[:devices])(*split)
    expected = by_sorting(scores, candidates, 7, np.zeros(SHAPE))
    np.testing.assert_array_equal(np.asarray(selected).reshape(SHAPE), expected)
