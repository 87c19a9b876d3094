"""From losses to Optax: `gradient` turns a loss into the gradient transformation at the head of an `optax.chain`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from . import checks, dataflow, numerics
from .devices import varying_over
from .terms import Metric, Terms, field_specs, record_name
from .transform import LossTransform, join_state, metric_values, require_loss, run, split_state

Params = Any
Forward = Callable[[Params, Any, jax.Array | None], Any]


class GradientState(NamedTuple):
    """Step count, state of the loss, and the last step's metrics (with the loss among them)."""

    step: jax.Array
    loss_state: Any
    metrics: dict[str, jax.Array]


class _Part(NamedTuple):
    """What one micro-batch contributes; parts of a batch are added up."""

    gradient: Params
    loss: jax.Array
    metrics: dict[str, Metric]


def gradient(
    loss: LossTransform, forward: Forward, *, microbatches: int = 1, axis_name: str | tuple[str, ...] | None = None
) -> optax.GradientTransformationExtraArgs:
    """Makes the gradient transformation that ignores incoming updates and returns the gradient of a loss.

    The transforms that depend on no differentiated field run once on the whole batch; the rest runs per micro-batch and
    per device against the whole batch's denominators, so that loss and gradient do not depend on how the batch is cut.

    Args:
      loss: a loss transform or chain that writes `loss`.
      forward: `(params, terms, key) -> terms` with the differentiated fields filled in.
      microbatches: into how many parts of equal size the rows of the batch are cut, computed one after the other.
      axis_name: the mapped axis (or axes) under `pmap` or `shard_map`; None under `jit`, where shardings suffice.

    Returns:
      An `optax.GradientTransformationExtraArgs`: `tx.update(None, state, params, terms=terms, key=key)`. Its state holds
      step, loss state and metrics; `optax.tree.get(state, "metrics")` reads the latter through any chain.

    Raises:
      ValueError: the loss is never written, or couples rows of the batch that `microbatches` would separate.

    Example:
      >>> forward = policy.forward(lambda params, inputs: params[inputs])  # one logit table as the model
      >>> tx = optax.chain(algax.gradient(policy.reinforce(), forward), optax.sgd(0.1))
      >>> terms = policy.Terms(inputs=jnp.array([[0]]), tokens=jnp.array([[1]]), rewards=jnp.array([1.0]))
      >>> params = jnp.zeros([1, 2])
      >>> updates, state = tx.update(None, tx.init(params), params, terms=terms)
      >>> print(optax.apply_updates(params, updates))
      [[-0.05  0.05]]
    """
    _check_arguments(loss, forward, microbatches)

    def init(params: Params) -> GradientState:
        del params
        return GradientState(jnp.zeros([], jnp.int32), loss.init(), _zero_metrics(loss))

    def update(updates, state, params=None, *, terms, key=None, **extra_args):
        del updates, extra_args
        if params is None:
            raise ValueError("gradient needs `params`: call update(None, state, params, terms=terms)")
        part, loss_state = _evaluate(loss, forward, params, terms, state, key, microbatches, axis_name)
        metrics = {"loss": part.loss, **metric_values(part.metrics)}
        return part.gradient, GradientState(optax.safe_increment(state.step), loss_state, metrics)

    return optax.GradientTransformationExtraArgs(init, update)


def gradients(
    losses: Mapping[str, tuple[LossTransform, Forward]],
    *,
    microbatches: int = 1,
    axis_name: str | tuple[str, ...] | None = None,
) -> optax.GradientTransformationExtraArgs:
    """Like `gradient` for several networks trained on losses of their own, such as generator and discriminator.

    Args:
      losses: network name -> (loss, forward). `params` is a dict with these names; every forward gets all of it,
        and its loss is differentiated with respect to its own network alone.
      microbatches: see `gradient`.
      axis_name: see `gradient`.

    Returns:
      A transformation whose updates are a dict by network; `terms` is one record for all, or a dict by network. Metrics
      are called network/metric. Every network sees the parameters before the step.
    """
    if not losses:
        raise ValueError("`losses` must name at least one network")
    for loss, forward in losses.values():
        _check_arguments(loss, forward, microbatches)

    def init(params: Params) -> GradientState:
        _check_networks(losses, params)
        states = {name: loss.init() for name, (loss, _) in losses.items()}
        metrics = {f"{name}/{k}": v for name, (loss, _) in losses.items() for k, v in _zero_metrics(loss).items()}
        return GradientState(jnp.zeros([], jnp.int32), states, metrics)

    def update(updates, state, params=None, *, terms, key=None, **extra_args):
        del updates, extra_args
        if params is None:
            raise ValueError("gradients needs `params`: call update(None, state, params, terms=terms)")
        _check_networks(losses, params)
        keys = dict.fromkeys(losses) if key is None else dict(zip(losses, jax.random.split(key, len(losses)), strict=True))
        result, states, metrics = {}, {}, {}
        for name, (loss, forward) in losses.items():
            own = state._replace(loss_state=state.loss_state[name])
            batch = terms if isinstance(terms, Terms) else terms[name]
            part, states[name] = _evaluate(
                loss, _of_network(forward, name, params), params[name], batch, own, keys[name], microbatches, axis_name
            )
            result[name] = part.gradient
            values = {"loss": part.loss, **metric_values(part.metrics)}
            metrics.update({f"{name}/{k}": v for k, v in values.items()})
        return result, GradientState(optax.safe_increment(state.step), states, metrics)

    return optax.GradientTransformationExtraArgs(init, update)


