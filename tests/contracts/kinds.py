"""What a room tells the contract suite: one example a public name, and how to make a batch.

`tests/contracts/rooms/ROOM.py` holds `EXAMPLES`, public name -> one of the examples below, and for a room of losses `ROOM`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from algax import LossTransform, Terms


class LossRoom(NamedTuple):
    """How to make batches of a room.

    Attributes:
      terms: (rng, rows) -> a batch with every data field set, masks with some entries off and no row empty.
      params: rng -> parameters of a toy model (a dict of float32 arrays).
      forward: (params, terms, key) -> terms with every differentiated field filled in, a smooth function of params.
      degenerate: name -> function of a batch returning one of the same shapes that must still give a finite loss and gradient
        (equal rewards, extreme log-ratios, ...). All-masked batches and garbage behind the mask need no entry.
    """

    terms: Callable[[np.random.Generator, int], Terms]
    params: Callable[[np.random.Generator], Any]
    forward: Callable[[Any, Terms, jax.Array | None], Terms]
    degenerate: Mapping[str, Callable[[Terms], Terms]] = {}


class LossExample(NamedTuple):
    """A loss transform or preset.

    Attributes:
      kwargs: hyperparameters, chosen so that every branch of the method is taken by some entry.
      around: completes a single transform into a chain that writes `loss`; presets need none.
      bad: hyperparameters each of which must be refused with an error that names the argument.
      random: the method draws random numbers per token, so that cutting the batch changes the draw.
      surrogate_gradient: the gradient is by design not that of the value (a stopped ratio, a straight-through bound), so
        finite differences do not apply; the golden vectors pin it.
    """

    kwargs: Mapping[str, Any] = {}
    around: Callable[[LossTransform], LossTransform] = lambda transform: transform
    bad: tuple[Mapping[str, Any], ...] = ()
    random: bool = False
    surrogate_gradient: bool = False


class ScheduleExample(NamedTuple):
    """A factory of schedules.

    Attributes:
      kwargs: hyperparameters.
      first: the value at step 0.
      last: the value at `last_step` and ever after.
      last_step: where the schedule ends.
      monotone: "decreasing", "increasing" or None.
      bad: see `LossExample`.
    """

    kwargs: Mapping[str, Any]
    first: float
    last: float
    last_step: int
    monotone: str | None = None
    bad: tuple[Mapping[str, Any], ...] = ()


class UpdateExample(NamedTuple):
    """A factory of Optax gradient transformations.

    Attributes:
      kwargs: hyperparameters.
      bad: see `LossExample`.
      functions: names of hyperparameters that are functions and no schedules.
      extra_args: keyword arguments that `update` needs beside the parameters.
    """

    kwargs: Mapping[str, Any] = {}
    bad: tuple[Mapping[str, Any], ...] = ()
    functions: tuple[str, ...] = ()
    extra_args: Mapping[str, Any] = {}


class CurriculumExample(NamedTuple):
    """A factory of curricula.

    Attributes:
      feedback: feedback as `update` takes it, in which some arms were not seen.
      unseen: the same with NaN in place of the unseen arms' values.
      kwargs: hyperparameters.
      bad: see `LossExample`.
    """

    feedback: Any
    unseen: Any
    kwargs: Mapping[str, Any] = {}
    bad: tuple[Mapping[str, Any], ...] = ()


class BatchExample(NamedTuple):
    """A factory of batch transforms.

    Attributes:
      batch: a batch on which it draws at random.
      kwargs: hyperparameters.
      bad: see `LossExample`.
    """

    batch: Any
    kwargs: Mapping[str, Any] = {}
    bad: tuple[Mapping[str, Any], ...] = ()


class Helper(NamedTuple):
    """A public name that is no method: a record, a forward builder, a measure with tests of its own.

    Attributes:
      tested_in: the test file that covers it, relative to `tests/`.
    """

    tested_in: str
