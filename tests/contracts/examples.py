"""Collects every room's examples and the public names that need one."""

import importlib
import importlib.util
import pkgutil
from typing import NamedTuple

import numpy as np

import algax
from algax.core.contract import Subject

from . import rooms
from .kinds import LossExample, LossRoom

# Packages of algax that are no rooms of methods.
NOT_ROOMS = {"core", "models", "experiments"}


class Case(NamedTuple):
    """A public name with its example."""

    room: str
    name: str
    example: object

    @property
    def factory(self):
        return getattr(importlib.import_module(f"algax.{self.room}"), self.name)

    def subject(self) -> Subject:
        """What the contract of losses checks."""
        room: LossRoom = examples_module(self.room).ROOM
        loss = self.example.around(self.factory(**self.example.kwargs))
        return Subject(loss, room.terms, room.params(np.random.default_rng(1)), room.forward, self.example.random)


def examples_module(room: str):
    return importlib.import_module(f"{rooms.__name__}.{room}")


def public_names() -> dict[str, list[str]]:
    """Room -> its public names, as the package itself says."""
    found = [module.name for module in pkgutil.iter_modules(algax.__path__) if module.ispkg]
    return {room: list(importlib.import_module(f"algax.{room}").__all__) for room in found if room not in NOT_ROOMS}


def cases(kind: type) -> list[Case]:
    """The cases whose example is of one kind."""
    result = []
    for room in public_names():
        if importlib.util.find_spec(f"{rooms.__name__}.{room}") is None:
            continue  # test_coverage reports a room without examples
        examples = examples_module(room).EXAMPLES
        result += [Case(room, name, example) for name, example in examples.items() if isinstance(example, kind)]
    return result


def loss_cases() -> list[Case]:
    return cases(LossExample)


def label(case: Case) -> str:
    return f"{case.room}.{case.name}"
