"""Images that grow: first only their low frequencies and little augmentation, then more of both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..core import checks
from ..core.numerics import at_least_float32


class ImageStage(NamedTuple):
    """A stage of `efficient_train`: first step, number of steps, side of the images, and magnitude of the augmentation."""

    start: int
    steps: int
    bandwidth: int
    magnitude: float


def low_frequency_crop(images: jax.Array, bandwidth: int) -> jax.Array:
    """Cuts an image's Fourier spectrum to its lowest frequencies, which gives a smaller image.

    Of the H by H spectrum the four corners of b = floor(bandwidth / 2) are kept and scaled by (2 b / H)^2; the image is
    the real part of the inverse transform. The mean is preserved; values are not clipped.

    Args:
      images: `[..., H, H, C]`.
      bandwidth: B in [2, H], an integer; odd ones count as B - 1.

    Returns:
      `[..., 2 b, 2 b, C]`, of the type of `images`; for even B = H the images themselves.

    Raises:
      ValueError: the images are not square, or the bandwidth is out of range.

    Source: Wang et al., "EfficientTrain: Exploring Generalized Curriculum Learning for Training Visual Backbones", 2022,
    arXiv 2211.09703.
    """
    if images.ndim < 3 or images.shape[-3] != images.shape[-2]:
        raise ValueError(f"`images` must have shape [..., H, H, C], got {list(images.shape)}")
    side = images.shape[-2]
    if not 2 <= checks.integer("bandwidth", bandwidth) <= side:
        raise ValueError(f"`bandwidth` must lie in [2, {side}], got {bandwidth}")
    half = bandwidth // 2
    spectrum = jnp.fft.fft2(at_least_float32(images), axes=(-3, -2))
    for axis in (-3, -2):
        low = jax.lax.slice_in_dim(spectrum, 0, half, axis=axis)
        high = jax.lax.slice_in_dim(spectrum, side - half, side, axis=axis)
        spectrum = jnp.concatenate([low, high], axis=axis)
    scale = (2 * half / side) ** 2
    return (jnp.real(jnp.fft.ifft2(spectrum, axes=(-3, -2))) * scale).astype(images.dtype)


def efficient_train(
    steps: int,
    *,
    bandwidths: Sequence[int] = (160, 160, 160, 192, 224),
    magnitudes: Sequence[float] = (1.0, 3.0, 5.0, 7.0, 9.0),
    equal_compute: bool = False,
) -> tuple[ImageStage, ...]:
    """The stages of a training on images of growing bandwidth and augmentation.

    Args:
      steps: of the whole training, an integer >= the number of stages; the learning rate follows its usual schedule over all.
      bandwidths: sides of the images, integers >= 2, for `low_frequency_crop`; the last is the full side.
      magnitudes: of a RandAugment-like augmentation, as many numbers >= 0.
      equal_compute: give a stage a number of steps proportional to 1 / bandwidth^2 instead of the same to all.

    Returns:
      Stages that follow one another and together have `steps` steps. Shapes change between them, so each compiles once;
      `schedules.staged_at` makes schedules of their numbers.

    Raises:
      ValueError: a number is out of range, or there are not as many magnitudes as bandwidths.

    Source: Wang et al., 2022, arXiv 2211.09703. The released code takes the magnitudes 1, 3, 5, 7, 9 where the paper describes
    a linear increase from 0 to 9. Its successor has `equal_compute`, ten stages of bandwidth 96, 96, 160 (four), 224 (four) and
    magnitudes 0 to 9.

    Example:
      >>> [stage.bandwidth for stage in curriculum.efficient_train(1000)]
      [160, 160, 160, 192, 224]
    """
    if not bandwidths or len(magnitudes) != len(bandwidths):
        raise ValueError(f"`magnitudes` must be one for each of `bandwidths`, got {len(magnitudes)} and {len(bandwidths)}")
    checks.integer("steps", steps, least=len(bandwidths))
    checks.boolean("equal_compute", equal_compute)
    for bandwidth in bandwidths:
        checks.integer("bandwidths", bandwidth, least=2)
    for magnitude in magnitudes:
        checks.non_negative("magnitudes", magnitude)
    shares = [bandwidth**-2.0 if equal_compute else 1.0 for bandwidth in bandwidths]
    ends = [round(steps * sum(shares[: i + 1]) / sum(shares)) for i in range(len(shares))]
    starts = [0, *ends[:-1]]
    return tuple(
        ImageStage(start, end - start, int(bandwidth), float(magnitude))
        for start, end, bandwidth, magnitude in zip(starts, ends, bandwidths, magnitudes, strict=True)
    )
