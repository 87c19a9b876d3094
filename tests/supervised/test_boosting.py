"""Boosted networks: residuals against autodiff, Newton steps against a line search, stages, merging."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import supervised

N = 24
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 3)).astype(np.float32)
TARGETS = {
    "squared": RNG.normal(size=(N, 2)).astype(np.float32),
    "log_exponential": np.where(X[:, :1] * X[:, 1:2] > 0, 1.0, -1.0).astype(np.float32),
    "cross_entropy": np.eye(3, dtype=np.float32)[np.argmax(X, axis=1)],
}
LOSSES = {
    "squared": supervised.squared_boosting(),
    "log_exponential": supervised.log_exponential_boosting(),
    "cross_entropy": supervised.cross_entropy_boosting(),
}


def scores_of(network, inputs):
    """The sum of the blocks, one by one."""
    total = np.asarray(network.initial)[None, :]
    for w, b, v, c, step in zip(*network[1:], strict=True):
        hidden = 0.5 * (1 + np.tanh(0.5 * (inputs @ w + b[None, :])))
        total = total + step * (hidden @ v + c[None, :])
    return total


@pytest.mark.parametrize("name", LOSSES)
def test_residuals_are_minus_the_gradient_and_the_start_is_the_best_constant(name):
    loss, y = LOSSES[name], TARGETS[name]
    assert isinstance(loss, supervised.BoostingLoss)
    scores = RNG.normal(size=y.shape).astype(np.float32)

    @jax.jit
    def results(scores, y):
        gradient = jax.grad(lambda s: jnp.sum(loss.value(y, s)))(scores)
        start = jnp.broadcast_to(loss.initial(y)[None, :], y.shape)
        return gradient, loss.residual(y, scores), jnp.sum(loss.residual(y, start), axis=0)

    gradient, residual, at_start = results(scores, y)
    np.testing.assert_allclose(residual, -np.asarray(gradient), rtol=1e-5, atol=1e-6)
    if name != "cross_entropy":
        np.testing.assert_allclose(at_start, 0.0, atol=1e-4)


@pytest.mark.parametrize("name", ["log_exponential", "cross_entropy"])
def test_newton_steps_divide_by_the_diagonal_curvature(name):
    loss, y = LOSSES[name], TARGETS[name]
    scores, h = (RNG.normal(size=y.shape).astype(np.float32) for _ in range(2))

    @jax.jit
    def results(scores, y, h):
        # Entry by entry, so for the softmax the diagonal of its Hessian alone.
        entries = jax.vmap(lambda row, s: jnp.diag(jax.hessian(lambda t: loss.value(row[None], t[None])[0])(s)))(y, scores)
        residual = loss.residual(y, scores)
        return entries, residual, loss.newton_step(y, residual, h), loss.newton_step(y, residual, jnp.zeros_like(h))

    entries, residual, step, no_step = map(np.asarray, results(scores, y, h))
    np.testing.assert_allclose(step, np.sum(residual * h) / np.sum(h**2 * entries), rtol=1e-4)
    assert no_step == 0.0


def test_an_exact_block_of_the_squared_loss_ends_the_fit():
    loss, y = LOSSES["squared"], TARGETS["squared"]

    @jax.jit
    def fitted(y):
        scores = jnp.broadcast_to(loss.initial(y)[None, :], y.shape)
        residual = loss.residual(y, scores)
        return scores + loss.newton_step(y, residual, residual) * residual

    np.testing.assert_allclose(fitted(y), y, rtol=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_stages_lower_the_loss_and_merge_into_one_network(name):
    loss, y = LOSSES[name], TARGETS[name]

    @jax.jit
    def fit(key):
        options = {"blocks": 4, "units": 2, "shrinkage": 0.5}
        network = supervised.boost(key, X, y, loss, **options, iterations=40)
        return network, supervised.boost(key, X, y, loss, **options, subsample=0.5, iterations=5)

    network, shorter = jax.device_get(fit(jax.random.key(0)))
    assert isinstance(network, supervised.BoostedNetwork)
    stages = [supervised.truncate(network, blocks) for blocks in range(5)]
    value = jax.jit(loss.value)
    values = [np.sum(value(y, scores_of(stage, X))) for stage in stages]
    assert np.all(np.diff(values) <= 1e-4) and values[-1] < 0.9 * values[0]
    for stage in (network, stages[2]):
        merged = jax.jit(lambda stage: supervised.merge_blocks(stage, logit_scale=loss.logit_scale))(stage)
        assert isinstance(merged, supervised.SigmoidNetwork) and merged.kernel.shape == (3, 2 * len(stage.steps))
        scores = jax.jit(lambda network: network(X))(merged)
        np.testing.assert_allclose(scores, loss.logit_scale * scores_of(stage, X), rtol=1e-4, atol=1e-5)
    assert not np.allclose(shorter.kernels, network.kernels)


def test_one_class_alone_has_a_finite_start():
    assert np.all(np.isfinite(LOSSES["log_exponential"].initial(np.ones((5, 1), np.float32))))


def test_bad_arguments_are_refused():
    loss, y, key = LOSSES["squared"], TARGETS["squared"], jax.random.key(0)
    for bad in ({"blocks": 0}, {"units": 0}, {"shrinkage": 1.1}, {"subsample": 0.0}, {"iterations": 0}):
        with pytest.raises(ValueError, match=f"`{next(iter(bad))}`"):
            supervised.boost(key, X, y, loss, **{"blocks": 1, "units": 1, **bad})
    with pytest.raises(ValueError, match="`inputs` and `targets`"):
        supervised.boost(key, X, y[:, 0], loss, blocks=1, units=1)
    network = supervised.BoostedNetwork(np.zeros(2), *(np.zeros((1, 1, 1)),) * 4, np.zeros(1))
    with pytest.raises(ValueError, match="`blocks` must be at most 1"):
        supervised.truncate(network, 2)
    with pytest.raises(ValueError, match="`logit_scale`"):
        supervised.merge_blocks(network, logit_scale=0.0)