def _of_network(forward: Forward, name: str, params: Params) -> Forward:
    return lambda own, terms, key: forward({**params, name: own}, terms, key)


def _check_networks(losses: Mapping[str, Any], params: Params) -> None:
    if not isinstance(params, Mapping) or set(params) != set(losses):
        names = sorted(params) if isinstance(params, Mapping) else type(params).__name__
        raise ValueError(f"`params` must be a mapping with the networks {sorted(losses)}, got {names}")


def _check_arguments(loss: LossTransform, forward: Forward, microbatches: int) -> None:
    require_loss(loss)
    if not callable(forward):
        raise TypeError(f"`forward` must be a function (params, terms, key) -> terms, got {forward!r}")
    checks.integer("microbatches", microbatches, least=1)
    coupling = [step.name for step in loss.steps if step.couples_batch]
    if microbatches > 1 and coupling:
        raise ValueError(f"{coupling[0]} couples the rows of the batch: `microbatches` must be 1, got {microbatches}")


def _zero_metrics(loss: LossTransform) -> dict[str, jax.Array]:
    return {name: jnp.zeros([], jnp.float32) for name in ("loss", *loss.metrics)}


def _evaluate(loss, forward, params, terms, state, key, microbatches, axis_name) -> tuple[_Part, Any]:
    """Loss, gradient and metrics of the whole batch, over micro-batches and devices."""
    if not isinstance(terms, Terms):
        raise TypeError(f"`terms` must be a Terms record, got {type(terms).__name__}")
    steps = loss.steps
    sources = [name for name, spec in field_specs(type(terms)).items() if spec.role == "differentiated"]
    depends = dataflow.depends_on(steps, sources)
    dataflow.check_order(steps, depends)

    loss_key, forward_key = (None, None) if key is None else _keys(key, axis_name)
    terms = terms.replace(step=state.step, key=loss_key, axis_name=axis_name).prepare()
    once = tuple(not d for d in depends)
    terms, states = run(steps, terms, split_state(loss, state.loss_state), once)
    whole_metrics, terms = terms.metrics, terms.replace(metrics={}).with_totals()

    def part(terms, states, loss_key, forward_key):
        def objective(params):
            filled = forward(params, terms.replace(key=loss_key), forward_key)
            _check_forward(filled, terms)
            filled = filled.replace(prepared=False).prepare()
            result, new_states = run(steps, filled, states, depends)
            return result.loss, (new_states, result.metrics)

        (value, (new_states, metrics)), grad = jax.value_and_grad(objective, has_aux=True)(varying_over(params, axis_name))
        return _Part(grad, value, metrics), new_states

    if microbatches == 1:
        total, states = part(terms, states, loss_key, forward_key)
    else:
        total, states = _accumulate(part, terms, states, (loss_key, forward_key), microbatches)
    total = total._replace(metrics={**whole_metrics, **total.metrics})
    if axis_name is not None:
        total = jax.tree.map(lambda x: jax.lax.psum(x, axis_name), total)
    total = total._replace(metrics={name: total.metrics[name] for name in loss.metrics})
    return total, join_state(loss, states)


def _keys(key: jax.Array, axis_name: Any) -> tuple[jax.Array, jax.Array]:
    """Keys for the loss and for the forward pass, the latter different on every device."""
    loss_key, forward_key = jax.random.split(key)
    return loss_key, forward_key if axis_name is None else jax.random.fold_in(forward_key, jax.lax.axis_index(axis_name))


def _check_forward(filled: Any, terms: Terms) -> None:
    if type(filled) is not type(terms):
        raise TypeError(f"`forward` must return a {record_name(terms)}, got {type(filled).__name__}")


def _accumulate(part, terms, states, keys, microbatches) -> tuple[_Part, tuple[Any, ...]]:
    """Adds the parts of the micro-batches up, one after the other."""

    @functools.partial(jax.jit, inline=True)  # traced once, for the shapes and for the scan
    def one(i, states):
        own_keys = [None if key is None else jax.random.fold_in(key, i) for key in keys]
        return part(_microbatch(terms, i, microbatches), states, *own_keys)

    def body(carry, i):
        total, states = carry
        new, states = one(i, states)
        new = varying_over(new, terms.axis_name)
        return (jax.tree.map(lambda a, b: a + b.astype(a.dtype), total, new), states), None

    shapes, _ = jax.eval_shape(one, jnp.zeros([], jnp.int32), states)
    zeros = jax.tree.map(lambda s: numerics.at_least_float32(jnp.zeros(s.shape, s.dtype)), shapes)
    zeros = varying_over(zeros, terms.axis_name)
    (total, states), _ = jax.lax.scan(body, (zeros, states), jnp.arange(microbatches, dtype=jnp.int32))
    return jax.tree.map(lambda x, s: x.astype(s.dtype), total, shapes), states


def _microbatch(terms: Terms, i: jax.Array, microbatches: int) -> Terms:
    """Every k-th row from the i-th, so that rows stay on the device that holds them."""

    def rows(name, x):
        if x.shape[0] % microbatches:
            raise ValueError(
                f"`microbatches` must divide the number of rows: `{name}` has {x.shape[0]} rows, got {microbatches}"
            )
        cut = x.reshape(x.shape[0] // microbatches, microbatches, *x.shape[1:])
        return jax.lax.dynamic_index_in_dim(cut, i, axis=1, keepdims=False)

    return terms.replace(whole=False).map_rows(rows)
