"""The kinds of transforms that are neither losses nor Optax's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

# (key, batch) -> batch, jittable, of static shapes; the same key gives the same batch.
BatchTransform = Callable[[jax.Array, Any], Any]


class Curriculum(NamedTuple):
    """What to train on next, learned from feedback.

    Attributes:
      init: `() -> state`.
      weights: `state -> [arms]` sampling probabilities.
      update: `(state, feedback) -> state`; what the feedback says of arms that were not seen is ignored.
    """

    init: Callable[[], Any]
    weights: Callable[[Any], jax.Array]
    update: Callable[[Any, Any], Any]
