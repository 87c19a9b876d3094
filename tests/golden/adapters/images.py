"""Golden records of images."""

import jax.numpy as jnp

from algax import curriculum


def low_frequency_crop(inputs, hyperparameters):
    images = jnp.transpose(jnp.asarray(inputs["images"]), (0, 2, 3, 1))
    return {"cropped": jnp.transpose(curriculum.low_frequency_crop(images, hyperparameters["band_width"]), (0, 3, 1, 2))}


ADAPTERS = {"247_low_frequency_crop": low_frequency_crop}
