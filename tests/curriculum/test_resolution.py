"""Low-frequency crops and the stages of a training on them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import curriculum


def wave(side, vertical, horizontal):
    """A cosine with so many periods, `[1, side, side, 1]`."""
    y, x = np.meshgrid(np.arange(side), np.arange(side), indexing="ij")
    return jnp.asarray(np.cos(2 * np.pi * (vertical * y + horizontal * x) / side)[None, :, :, None], jnp.float32)


def test_the_full_bandwidth_changes_nothing():
    images = jnp.asarray(np.random.default_rng(0).normal(size=(2, 8, 8, 3)), jnp.float32)
    np.testing.assert_allclose(curriculum.low_frequency_crop(images, 8), images, atol=1e-5)
    assert curriculum.low_frequency_crop(images.astype(jnp.bfloat16), 4).dtype == jnp.bfloat16


@pytest.mark.parametrize("bandwidth", [2, 4, 5, 6, 8])
def test_means_and_constants_stay(bandwidth):
    images = jnp.asarray(np.random.default_rng(1).normal(size=(2, 8, 8, 3)), jnp.float32)
    cropped = jax.jit(curriculum.low_frequency_crop, static_argnums=1)(images, bandwidth)
    side = bandwidth // 2 * 2
    assert cropped.shape == (2, side, side, 3)
    np.testing.assert_allclose(np.mean(cropped, (1, 2)), np.mean(images, (1, 2)), atol=1e-5)
    np.testing.assert_allclose(curriculum.low_frequency_crop(jnp.full((8, 8, 1), 3.0), bandwidth), 3.0, rtol=1e-5)


def test_low_waves_stay_and_high_ones_vanish():
    for vertical, horizontal in ((0, 1), (1, 0), (1, 1), (2, 1)):
        kept = curriculum.low_frequency_crop(wave(16, vertical, horizontal), 6)
        np.testing.assert_allclose(kept, wave(6, vertical, horizontal), atol=1e-5)
    for vertical, horizontal in ((0, 4), (5, 1), (7, 7)):
        np.testing.assert_allclose(curriculum.low_frequency_crop(wave(16, vertical, horizontal), 6), 0.0, atol=1e-5)


def test_stages():
    stages = curriculum.efficient_train(1001)
    assert all(isinstance(stage, curriculum.ImageStage) for stage in stages)
    assert [stage.bandwidth for stage in stages] == [160, 160, 160, 192, 224]
    assert [stage.magnitude for stage in stages] == [1, 3, 5, 7, 9]
    assert sum(stage.steps for stage in stages) == 1001 and {stage.steps for stage in stages} <= {200, 201}
    assert all(a.start + a.steps == b.start for a, b in zip(stages, stages[1:], strict=False))
    cost = sum(stage.steps * (stage.bandwidth / 224) ** 2 for stage in stages) / 1001
    np.testing.assert_allclose(cost, (3 * (160 / 224) ** 2 + (192 / 224) ** 2 + 1) / 5, rtol=2e-3)


def test_stages_of_equal_compute():
    options = {"bandwidths": (96, 96, *4 * [160], *4 * [224]), "magnitudes": range(10)}
    stages = curriculum.efficient_train(100_000, equal_compute=True, **options)
    compute = [stage.steps * stage.bandwidth**2 for stage in stages]
    np.testing.assert_allclose(compute, np.mean(compute), rtol=1e-3)


def test_wrong_arguments():
    images = jnp.zeros((2, 8, 8, 1))
    for call, message in (
        (lambda: curriculum.low_frequency_crop(images, 1), "`bandwidth` must"),
        (lambda: curriculum.low_frequency_crop(images, 9), "`bandwidth` must"),
        (lambda: curriculum.low_frequency_crop(images[:, 1:], 4), "`images` must"),
        (lambda: curriculum.efficient_train(4), "`steps` must"),
        (lambda: curriculum.efficient_train(9, bandwidths=(4, 8)), "`magnitudes` must be one"),
        (lambda: curriculum.efficient_train(9, bandwidths=(1, 8), magnitudes=(0, 0)), "`bandwidths` must"),
        (lambda: curriculum.efficient_train(9, bandwidths=(2, 8), magnitudes=(0, -1)), "`magnitudes` must"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
