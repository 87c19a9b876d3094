"""Projection on the first norms: closed forms, invariance, and the equivalence with a rescaled rate."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from algax import updates


def tree(seed):
    rng = np.random.default_rng(seed)
    return {"kernel": rng.normal(size=(3, 4)).astype(np.float32), "zero": np.zeros(2, np.float32)}


def test_project_norms_keeps_directions_and_is_idempotent():
    params, radii = tree(0), jax.jit(updates.leaf_norms)(tree(1))
    project = jax.jit(updates.project_norms)
    projected = jax.device_get(project(params, radii))
    np.testing.assert_allclose(np.linalg.norm(projected["kernel"]), radii["kernel"], rtol=1e-6)
    cosine = np.sum(projected["kernel"] * params["kernel"]) / np.linalg.norm(projected["kernel"])
    np.testing.assert_allclose(cosine, np.linalg.norm(params["kernel"]), rtol=1e-6)
    np.testing.assert_allclose(project(projected, radii)["kernel"], projected["kernel"], rtol=1e-6)
    np.testing.assert_array_equal(projected["zero"], np.zeros(2))


def test_project_affine():
    project = jax.jit(updates.project_affine)
    ones, zeros = project(np.ones(5), np.zeros(5))
    np.testing.assert_allclose(ones, np.ones(5), rtol=1e-6)
    np.testing.assert_array_equal(zeros, np.zeros(5))
    scale, offset = project(np.array([3.0, 0.0]), np.array([0.0, 4.0]))
    np.testing.assert_allclose(scale, np.sqrt(2) * np.array([0.6, 0.0]), rtol=1e-6)
    np.testing.assert_allclose(offset, np.sqrt(2) * np.array([0.0, 0.8]), rtol=1e-6)
    with pytest.raises(ValueError, match="same shape"):
        updates.project_affine(np.ones(2), np.ones(3))


@pytest.mark.parametrize("every", [1, 3])
def test_training_stays_on_the_sphere(every):
    tx = optax.chain(optax.sgd(0.3), updates.normalize_and_project(every))

    @jax.jit
    def step(gradient, state, params):
        change, state = tx.update(gradient, state, params)
        return optax.apply_updates(params, change), state

    params, state = tree(0), jax.jit(tx.init)(tree(0))
    radius, norms = np.linalg.norm(params["kernel"]), []
    for i in range(6):
        params, state = step(tree(i + 1), state, params)
        norms.append(np.linalg.norm(params["kernel"]))
    due = [i for i in range(6) if (i + 1) % every == 0]
    np.testing.assert_allclose(np.asarray(norms)[due], radius, rtol=1e-5)
    if every > 1:
        assert abs(norms[0] - radius) > 1e-2


def test_one_step_equals_a_rescaled_rate_for_a_scale_invariant_function():
    """SGD on the sphere of radius r with rate lr turns w as SGD at norm n does with rate lr (n / r)^2."""

    def loss(w):
        return jnp.sum(jnp.sin(3.0 * w / jnp.linalg.norm(w)))

    w = np.array([0.3, -1.2, 0.7], np.float32)
    big = 4 * w
    gradient = jax.jit(jax.grad(loss))
    small_step = w - 0.1 * np.asarray(gradient(w))
    big_step = big - 0.1 * 16 * np.asarray(gradient(big))
    np.testing.assert_allclose(big_step / 4.0, small_step, rtol=1e-5)
    tx = optax.chain(optax.sgd(0.1), updates.normalize_and_project())
    change, _ = jax.jit(lambda slope, w: tx.update(slope, tx.init(w), w))(gradient(w), w)
    projected = big_step * np.linalg.norm(w) / np.linalg.norm(big_step)
    np.testing.assert_allclose(w + change, projected, rtol=1e-5)


def test_update_needs_parameters():
    tx = updates.normalize_and_project()
    with pytest.raises(ValueError, match="needs `params`"):
        tx.update(tree(0), tx.init(tree(0)))
