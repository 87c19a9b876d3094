"""Losses of regression."""

from __future__ import annotations

import jax.numpy as jnp

from ..core.transform import LossTransform, loss_transform
from .terms import Terms


def squared_error() -> LossTransform:
    """Half the mean squared error: loss = mean_b sum_c (f_bc - y_bc)^2 / 2.

    Returns:
      A loss on `targets` y and `logits` f, the model's outputs.

    Example:
      >>> terms = supervised.Terms(targets=jnp.array([[1.0], [0.0]]), logits=jnp.array([[3.0], [1.0]]))
      >>> float(supervised.squared_error()(terms))
      1.25
    """

    def update(terms: Terms) -> Terms:
        where = terms.mask[:, None]
        errors = jnp.where(where, terms.logits, 0.0) - jnp.where(where, terms.targets, 0.0)
        return terms.add_loss(terms.mean(0.5 * jnp.sum(errors**2, axis=-1)))

    return loss_transform(update, reads=("targets", "logits"), writes=("loss",))
