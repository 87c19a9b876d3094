"""The examples in docstrings run and print what they say."""

import doctest
import importlib
import pkgutil

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import algax

from .contracts.examples import public_names

NAMES = {"jax": jax, "jnp": jnp, "np": np, "optax": optax, "algax": algax}
MODULES = [
    module.name
    for module in pkgutil.walk_packages(algax.__path__, "algax.")
    if module.name.split(".")[1] not in ("models", "experiments")
]


def has_examples(name):
    return any(test.examples for test in doctest.DocTestFinder().find(importlib.import_module(name)))


@pytest.mark.parametrize("name", [name for name in MODULES if has_examples(name)])
def test_examples(name):
    rooms = {room: importlib.import_module(f"algax.{room}") for room in public_names()}
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    with jax.numpy_dtype_promotion("standard"):  # Optax itself promotes
        result = doctest.testmod(importlib.import_module(name), extraglobs=NAMES | rooms, optionflags=flags)
    assert result.attempted and not result.failed


def test_every_preset_of_a_room_has_an_example():
    for room in public_names():
        presets = f"algax.{room}.presets"
        if presets in MODULES:
            module = importlib.import_module(presets)
            for name in public_names()[room]:
                factory = getattr(module, name, None)
                if factory is not None and factory.__module__ == presets:
                    assert ">>>" in factory.__doc__, f"{room}.{name} shows no example"
