"""Random changes of images whose size follows one number, such as the magnitude of a stage of training."""

from __future__ import annotations

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates

from ..core import checks
from ..core.kinds import BatchTransform
from ..core.numerics import at_least_float32

STRONGEST = 10.0
# What each change is at the strongest: slope, share of the side, radians; the rest are shares of contrast and the like.
LARGEST = {
    "shear_x": 0.3,
    "shear_y": 0.3,
    "translate_x": 0.45,
    "translate_y": 0.45,
    "rotate": math.pi / 6,
    "brightness": 0.9,
    "contrast": 0.9,
    "sharpness": 0.9,
}
CHANGES = tuple(LARGEST)


def scaled_augment(strength: float, *, count: int = 2, changes: Sequence[str] = CHANGES) -> BatchTransform:
    """Changes every image at random, in the manner of RandAugment: the same strength whichever change is drawn.

    Of each image `count` changes are drawn alike and made one after the other, each of size +-(strength / 10) times its largest
    one with a random sign: shear by 0.3, translate by 0.45 of the side, rotate by 30 degrees (about the middle, bilinear, with
    0 from outside), and brightness, contrast, sharpness by the factor 1 +- 0.9 on the difference from 0, from the image's mean,
    and from its 3 by 3 means.

    Args:
      strength: in [0, 10], such as `ImageStage.magnitude`; 0 leaves the images as they are.
      count: an integer >= 1.
      changes: which of shear_x, shear_y, translate_x, translate_y, rotate, brightness, contrast, sharpness; at least one.

    Returns:
      `(key, images [B, H, W, C]) -> images` of the same type; values are not clipped.

    Raises:
      ValueError: an argument is out of range, or images are not `[B, H, W, C]`.

    Example:
      >>> transform = curriculum.scaled_augment(5.0)
      >>> transform(jax.random.key(0), jnp.ones((2, 8, 8, 1))).shape
      (2, 8, 8, 1)

    Source: Cubuk, Zoph, Shlens, Le, "RandAugment: Practical Automated Data Augmentation with a Reduced Search Space", 2019,
    arXiv 1909.13719, as used by Wang et al., "EfficientTrain", 2022, arXiv 2211.09703. Their changes that need 8-bit colours
    (equalise, posterise, solarise, colour) are left out.
    """
    checks.between("strength", strength, 0.0, STRONGEST)
    checks.integer("count", count, least=1)
    if not changes:
        raise ValueError(f"`changes` must name at least one of {', '.join(CHANGES)}, got none")
    for change in changes:
        checks.option("changes", change, CHANGES)
    places = jnp.array([CHANGES.index(change) for change in changes])
    sizes = jnp.array([strength / STRONGEST * LARGEST[change] for change in changes])

    def one(key: jax.Array, image: jax.Array) -> jax.Array:
        change_key, sign_key = jax.random.split(key)
        drawn = jax.random.randint(change_key, (), 0, len(changes))
        size = jnp.where(jax.random.bernoulli(sign_key), sizes[drawn], -sizes[drawn])
        return _changed(image, jnp.where(jnp.arange(len(CHANGES)) == places[drawn], size, 0.0))

    def transform(key: jax.Array, batch: jax.Array) -> jax.Array:
        if batch.ndim != 4:
            raise ValueError(f"`images` must have shape [B, H, W, C], got {list(batch.shape)}")
        images = at_least_float32(batch)
        for own in jax.random.split(key, count):
            images = jax.vmap(one)(jax.random.split(own, batch.shape[0]), images)
        return images.astype(batch.dtype)

    return transform


def _changed(image: jax.Array, sizes: jax.Array) -> jax.Array:
    """One image `[H, W, C]` after all changes, each of its size `[8]`; size 0 is none."""
    shear_x, shear_y, right, down, angle, brightness, contrast, sharpness = sizes
    image = _moved(image, shear_x, shear_y, right, down, angle)
    image = image + brightness * image
    image = image + contrast * (image - jnp.mean(image.ravel(), axis=-1))
    return image + sharpness * (image - _blurred(image))


def _moved(image: jax.Array, shear_x: jax.Array, shear_y: jax.Array, right: jax.Array, down: jax.Array, angle: jax.Array):
    """Pixel (y, x) from the middle comes from where the sheared, turned and shifted grid says."""
    height, width, _ = image.shape
    middle_y, middle_x = (height - 1) / 2, (width - 1) / 2
    y, x = jnp.meshgrid(jnp.arange(float(height)) - middle_y, jnp.arange(float(width)) - middle_x, indexing="ij")
    y, x = y - down * height, x - right * width
    cosine, sine = jnp.cos(angle), jnp.sin(angle)
    y, x = cosine * y - sine * x, sine * y + cosine * x
    y, x = y - shear_y * x, x - shear_x * y
    grid = [y + middle_y, x + middle_x]
    return jax.vmap(lambda channel: map_coordinates(channel, grid, order=1), in_axes=2, out_axes=2)(image)


def _blurred(image: jax.Array) -> jax.Array:
    """The mean of every pixel and its eight neighbours, those of the edge repeated."""
    height, width, _ = image.shape
    padded = jnp.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge")
    parts = [padded[i : i + height, j : j + width] for i in range(3) for j in range(3)]
    return sum(parts, jnp.zeros_like(image)) / 9
