"""The patch network: its formula, a symmetry, and refusals."""

import jax
import numpy as np
import pytest

from algax import models

from .parameters import draw_params


def test_the_formula_and_its_symmetry():
    model = models.PatchNetwork(units=3, std=1.0)
    x = np.random.default_rng(0).normal(size=(4, 2, 5)).astype(np.float32)
    params = draw_params(model, x)
    w = params["params"]["weights"]
    expected = []
    for row in x:
        groups = [np.mean([sum(max(w_r @ patch, 0.0) ** 2 for patch in row) for w_r in group]) for group in w]
        expected.append([groups[1] - groups[0]])
    apply = jax.jit(model.apply)
    np.testing.assert_allclose(apply(params, x), expected, rtol=1e-4, atol=1e-5)
    mirrored = jax.tree.map(lambda leaf: -leaf, params)
    np.testing.assert_allclose(apply(mirrored, -x), expected, rtol=1e-4, atol=1e-5)


def test_bad_options_are_refused():
    with pytest.raises(ValueError, match="`units` must be"):
        models.PatchNetwork(units=0)
    with pytest.raises(ValueError, match="`std` must be"):
        models.PatchNetwork(units=1, std=0.0)
