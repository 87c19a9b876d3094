"""Comparisons on the small tasks with exact measures: what their configs share."""

from collections.abc import Mapping, Sequence
from typing import Any

from ml_collections import ConfigDict

from algax.experiments.configs import comparison

# Mean over 24 prompts' groups: the rate of 0.5 a prompt that the papers' tables suggest.
RATE = 12.0
GRPO = {"name": "policy.grpo", "kl_coefficient": 0.0}
CLIPPED = [{"name": "policy.group_advantage"}, {"name": "policy.token_ratio"}, {"name": "policy.ppo_clip"}]
GROUP_REINFORCE = [{"name": "policy.group_advantage"}, {"name": "policy.policy_gradient"}, {"name": "policy.token_mean"}]


def on_task(
    name: str,
    paper: str,
    claim: str,
    arms: Mapping[str, Any],
    expect: Sequence[tuple[str, str, str, str, float]],
    *,
    task: Mapping[str, Any],
    features: Sequence[int],
    optimizer: Sequence[Mapping[str, Any]],
    steps: int,
) -> ConfigDict:
    """A comparison of losses on a small task with a table for a model, 8 seeds.

    Args:
      name: the variant.
      paper: authors, year and arXiv number.
      claim: what the paper says, in one sentence.
      arms: name -> spec of a loss, or of several in a chain.
      expect: (metric, arm, direction, against, least) of every claim at the end.
      task: spec of the task.
      features: of the model's layers; one is a table.
      optimizer: specs of the steps after the gradient, the same for every arm.
      steps: updates.
    """
    claims = [dict(zip(("metric", "arm", "direction", "against", "least"), entry, strict=True), at="final") for entry in expect]
    return comparison(
        experiment=f"policy/{name}",
        paper=paper,
        claim=claim,
        task=task,
        model={"name": "models.MLP", "features": list(features), "use_bias": False},
        arms={arm: {"loss": loss, "optimizer": optimizer} for arm, loss in arms.items()},
        seeds=8,
        steps=steps,
        evaluate_every=steps // 10,
        metric=claims[0]["metric"],
        expect=claims,
    )


def on_bandit(
    *entries: Any,
    steps: int = 800,
    learning_rate: float = RATE,
    optimizer: Mapping[str, Any] | None = None,
    **task: Any,
) -> ConfigDict:
    """A comparison of losses on `tasks.bandit`, with plain SGD unless another optimizer is given.

    Args:
      *entries: name, paper, claim, arms and expectations, see `on_task`.
      steps: updates, in batches of the task's `epochs`.
      learning_rate: of SGD.
      optimizer: spec of one in place of SGD.
      **task: options of the task.
    """
    epochs = task.setdefault("epochs", 4)
    descent = sgd(learning_rate) if optimizer is None else optimizer
    return on_task(
        *entries,
        task={"name": "tasks.bandit", **task},
        features=[48],
        optimizer=[descent, {"name": "tasks.refresh_sampler", "every": epochs}],
        steps=steps,
    )


def sgd(learning_rate: float) -> dict[str, Any]:
    """The spec of plain gradient descent."""
    return {"name": "optax.sgd", "learning_rate": learning_rate}
