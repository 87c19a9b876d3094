"""Learning rates that transfer between widths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import chex
import jax
import jax.numpy as jnp
import optax

from ..core import checks


def scale_by_mup(hidden: Callable[[chex.ArrayTree], Any], *, base_width: float = 1.0) -> optax.GradientTransformation:
    """Divides the updates of hidden matrices by their width: u <- u base_width / fan_in, after Adam.

    The Adam rule of muP: matrices whose both sides grow with the width take the rate eta base_width / fan_in, all else eta, so
    that a rate found at `base_width` is best at any width. The model's part is an output layer with the factor
    base_width / width and hidden weights of variance 1 / fan_in. Under gradient descent `models.ScaledMLP` needs no such
    partition: there one factor, `rate_scale`, serves all parameters.

    Args:
      hidden: parameters -> a tree of booleans of the same structure, true at hidden matrices `[..., fan_in, fan_out]`.
      base_width: > 0, the width at which nothing changes.

    Returns:
      A `GradientTransformation`.

    Raises:
      ValueError: base_width is not positive, or `hidden` marks a leaf without two axes.

    Source: Yang et al., "Tensor Programs V", 2022, arXiv 2203.03466; as the setting of Noci et al., "Why do Learning Rates
    Transfer?", 2024, arXiv 2402.17457.
    """
    if isinstance(base_width, int | float):
        checks.positive("base_width", base_width)

    def scaled(update: jax.Array, is_hidden: bool) -> jax.Array:
        if not is_hidden:
            return update
        if jnp.ndim(update) < 2:
            raise ValueError(f"`hidden` must mark matrices [..., fan_in, fan_out] alone, got shape {jnp.shape(update)}")
        return update * jnp.asarray(base_width / update.shape[-2], update.dtype)

    return optax.stateless(lambda updates, params: jax.tree.map(scaled, updates, hidden(updates)))
