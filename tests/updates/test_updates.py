"""Projections and orthogonal gradients against their definitions."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algax import updates


def apply(tx, gradient, params):
    return tx.update(gradient, tx.init(params), params)[0]


def test_a_vector_on_an_axis():
    params, gradient = {"w": jnp.array([1.0, 0.0])}, {"w": jnp.array([3.0, 4.0])}
    np.testing.assert_allclose(apply(updates.orthogonal_gradient(), gradient, params)["w"], [0.0, 5.0], atol=1e-6)
    np.testing.assert_allclose(apply(updates.orthogonal_gradient(rescale=False), gradient, params)["w"], [0.0, 4.0], atol=1e-6)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.booleans(), st.sampled_from(["leaf", "global"]), st.floats(1e-4, 1e4))
def test_the_result_is_orthogonal_and_keeps_the_norm(seed, rescale, granularity, scale):
    rng = np.random.default_rng(seed)
    params = {
        "a": rng.normal(size=(3, 4)).astype(np.float32),
        "b": rng.normal(size=5).astype(np.float32) * np.float32(scale),
    }
    gradient = {name: rng.normal(size=leaf.shape).astype(np.float32) for name, leaf in params.items()}
    result = apply(updates.orthogonal_gradient(granularity, rescale), gradient, params)
    groups = [("a",), ("b",)] if granularity == "leaf" else [("a", "b")]
    for names in groups:
        w, g, out = (
            np.concatenate([np.asarray(tree[name], np.float64).ravel() for name in names])
            for tree in (params, gradient, result)
        )
        expected = g - (w @ g) / (w @ w) * w
        expected *= np.linalg.norm(g) / np.linalg.norm(expected) if rescale else 1.0
        np.testing.assert_allclose(out, expected, rtol=1e-3, atol=1e-5)
        assert abs(w @ out) <= 1e-5 * np.linalg.norm(w) * np.linalg.norm(g)


def test_zero_weights_leave_the_gradient_and_parallel_gradients_vanish():
    params = {
        "zero": jnp.zeros(3),
        "parallel": jnp.array([0.3, -1.7, 0.9]),
        "single": jnp.array([2.0]),
        "scalar": jnp.array(2.0),
    }
    gradient = {
        "zero": jnp.arange(3.0),
        "parallel": 0.7 * params["parallel"],
        "single": jnp.ones(1),
        "scalar": jnp.array(1.0),
    }
    result = apply(updates.orthogonal_gradient(), gradient, params)
    np.testing.assert_allclose(result["zero"], [0, 1, 2], rtol=1e-6)
    for name in ("parallel", "single", "scalar"):
        np.testing.assert_array_equal(result[name], np.zeros_like(params[name]))


def test_a_zero_gradient_stays_zero():
    for rescale in (True, False):
        tx = updates.orthogonal_gradient(rescale=rescale)
        np.testing.assert_array_equal(apply(tx, jnp.zeros(3), jnp.ones(3)), np.zeros(3))


def test_bfloat16_leaves_keep_their_dtype_and_masked_leaves_are_skipped():
    params = {"a": jnp.array([1.0, 0.0], jnp.bfloat16), "b": jnp.array([1.0, 0.0])}
    gradient = {"a": jnp.array([3.0, 4.0], jnp.bfloat16), "b": jnp.array([3.0, 4.0])}
    result = apply(optax.masked(updates.orthogonal_gradient("global"), {"a": True, "b": False}), gradient, params)
    assert result["a"].dtype == jnp.bfloat16
    np.testing.assert_allclose(result["a"].astype(jnp.float32), [0.0, 5.0], atol=0.05)
    np.testing.assert_array_equal(result["b"], gradient["b"])


def test_epsilon_can_be_injected():
    tx = optax.inject_hyperparams(updates.orthogonal_gradient)(epsilon=1e-30)
    np.testing.assert_allclose(apply(tx, jnp.array([3.0, 4.0]), jnp.array([1.0, 0.0])), [0.0, 5.0], atol=1e-6)


@pytest.mark.parametrize("make", [updates.orthogonal_gradient, lambda: updates.project(lambda params: params)])
def test_params_are_needed(make):
    tx = make()
    with pytest.raises(ValueError, match="params"):
        tx.update(jnp.ones(2), tx.init(jnp.ones(2)))


def test_project_lands_on_the_projection_of_the_step():
    params, gradient = {"w": jnp.array([0.5, -2.0, 1.0])}, {"w": jnp.array([2.0, 1.0, -1.0])}
    tx = optax.chain(optax.sgd(1.0), updates.project(optax.projections.projection_non_negative))
    step, _ = tx.update(gradient, tx.init(params), params)
    np.testing.assert_allclose(optax.apply_updates(params, step)["w"], [0.0, 0.0, 2.0], atol=1e-7)


def test_project_with_the_identity_changes_nothing():
    result = apply(updates.project(lambda params: params), jnp.array([0.25, -0.5]), jnp.array([1.0, 2.0]))
    np.testing.assert_array_equal(result, [0.25, -0.5])


def test_a_projection_must_keep_the_form():
    with pytest.raises(ValueError, match="projection"):
        apply(updates.project(lambda params: jax.tree.map(lambda x: x[:1], params)), jnp.ones(2), jnp.ones(2))
