"""Collects every room's examples and the public names that need one."""

import functools
import importlib
import importlib.util
import pkgutil
from typing import NamedTuple

import jax
import numpy as np

import algax
from algax import LossTransform, Terms
from algax.core.contract import Subject
from algax.core.contract.losses import ROWS, used_inputs
from algax.core.terms import field_specs

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

    @property
    def loss(self) -> LossTransform:
        return self.example.around(self.factory(**self.example.kwargs))

    def used(self, terms: Terms) -> Terms:
        """Only what the loss and the forward pass read: tracing all the fields of a room would take most of the time."""
        read = {name for step in self.loss.steps for name in (*step.reads, *step.optional_reads)} | forward_reads(self.room)
        specs = field_specs(type(terms))
        return terms.replace(**{name: None for name, spec in specs.items() if spec.kind != "mask" and name not in read})

    def subject(self) -> Subject:
        """What the contract of losses checks."""
        room: LossRoom = examples_module(self.room).ROOM
        first, second = map(self.used, batches(self.room))
        degenerate = {what: self.used(terms) for what, terms in degenerate_terms(self.room).items()}
        params = room.params(np.random.default_rng(1))
        return Subject(self.loss, (first, second), params, room.forward, self.example.random, degenerate)


@functools.cache
def batches(room: str) -> tuple[Terms, ...]:
    """Two batches with all the fields of a room."""
    losses: LossRoom = examples_module(room).ROOM
    return tuple(losses.terms(np.random.default_rng(seed), ROWS) for seed in (0, 1))


@functools.cache
def degenerate_terms(room: str) -> dict[str, Terms]:
    """What is degenerate about a batch -> the batch, with all the fields of a room."""
    losses: LossRoom = examples_module(room).ROOM
    return {what: change(batches(room)[0]) for what, change in losses.degenerate.items()}


@functools.cache
def forward_reads(room: str) -> set[str]:
    """The data fields on which what a room's forward function fills in depends."""
    losses: LossRoom = examples_module(room).ROOM
    terms = batches(room)[0]
    specs = field_specs(type(terms))
    data = {name: getattr(terms, name) for name, spec in specs.items() if spec.role == "data"}
    data = {name: value for name, value in data.items() if value is not None}
    params = losses.params(np.random.default_rng(1))

    def filled(data):
        after = losses.forward(params, terms.replace(**data), None)
        return {name: getattr(after, name) for name, spec in specs.items() if spec.role == "differentiated"}

    used = used_inputs(jax.make_jaxpr(filled)(data).jaxpr)
    paths = [path for path, _ in jax.tree_util.tree_leaves_with_path(data)]
    return {path[0].key for path, is_used in zip(paths, used, strict=True) if is_used}


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
