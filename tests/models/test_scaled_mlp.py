"""The scaled network: its formula in NumPy, and refusals."""

import jax
import numpy as np
import pytest

from algax import models

from .parameters import draw_params


@pytest.mark.parametrize("parameterization", ["mup", "ntk"])
def test_the_formula(parameterization):
    model = models.ScaledMLP(width=8, depth=2, outputs=3, parameterization=parameterization)
    x = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    params = draw_params(model, x, noise=1.0)
    w = {name: np.asarray(value, np.float64) for name, value in params["params"].items()}
    h = np.asarray(x, np.float64) @ w["input"] / np.sqrt(5)
    for layer in range(2):
        h = h + np.maximum(h, 0) @ w[f"hidden_{layer}"] / np.sqrt(2 * 8)
    gamma = np.sqrt(8) if parameterization == "mup" else 1.0
    y = jax.jit(model.apply)(params, x)
    np.testing.assert_allclose(y, np.maximum(h, 0) @ w["output"] / (gamma * np.sqrt(8)), rtol=1e-5)
    np.testing.assert_allclose(model.rate_scale, gamma**2, rtol=1e-12)


def test_weights_are_standard_normal():
    model = models.ScaledMLP(width=64, depth=1, outputs=64)
    params = jax.jit(model.init)(jax.random.key(0), np.zeros((1, 64), np.float32))
    for weights in jax.tree.leaves(params):
        assert abs(np.std(weights) - 1) < 0.05


@pytest.mark.parametrize(
    "options", [{"width": 0}, {"depth": 0}, {"outputs": 0}, {"parameterization": "sp"}, {"activation": "elu"}]
)
def test_bad_options_are_refused(options):
    with pytest.raises(ValueError, match=f"`{next(iter(options))}` must be"):
        models.ScaledMLP(**{"width": 4, "depth": 1, "outputs": 1, **options})
