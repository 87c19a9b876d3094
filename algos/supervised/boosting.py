"""A one-hidden-layer network built block by block: each block is fitted to what the sum of those before leaves over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from ..core import checks, numerics

SMALLEST = 1e-12  # a Newton step's denominator below it counts as 0


class BoostingLoss(NamedTuple):
    """What boosting needs of a loss l(y, F); targets y and scores F are `[N, K]`.

    Attributes:
      initial: y -> `[K]`, the constant scores to start from.
      value: (y, F) -> `[N]`.
      residual: (y, F) -> `[N, K]`, -dl/dF.
      newton_step: (y, residual, h) -> `[]`, how far to go along a block's scores h `[N, K]`; 0 where it is not determined.
      logit_scale: what turns scores into the logits of probabilities.
    """

    initial: Callable[[jax.Array], jax.Array]
    value: Callable[[jax.Array, jax.Array], jax.Array]
    residual: Callable[[jax.Array, jax.Array], jax.Array]
    newton_step: Callable[[jax.Array, jax.Array, jax.Array], jax.Array]
    logit_scale: float


class BoostedNetwork(NamedTuple):
    """T blocks of J logistic units each, F(x) = initial + sum_t steps_t (sigmoid(x W_t + b_t) V_t + c_t).

    Attributes:
      initial: `[K]`.
      kernels: W, `[T, d, J]`.
      biases: b, `[T, J]`.
      output_kernels: V, `[T, J, K]`.
      output_biases: c, `[T, K]`.
      steps: `[T]`, shrinkage times Newton step.
    """

    initial: jax.Array
    kernels: jax.Array
    biases: jax.Array
    output_kernels: jax.Array
    output_biases: jax.Array
    steps: jax.Array


class SigmoidNetwork(NamedTuple):
    """One hidden layer: sigmoid(x kernel + bias) output_kernel + output_bias.

    Attributes:
      kernel: `[d, U]`.
      bias: `[U]`.
      output_kernel: `[U, K]`.
      output_bias: `[K]`.
    """

    kernel: jax.Array
    bias: jax.Array
    output_kernel: jax.Array
    output_bias: jax.Array

    def __call__(self, inputs: jax.Array) -> jax.Array:
        """Maps `[N, d]` to `[N, K]`."""
        hidden = jax.nn.sigmoid(inputs @ self.kernel + self.bias[None, :])
        return hidden @ self.output_kernel + self.output_bias[None, :]


def squared_boosting() -> BoostingLoss:
    """Regression: l = sum_k (y - F)^2 / 2, residual y - F, Newton step 1, start mean y.

    Source: as for `boost`.
    """
    return BoostingLoss(
        initial=_mean,
        value=lambda y, scores: 0.5 * jnp.sum((y - scores) ** 2, axis=-1),
        residual=lambda y, scores: y - scores,
        newton_step=lambda y, residual, h: jnp.ones([], h.dtype),
        logit_scale=1.0,
    )


def log_exponential_boosting() -> BoostingLoss:
    """Two classes y = -1 or 1, one score: l = log(1 + exp(-2 y F)), so that P(y = 1) = sigmoid(2 F).

    Residual r = 2 y / (1 + exp(2 y F)), Newton step sum r h / sum r h^2 (2 y - r), start half the log-odds.

    Source: as for `boost`.
    """

    def initial(y: jax.Array) -> jax.Array:
        mean = jnp.clip(_mean(y), -1 + 1e-6, 1 - 1e-6)  # of one class alone the log-odds would be infinite
        return 0.5 * (jnp.log1p(mean) - jnp.log1p(-mean))

    def newton_step(y: jax.Array, residual: jax.Array, h: jax.Array) -> jax.Array:
        return _ratio(jnp.sum(residual * h), jnp.sum(residual * h**2 * (2.0 * y - residual)))

    return BoostingLoss(
        initial=initial,
        value=lambda y, scores: jnp.sum(jax.nn.softplus(-2.0 * y * scores), axis=-1),
        residual=lambda y, scores: 2.0 * y * jax.nn.sigmoid(-2.0 * y * scores),
        newton_step=newton_step,
        logit_scale=2.0,
    )


def cross_entropy_boosting() -> BoostingLoss:
    """K classes, y one-hot: cross-entropy, residual r = y - softmax(F), start 0.

    Newton step, one for all classes: sum r h / sum h^2 p (1 - p), p = y - r.

    Source: as for `boost`.
    """

    def newton_step(y: jax.Array, residual: jax.Array, h: jax.Array) -> jax.Array:
        probs = y - residual
        return _ratio(jnp.sum(residual * h), jnp.sum(h**2 * probs * (1.0 - probs)))

    return BoostingLoss(
        initial=lambda y: jnp.zeros(y.shape[-1], y.dtype),
        value=lambda y, scores: -jnp.sum(y * jax.nn.log_softmax(scores), axis=-1),
        residual=lambda y, scores: y - jax.nn.softmax(scores),
        newton_step=newton_step,
        logit_scale=1.0,
    )


def boost(
    key: jax.Array,
    inputs: jax.Array,
    targets: jax.Array,
    loss: BoostingLoss,
    *,
    blocks: int,
    units: int,
    shrinkage: float = 1.0,
    subsample: float = 1.0,
    iterations: int = 200,
) -> BoostedNetwork:
    """Builds a network by gradient boosting.

    Block t of J logistic units and a linear output is fitted to the residuals by least squares with L-BFGS, on a part of the
    examples drawn without replacement; then F <- F + shrinkage rho_t h_t with the loss's Newton step rho_t over all of them.

    Args:
      key: a PRNG key.
      inputs: `[N, d]`, standardised.
      targets: `[N, K]`, as the loss wants them.
      loss: `squared_boosting()`, `log_exponential_boosting()` or `cross_entropy_boosting()`.
      blocks: T >= 1.
      units: J >= 1, hidden units of a block.
      shrinkage: in (0, 1].
      subsample: in (0, 1], part of the examples each block sees; at least one.
      iterations: >= 1, of L-BFGS for each block.

    Returns:
      A `BoostedNetwork`; `merge_blocks` makes one layer of it.

    Raises:
      ValueError: an argument is out of range or has another shape.

    Source: Emami, Martinez-Munoz, "Sequential Training of Neural Networks with Gradient Boosting", 2019, arXiv 1909.12098.
    """
    for name, number in (("blocks", blocks), ("units", units), ("iterations", iterations)):
        checks.integer(name, number, least=1)
    for name, part in (("shrinkage", shrinkage), ("subsample", subsample)):
        checks.between(name, part, 0.0, 1.0, closed="high")
    if inputs.ndim != 2 or targets.ndim != 2 or inputs.shape[0] != targets.shape[0]:
        raise ValueError(f"`inputs` and `targets` must be [N, d] and [N, K], got {inputs.shape}, {targets.shape}")
    inputs, targets = (numerics.at_least_float32(jnp.asarray(x)) for x in (inputs, targets))
    examples = inputs.shape[0]
    drawn = max(1, round(subsample * examples))
    initial = loss.initial(targets)

    def stage(scores: jax.Array, key: jax.Array) -> tuple[jax.Array, Any]:
        sample_key, block_key = jax.random.split(key)
        rows = jax.random.permutation(sample_key, examples)[:drawn]
        residual = loss.residual(targets, scores)
        start = _initial_block(block_key, inputs.shape[1], units, targets.shape[1])
        block = _least_squares(start, inputs[rows], residual[rows], iterations)
        outputs = block(inputs)
        # Over all examples: over those it was fitted to, whose residuals vanish in time, the step grows without bound.
        step = shrinkage * loss.newton_step(targets, residual, outputs)
        return scores + step * outputs, (block, step)

    scores = jnp.broadcast_to(initial[None, :], targets.shape)
    _, (fitted, steps) = jax.lax.scan(stage, scores, jax.random.split(key, blocks))
    return BoostedNetwork(initial, fitted.kernel, fitted.bias, fitted.output_kernel, fitted.output_bias, steps)


def merge_blocks(network: BoostedNetwork, *, logit_scale: float = 1.0) -> SigmoidNetwork:
    """One network with the hidden units of all blocks.

    Args:
      network: of `boost`, or `truncate`d.
      logit_scale: > 0, of the output layer: the loss's `logit_scale` makes its outputs logits.

    Returns:
      A `SigmoidNetwork` of T J units.

    Raises:
      ValueError: logit_scale is not positive.

    Source: as for `boost`.
    """
    checks.positive("logit_scale", logit_scale)
    inputs = network.kernels.shape[1]
    weights = network.steps[:, None, None] * network.output_kernels
    bias = network.initial + jnp.sum(network.steps[:, None] * network.output_biases, axis=0)
    return SigmoidNetwork(
        kernel=jnp.reshape(jnp.moveaxis(network.kernels, 0, 1), (inputs, -1)),
        bias=jnp.ravel(network.biases),
        output_kernel=logit_scale * jnp.reshape(weights, (-1, weights.shape[-1])),
        output_bias=logit_scale * bias,
    )


def truncate(network: BoostedNetwork, blocks: int) -> BoostedNetwork:
    """The first blocks of a network, which are the network of that many stages.

    Args:
      network: of `boost`.
      blocks: in 0..T.

    Returns:
      A `BoostedNetwork`.

    Raises:
      ValueError: blocks is out of range.

    Source: as for `boost`.
    """
    total = network.steps.shape[0]
    if checks.integer("blocks", blocks, least=0) > total:
        raise ValueError(f"`blocks` must be at most {total}, got {blocks}")
    return BoostedNetwork(network.initial, *(array[:blocks] for array in network[1:]))


def _mean(y: jax.Array) -> jax.Array:
    return jnp.sum(y, axis=0) / y.shape[0]


def _ratio(numerator: jax.Array, denominator: jax.Array) -> jax.Array:
    """The Newton step, 0 where the denominator is about 0."""
    defined = jnp.abs(denominator) > SMALLEST
    return jnp.where(defined, numerator / jnp.where(defined, denominator, 1.0), 0.0)


def _initial_block(key: jax.Array, inputs: int, units: int, outputs: int) -> SigmoidNetwork:
    """A block before its fit: hidden weights of variance 1 / d, so that units differ; the output starts at 0."""
    kernel_key, bias_key = jax.random.split(key)
    kernel = jax.random.normal(kernel_key, (inputs, units)) / inputs**0.5
    bias = jax.random.normal(bias_key, (units,)) / inputs**0.5
    return SigmoidNetwork(kernel, bias, jnp.zeros((units, outputs)), jnp.zeros(outputs))


def _least_squares(block: SigmoidNetwork, inputs: jax.Array, residual: jax.Array, iterations: int) -> SigmoidNetwork:
    """The block fitted to residuals by L-BFGS; it stops where the gradient vanishes."""

    def objective(block: SigmoidNetwork) -> jax.Array:
        return 0.5 * jnp.sum((residual - block(inputs)) ** 2) / inputs.shape[0]

    tx = optax.lbfgs()
    value_and_grad = optax.value_and_grad_from_state(objective)

    def step(carry: tuple[SigmoidNetwork, Any, jax.Array, jax.Array]) -> tuple[SigmoidNetwork, Any, jax.Array, jax.Array]:
        block, state, _, count = carry
        value, grads = value_and_grad(block, state=state)
        updates, state = tx.update(grads, state, block, value=value, grad=grads, value_fn=objective)
        return optax.apply_updates(block, updates), state, optax.tree.norm(grads), count + 1

    def goes_on(carry: tuple[SigmoidNetwork, Any, jax.Array, jax.Array]) -> jax.Array:
        return (carry[3] < iterations) & (carry[2] > 1e-7)

    start = (block, tx.init(block), jnp.asarray(jnp.inf, inputs.dtype), jnp.zeros([], jnp.int32))
    return jax.lax.while_loop(goes_on, step, start)[0]
