"""Sparse linear regression with more dimensions than examples, each seed with its own."""

from typing import Any

import jax
import jax.numpy as jnp

from algax import measure, supervised
from algax.experiments.tasks.task import Task


def sparse_regression(model: Any, examples: int = 20, dims: int = 40, nonzero: int = 3, batch_size: int = 20) -> Task:
    """The sparse regression task: normal inputs, targets by a vector of a few ones.

    Args:
        model: a Linen module, `[B, dims]` to `[B, 1]`.
        examples: training examples.
        dims: of the inputs, at least `nonzero`.
        nonzero: ones in the true vector.
        batch_size: examples a step, drawn with replacement; `examples` of them are all, in order.

    Returns:
        a task with the metrics `loss` (training), `log_trace`, the logarithm of the trace of its Gauss-Newton Hessian, and
        `test_loss` and `l1`, the error and the sum of the absolute values of the linear function learnt.
    """
    if not 1 <= nonzero <= dims:
        raise ValueError(f"nonzero must be between 1 and dims={dims}; got {nonzero}")
    if not 1 <= batch_size <= examples:
        raise ValueError(f"batch_size must be between 1 and examples={examples}; got {batch_size}")
    truth = (jnp.arange(dims) < nonzero).astype(jnp.float32)

    def init(key):
        data_key, model_key = jax.random.split(key)
        inputs = jax.random.normal(data_key, (examples, dims))
        return model.init(model_key, inputs[:1]), {"inputs": inputs}

    def batch(params, context, step, key):
        del params, step
        rows = jnp.arange(examples) if batch_size == examples else jax.random.randint(key, (batch_size,), 0, examples)
        inputs = context["inputs"][rows]
        return supervised.Terms(inputs=inputs, targets=(inputs @ truth)[:, None], mask=jnp.ones(batch_size, bool))

    def forward(params, terms, key):
        del key
        return terms.replace(logits=model.apply(params, terms.inputs))

    def evaluate(params, context, key):
        del key
        inputs = context["inputs"]
        errors = model.apply(params, inputs)[:, 0] - inputs @ truth
        jacobian = measure.per_sample_jacobian(lambda p, rows: model.apply(p, rows)[:, 0], params, inputs)
        learnt = model.apply(params, jnp.eye(dims))[:, 0]
        return {
            "loss": 0.5 * jnp.mean(errors**2),
            "log_trace": jnp.log(measure.loss_curvature(jacobian).trace),
            "test_loss": 0.5 * jnp.sum((learnt - truth) ** 2),
            "l1": jnp.sum(jnp.abs(learnt)),
        }

    return Task(init, batch, forward, evaluate)
