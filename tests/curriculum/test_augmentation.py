"""Augmentation of a given strength against SciPy's interpolation and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from algax import curriculum

IMAGES = np.random.default_rng(0).uniform(size=(96, 7, 6, 2)).astype(np.float32)


def changed(strength, **options):
    """The images after a transform."""
    return np.asarray(jax.jit(curriculum.scaled_augment(strength, **options))(jax.random.key(0), jnp.asarray(IMAGES)))


def interpolated(image, source):
    """An image whose pixel at offset (y, x) from the middle comes from the offset `source @ (y, x, 1)`, in float64."""
    middle = (np.array(image.shape[:2]) - 1) / 2
    offset = source[:, 2] + middle - source[:, :2] @ middle
    channels = [
        ndimage.affine_transform(image[..., i].astype(np.float64), source[:, :2], offset, order=1, mode="grid-constant")
        for i in range(image.shape[2])
    ]
    return np.stack(channels, axis=-1)


def turn(angle):
    return np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0]])


def blend(image, other, factor):
    return other + factor * (image - other)


def blurred(image):
    return np.stack([ndimage.uniform_filter(image[..., i].astype(np.float64), 3, mode="nearest") for i in range(2)], -1)


SOURCES = {
    "shear_x": lambda image, s: interpolated(image, np.array([[1, 0, 0], [-0.3 * s, 1, 0]])),
    "shear_y": lambda image, s: interpolated(image, np.array([[1, -0.3 * s, 0], [0, 1, 0]])),
    "translate_x": lambda image, s: interpolated(image, np.array([[1, 0, 0], [0, 1, -0.45 * s * 6]])),
    "translate_y": lambda image, s: interpolated(image, np.array([[1, 0, -0.45 * s * 7], [0, 1, 0]])),
    "rotate": lambda image, s: interpolated(image, turn(np.pi / 6 * s)),
    "brightness": lambda image, s: blend(image, 0.0, 1 + 0.9 * s),
    "contrast": lambda image, s: blend(image, image.mean(dtype=np.float64), 1 + 0.9 * s),
    "sharpness": lambda image, s: blend(image, blurred(image), 1 + 0.9 * s),
}


def test_every_change_is_made_alone_at_its_size_and_with_either_sign():
    seen = set()
    for image, found in zip(IMAGES, changed(4.0, count=1), strict=True):
        variants = [
            (np.abs(found - change(image, sign * 0.4)).max(), name, sign)
            for name, change in SOURCES.items() for sign in (1, -1)
        ]  # fmt: skip
        error, *which = min(variants)
        assert error < 1e-5
        seen.add(tuple(which))
    assert len(seen) == 2 * len(SOURCES)


def test_changes_follow_one_another():
    found = changed(4.0, count=2, changes=("brightness",))
    factors = {round(float(factor), 3) for factor in found.mean((1, 2, 3)) / IMAGES.mean((1, 2, 3))}
    assert factors == {round(1.36**2, 3), round(1.36 * 0.64, 3), round(0.64**2, 3)}


def test_strength_0_changes_nothing_and_types_stay():
    np.testing.assert_array_equal(changed(0.0), IMAGES)
    half = jnp.asarray(IMAGES, jnp.bfloat16)
    assert jax.jit(curriculum.scaled_augment(3.0))(jax.random.key(1), half).dtype == jnp.bfloat16


def test_wrong_arguments():
    for call, message in (
        (lambda: curriculum.scaled_augment(-1.0), "`strength` must"),
        (lambda: curriculum.scaled_augment(1.0, changes=()), "`changes` must name at least one"),
        (lambda: curriculum.scaled_augment(1.0, changes=("flip",)), "`changes` must"),
        (lambda: curriculum.scaled_augment(1.0)(jax.random.key(0), jnp.ones((4, 4, 1))), "`images` must have shape"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
