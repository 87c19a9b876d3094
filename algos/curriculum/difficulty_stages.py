"""Training in stages: from easy to hard, with a mixture of sources for each stage, and on what the model does worst."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ..core import checks
from ..core.kinds import Curriculum


def difficulty_stages(
    difficulty: Sequence[float], boundaries: Sequence[float], *, steps_per_stage: int, replay: float = 0.0
) -> Curriculum:
    """Draws examples of one bin of difficulty after the other, each for a number of updates.

    With the bins d <= b_1 < d <= b_2 < ... and the current bin j, an example of j has weight (1 - replay) / n_j, one of an
    earlier bin replay / (n_1 + ... + n_{j-1}); in the first bin there is nothing to replay. The last bin has no end.

    Args:
      difficulty: `[N]`, such as the number of steps of a trajectory.
      boundaries: upper ends of all bins but the last, ascending; none is one bin.
      steps_per_stage: >= 1, updates in each bin.
      replay: in [0, 1), share of the draws from earlier bins.

    Returns:
      A `Curriculum` over the N examples whose state is the number of updates `[]`; feedback is ignored.

    Raises:
      ValueError: an argument is out of range, or a bin is empty.

    Nong et al., "CRAFT-GUI: Curriculum-Reinforced Agent For GUI Tasks", 2025, arXiv 2508.11360, which states neither boundaries
    nor replay: 0 is ours.
    """
    values, ends = np.asarray(difficulty, np.float64), np.asarray(boundaries, np.float64)
    if values.ndim != 1 or ends.ndim != 1 or np.any(np.diff(ends) <= 0):
        raise ValueError(f"`boundaries` must be ascending and `difficulty` [N], got {boundaries} and {values.shape}")
    checks.integer("steps_per_stage", steps_per_stage, least=1)
    checks.between("replay", replay, 0.0, 1.0, closed="low")
    bins = np.searchsorted(ends, values, side="left")
    sizes = np.bincount(bins, minlength=len(ends) + 1)
    if not sizes.all():
        raise ValueError(f"`boundaries` must leave no bin empty, got bins of {sizes.tolist()} examples")
    table = np.zeros([len(sizes), len(values)])
    for stage, size in enumerate(sizes):
        share = replay if stage else 0.0
        table[stage] = np.where(bins == stage, (1.0 - share) / size, 0.0)
        if stage:
            table[stage] += np.where(bins < stage, share / sizes[:stage].sum(), 0.0)
    weights = jnp.asarray(table, jnp.float32)

    return Curriculum(
        lambda: jnp.zeros([], jnp.int32),
        lambda state: weights[jnp.minimum(state // steps_per_stage, len(sizes) - 1)],
        lambda state, feedback: state + 1,
    )


def mixture_schedule(stages: Sequence[tuple[int, Sequence[float]]]) -> optax.Schedule:
    """Which share of the data comes from which source, stage by stage.

    Args:
      stages: (first step, weights `[S]` >= 0 of the sources) of every stage, the first from step 0 on, steps ascending. The
        weights of a stage are divided by their sum.

    Returns:
      A function of the step, whose value is `[S]` float32 that sum to 1.

    Raises:
      ValueError: the steps or the weights are out of order or range.

    Wang et al., "OctoThinker: Mid-training Incentivizes Reinforcement Learning Scaling", 2025, arXiv 2506.20512: one mixture in
    the stable stage, one for each branch of the decay. The rate is `schedules.warmup_stable_decay_constant`, a branch
    `schedules.anneal_from`.
    """
    if not stages or stages[0][0] != 0:
        raise ValueError(f"`stages` must begin at step 0, got {list(stages)}")
    starts = [checks.integer("stages", first, least=0) for first, _ in stages]
    weights = np.asarray([weights for _, weights in stages], np.float64)
    if any(later <= first for first, later in zip(starts, starts[1:], strict=False)):
        raise ValueError(f"`stages` must have ascending steps, got {starts}")
    if weights.ndim != 2 or not np.all(np.isfinite(weights)) or np.any(weights < 0) or not np.all(weights.sum(axis=1) > 0):
        raise ValueError(f"`stages` must have weights >= 0 of the same sources with a sum above 0, got {weights.tolist()}")
    table = jnp.asarray(weights / weights.sum(axis=1, keepdims=True), jnp.float32)
    first_steps = jnp.asarray(starts, jnp.float32)

    def mixture(step: jax.Array | int) -> jax.Array:
        passed = first_steps <= jnp.asarray(step).astype(jnp.float32)
        return table[jnp.maximum(jnp.sum(passed, dtype=jnp.int32) - 1, 0)]

    return mixture


def top_share(scores: jax.Array, share: float = 0.3, strata: jax.Array | None = None) -> jax.Array:
    """Marks the examples of largest score in each stratum: floor(share n) of its n.

    Args:
      scores: `[N]`, such as the perplexity of the reference answer under the policy.
      share: in [0, 1].
      strata: `[N]` integers, such as whether the answer has a call of a tool; None for one stratum.

    Returns:
      `[N]` booleans; of equal scores the earlier.

    Raises:
      ValueError: the share is out of range.

    Zeng et al., "Boosting Tool Use of Large Language Models via Iterative Reinforced Fine-Tuning", 2025, arXiv 2501.09766.
    """
    checks.between("share", share, 0.0, 1.0)
    strata = jnp.zeros(scores.shape, jnp.int32) if strata is None else strata
    together = strata[:, None] == strata[None, :]
    places = jnp.arange(scores.shape[0])
    ahead = (scores[None, :] > scores[:, None]) | ((scores[None, :] == scores[:, None]) & (places[None, :] < places[:, None]))
    ranks, sizes = (jnp.sum(x, axis=1, dtype=jnp.int32) for x in (together & ahead, together))
    # A product such as 0.3 * 10 must not round below its integer.
    return ranks < jnp.floor(share * sizes.astype(jnp.float32) + 1e-4).astype(jnp.int32)
