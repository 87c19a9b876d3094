"""What the configs of small tasks share."""

from collections.abc import Mapping, Sequence
from typing import Any

from ml_collections import ConfigDict

from algax.experiments.configs import NO_MODEL, claims, comparison


def on_task(
    experiment: str,
    paper: str,
    claim: str,
    arms: Mapping[str, Mapping[str, Any]],
    expect: Sequence[tuple[str, str, str, str, float]],
    *,
    task: Mapping[str, Any],
    optimizer: Sequence[Mapping[str, Any]],
    steps: int,
    model: Mapping[str, Any] = NO_MODEL,
    seeds: int = 8,
    evaluations: int = 5,
) -> ConfigDict:
    """A comparison on a small task.

    Args:
      experiment: room and variant.
      paper: authors, year and arXiv number.
      claim: what the paper says, in one sentence.
      arms: name -> {"loss": ..., and perhaps "task", "optimizer" of its own}.
      expect: (metric, arm, direction, against, least) of every claim at the end.
      task: spec of the task.
      optimizer: specs of the steps after the gradient, of arms without their own.
      steps: updates, a multiple of `evaluations`.
      model: spec of the model.
      seeds: how many.
      evaluations: how many after the start.
    """
    return comparison(
        experiment=experiment,
        paper=paper,
        claim=claim,
        task=task,
        model=model,
        arms={name: {"optimizer": optimizer, **spec} for name, spec in arms.items()},
        seeds=seeds,
        steps=steps,
        evaluate_every=steps // evaluations,
        metric=expect[0][0],
        expect=claims(*expect),
    )


def sgd(learning_rate: float) -> list[dict[str, Any]]:
    """The specs of plain gradient descent."""
    return [{"name": "optax.sgd", "learning_rate": learning_rate}]


def adam(learning_rate: float) -> list[dict[str, Any]]:
    """The specs of Adam."""
    return [{"name": "optax.adam", "learning_rate": learning_rate}]
