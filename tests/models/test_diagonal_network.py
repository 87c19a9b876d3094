"""The diagonal network: its formula and refusals."""

import jax
import numpy as np
import pytest

from algax import models


def test_the_formula():
    model = models.DiagonalNetwork(scale=0.3)
    x = jax.random.normal(jax.random.key(0), (4, 5))
    params = model.init(jax.random.key(1), x)
    np.testing.assert_array_equal(model.apply(params, x), 0.0)
    u, v = (jax.random.normal(jax.random.key(seed), (5,)) for seed in (2, 3))
    expected = (x @ (u**2 - v**2))[:, None]
    found = model.apply({"params": {"positive": u, "negative": v}}, x)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_a_scale_must_be_positive():
    with pytest.raises(ValueError, match="`scale` must be above 0"):
        models.DiagonalNetwork(scale=0.0)
