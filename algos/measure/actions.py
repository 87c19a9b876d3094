"""Measures of an agent's actions on a screen."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def point_in_box(points: jax.Array, boxes: jax.Array) -> jax.Array:
    """Whether a click hits its target, borders included.

    Args:
      points: `[..., 2]`, x and y.
      boxes: `[..., 4]`, the smallest and largest x and y: (x0, y0, x1, y1).

    Returns:
      `[...]` booleans.

    Raises:
      ValueError: the last axes are not 2 and 4.

    Nong et al., "CRAFT-GUI: Curriculum-Reinforced Agent For GUI Tasks", 2025, arXiv 2508.11360.
    """
    if points.shape[-1] != 2 or boxes.shape[-1] != 4:
        raise ValueError(f"`points` must be [..., 2] and `boxes` [..., 4], got {points.shape} and {boxes.shape}")
    return jnp.all((points >= boxes[..., :2]) & (points <= boxes[..., 2:]), axis=-1)
