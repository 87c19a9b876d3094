"""The record of a labelled batch, and the forward pass that fills it in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from .. import core
from ..core.terms import data, derived, differentiated, mask

Array = jax.Array


@struct.dataclass
class Terms(core.Terms):
    """B examples of C classes.

    Data:
      inputs: whatever the model needs, with a leading batch axis.
      labels: `[B]` integers in 0..C-1.
      targets: `[B, C]` numbers that a regression's outputs, `logits`, should be.
      soft_labels: `[B, C]` probabilities of the classes under another, such as a weaker, model.
      mask: `[B]` true where an example counts.
    Differentiated, filled in by `forward`:
      logits: `[B, C]` unnormalised log-probabilities of the classes.
    Derived:
      soft_targets: `[B, C]` probabilities of the classes to be learned.
    """

    labels: Array = data("B")
    targets: Array = data("B C")
    soft_labels: Array = data("B C")
    mask: Array = mask("B")
    logits: Array = differentiated("B C")
    soft_targets: Array = derived("B C")


def forward(apply_fn: Callable[[Any, Any], Array]) -> Callable[[Any, Terms, Array | None], Terms]:
    """Wraps an apply function for `algax.gradient`.

    Args:
      apply_fn: `(params, inputs) -> logits [B, C]`.

    Returns:
      `(params, terms, key) -> terms` with `logits` filled in.

    Example:
      >>> terms = supervised.Terms(inputs=jnp.ones((4, 2)), labels=jnp.array([0, 1, 2, 0]))
      >>> forward = supervised.forward(lambda params, inputs: inputs @ params)
      >>> tx = optax.chain(algax.gradient(supervised.cross_entropy(), forward), optax.adam(1e-3))
      >>> params = jnp.zeros((2, 3))
      >>> updates, state = tx.update(None, tx.init(params), params, terms=terms)
    """

    def fill(params: Any, terms: Terms, key: Array | None = None) -> Terms:
        del key
        return terms.replace(logits=jnp.asarray(apply_fn(params, terms.inputs)))

    return fill
