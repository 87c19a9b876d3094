"""Transforms under `jit`: run one operation at a time, JAX would compile each of their operations on its own."""

import functools

import jax


def update(transform, terms, state=None):
    """The record and the state after a transform, in NumPy."""
    return jax.device_get(jax.jit(transform.update)(terms, transform.init() if state is None else state))


def loss_of(loss, terms):
    return jax.device_get(jax.jit(loss)(terms))


@functools.cache
def _program(loss):
    return jax.jit(jax.value_and_grad(lambda log_probs, terms: loss(terms.replace(log_probs=log_probs))))


def value_and_gradient(loss, terms, log_probs):
    """Of a loss by the log-probs, in NumPy."""
    return jax.device_get(_program(loss)(log_probs, terms))
