"""Optax's own Adam multiplies an integer count by a float, so runs here use JAX's standard promotion of dtypes."""

import jax
import pytest


@pytest.fixture(autouse=True)
def standard_dtype_promotion():
    with jax.numpy_dtype_promotion("standard"):
        yield
