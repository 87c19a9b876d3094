"""Words that tell classes, and samples that differ."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import measure


def test_words_and_classes():
    labels = jnp.array([0, 1] * 4)
    first, second, both, never = 1 - labels, labels, jnp.ones(8, jnp.int32), jnp.zeros(8, jnp.int32)
    informed = jax.jit(measure.pointwise_information, static_argnames=("num_classes", "smoothing"))
    words = jnp.stack([first, second, both, never], axis=1)
    exact = informed(words, labels, num_classes=2, smoothing=0.0)
    # Eight of sixteen meetings are with class 0, four of them with the first word.
    expected = [[np.log(2), -np.inf], [-np.inf, np.log(2)], [0, 0], [0, 0]]
    np.testing.assert_allclose(exact, expected, atol=1e-6)
    assert np.isfinite(informed(words, labels, num_classes=2, smoothing=1.0)).all()
    with pytest.raises(ValueError, match="`smoothing`"):
        measure.pointwise_information(words, labels, 2, smoothing=-1.0)


def test_discrepancy():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 3)), rng.normal(size=(5, 3)) + 1.0

    def kernel(a, b):
        return np.mean([[np.exp(-np.sum((p - q) ** 2) / (2 * 0.7**2)) for q in b] for p in a])

    expected = kernel(x, x) + kernel(y, y) - 2 * kernel(x, y)
    first, second = jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32)
    discrepancy = jax.jit(lambda a, b: measure.max_mean_discrepancy(a, b, bandwidth=0.7))
    np.testing.assert_allclose(discrepancy(first, second), expected, rtol=1e-5)
    assert abs(float(discrepancy(first, first))) < 1e-6
    with pytest.raises(ValueError, match="`bandwidth`"):
        measure.max_mean_discrepancy(first, second, bandwidth=0.0)
