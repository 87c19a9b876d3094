"""Credit for steps of a response: least future reward, baselines per step, advantages of steps."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from ..core import LossTransform, checks, loss_transform, numerics
from .terms import Terms

# ----- positions within a row -------------------------------------------------------------------------------------------


def last_before(where: jax.Array) -> jax.Array:
    """Position of the last true entry strictly before each one, -1 if there is none: `[B, T] -> [B, T]` integers."""
    position = jnp.where(where, jnp.arange(where.shape[1])[None, :], -1)
    return jnp.pad(jax.lax.cummax(position, axis=1), ((0, 0), (1, 0)), constant_values=-1)[:, :-1]


def next_from(where: jax.Array) -> jax.Array:
    """Position of the first true entry from each one on, T if there is none: `[B, T] -> [B, T]` integers."""
    length = where.shape[1]
    position = jnp.where(where, jnp.arange(length)[None, :], length)
    return jax.lax.cummin(position, axis=1, reverse=True)


def at_positions(x: jax.Array, position: jax.Array, otherwise: jax.Array) -> jax.Array:
    """`x[b, position[b, t]]`, and `otherwise` (broadcast) where the position lies outside the row."""
    inside = (position >= 0) & (position < x.shape[1])
    taken = jnp.take_along_axis(x, jnp.where(inside, position, 0), axis=1)
    return jnp.where(inside, taken, otherwise)


def _ends(terms: Terms) -> jax.Array:
    """The last tokens of steps; every token is a step where none are given."""
    return terms.mask if terms.step_ends is None else terms.step_ends.astype(bool) & terms.mask


# ----- PURE -------------------------------------------------------------------------------------------------------------


def process_rewards(logits: jax.Array) -> jax.Array:
    """Rewards of steps from a two-class process reward model: p = softmax(logits)[1] - softmax(logits)[0].

    Args:
      logits: `[..., 2]`, class 1 for a good step.

    Returns:
      `[...]`, in [-1, 1].

    Cheng et al., "Stop Summation: Min-Form Credit Assignment Is All Process Reward Model Needs for Reasoning", 2025, arXiv
    2504.15275.
    """
    if logits.shape[-1] != 2:
        raise ValueError(f"`logits` must have shape [..., 2], got {tuple(logits.shape)}")
    logits = numerics.at_least_float32(logits)
    return jnp.tanh(0.5 * (logits[..., 1] - logits[..., 0]))


def soft_min_rewards(*, temperature: float | None = 0.1) -> LossTransform:
    """Weighs the steps' rewards so that their sum is a soft minimum: p_s <- p_s softmax_s(-p / temperature).

    A cumulative return of the result then follows the worst step: the sum tends to min_s p_s as the temperature does to 0.

    Args:
      temperature: > 0; None weighs all S steps with 1 / S, the limit of high temperature.

    Returns:
      A `LossTransform` reading `token_rewards`, with one at each of `step_ends` (or on every token), and writing
      `token_rewards` `[B, T]`, 0 elsewhere.

    Raises:
      ValueError: the temperature is not positive.

    Cheng et al., "Stop Summation: Min-Form Credit Assignment Is All Process Reward Model Needs for Reasoning", 2025, arXiv
    2504.15275.
    """
    if temperature is not None:
        checks.positive("temperature", temperature)

    def update(terms: Terms) -> Terms:
        ends, rewards = _ends(terms), terms.token_rewards
        scores = jnp.zeros_like(rewards) if temperature is None else -rewards / temperature
        scores = jnp.where(ends, scores, -jnp.inf)
        highest = jnp.max(scores, axis=1, keepdims=True)
        weights = jnp.exp(scores - jnp.where(ends.any(axis=1, keepdims=True), highest, 0.0))
        weights = numerics.safe_divide(weights, jnp.sum(weights, axis=1, keepdims=True))
        return terms.replace(token_rewards=jnp.where(ends, weights * rewards, 0.0))

    return loss_transform(
        update,
        reads=("token_rewards",),
        optional_reads=("step_ends",),
        writes=("token_rewards",),
        hyperparameters={"temperature": temperature},
    )


def min_return() -> LossTransform:
    """The least reward of the steps still to come, in place of their sum: G_t = min(p_t, G_{t+1}).

    Returns:
      A `LossTransform` reading `token_rewards`, with one at each of `step_ends` (or on every token), and writing `returns`
      and, equal to them, `advantages` `[B, T]`; tokens after the last step get 0.

    Cheng et al., "Stop Summation: Min-Form Credit Assignment Is All Process Reward Model Needs for Reasoning", 2025, arXiv
    2504.15275. One branch of the released code takes padding for steps of reward 0.
    """

    def update(terms: Terms) -> Terms:
        ends = _ends(terms)
        least = jax.lax.cummin(jnp.where(ends, terms.token_rewards, jnp.inf), axis=1, reverse=True)
        returns = jnp.where(terms.mask & jnp.isfinite(least), least, 0.0)
        return terms.replace(returns=returns, advantages=returns)

    return loss_transform(update, reads=("token_rewards",), optional_reads=("step_ends",), writes=("returns", "advantages"))


def process_baseline(*, kind: str = "token") -> LossTransform:
    """Reduces each step's reward by what the other responses to the prompt earn, per token or per step.

    With the outcome o_j = sum of response j's rewards: "token" subtracts (sum_{j != i} o_j / sum_{j != i} n_j) times the tokens
    of the step, n_j the tokens of response j; "step" subtracts mean_{j != i} o_j / S_j, S_j its steps. A group of one has no
    baseline.

    Args:
      kind: "token" or "step".

    Returns:
      A `LossTransform` writing `token_rewards` `[B, T]`; `step_ends` says where steps end (else every token is one).

    Raises:
      ValueError: an unknown kind.

    Cheng et al., "Stop Summation: Min-Form Credit Assignment Is All Process Reward Model Needs for Reasoning", 2025, arXiv
    2504.15275.
    """
    checks.option("kind", kind, ("token", "step"))

    def update(terms: Terms) -> Terms:
        ends, groups = _ends(terms), terms.groups(terms.group_ids)
        outcomes = terms.row_sum(terms.token_rewards)

        def of_others(x: jax.Array) -> jax.Array:
            return groups.sum(x) - x

        if kind == "token":
            tokens = jnp.cumsum(terms.mask, axis=1, dtype=outcomes.dtype)
            sizes = tokens - at_positions(tokens, last_before(ends), jnp.zeros([], tokens.dtype))
            lengths = terms.row_count().astype(outcomes.dtype)
            baseline = numerics.safe_divide(of_others(outcomes), of_others(lengths))
        else:
            sizes = jnp.ones_like(terms.token_rewards)
            per_step = numerics.safe_divide(outcomes, jnp.sum(ends, axis=1, dtype=outcomes.dtype))
            baseline = numerics.safe_divide(of_others(per_step), of_others(jnp.ones_like(per_step)))
        reduced = terms.token_rewards - jnp.where(ends, baseline[:, None] * sizes, 0.0)
        return terms.replace(token_rewards=reduced)

    return loss_transform(
        update,
        reads=("token_rewards", "group_ids"),
        optional_reads=("step_ends",),
        writes=("token_rewards",),
        hyperparameters={"kind": kind},
    )


def leave_one_out_baseline(length: float) -> LossTransform:
    """Compares returns with the mean return of the others: A_t <- A_t - (sum_{j != i} sum_t A_jt) / ((K - 1) length).

    For the advantages that `return_to_go` or `min_return` wrote.

    Args:
      length: > 0, a constant: the longest response, in tokens.

    Returns:
      A `LossTransform` reading `advantages` and `group_ids` and writing `advantages` `[B, T]`; a group of one has no baseline.

    Raises:
      ValueError: length is not positive.

    Cheng et al., "Stop Summation: Min-Form Credit Assignment Is All Process Reward Model Needs for Reasoning", 2025, arXiv
    2504.15275 (the second branch of the released code, where the length is that of the padded batch).
    """
    checks.positive("length", length)

    def update(terms: Terms) -> Terms:
        totals, groups = terms.row_sum(terms.advantages), terms.groups(terms.group_ids)
        others = groups.count(totals) - 1.0
        baseline = numerics.safe_divide(groups.sum(totals) - totals, jnp.maximum(others, 0.0) * length)
        return terms.replace(advantages=jnp.where(terms.mask, terms.advantages - baseline[:, None], 0.0))

    return loss_transform(update, reads=("advantages", "group_ids"), writes=("advantages",), hyperparameters={"length": length})


def leave_one_out_reward(*, coefficient: float = 1.0) -> LossTransform:
    """Compares a verified reward with the others to its prompt: s_i <- coefficient (s_i - mean_{j != i} s_j).

    Put before `reward_on_last_token`, it adds an outcome to process rewards.

    Args:
      coefficient: > 0.

    Returns:
      A `LossTransform` reading `rewards` and `group_ids` and writing `rewards` `[B]`; a group of one gets 0.

    Raises:
      ValueError: the coefficient is not positive.

    Cheng et al., "Stop Summation: Min-Form Credit Assignment Is All Process Reward Model Needs for Reasoning", 2025, arXiv
    2504.15275, where the reward is 0 or -1; the constant cancels.
    """
    checks.positive("coefficient", coefficient)

    def update(terms: Terms) -> Terms:
        groups = terms.groups(terms.group_ids)
        shifted = terms.rewards - groups.max(terms.rewards)
        others = jnp.maximum(groups.count(shifted) - 1.0, 0.0)
        compared = shifted - numerics.safe_divide(groups.sum(shifted) - shifted, others)
        return terms.replace(rewards=coefficient * compared)

    return loss_transform(
        update, reads=("rewards", "group_ids"), writes=("rewards",), hyperparameters={"coefficient": coefficient}
    )


def zero_separators() -> LossTransform:
    """Takes the advantage from tokens that only separate steps, where `separators` says which.

    Returns:
      A `LossTransform` writing `advantages` `[B, T]`; the tokens still count in the reductions.

    Cheng et al., "Stop Summation: Min-Form Credit Assignment Is All Process Reward Model Needs for Reasoning", 2025, arXiv
    2504.15275.
    """

    def update(terms: Terms) -> Terms:
        if terms.separators is None:
            return terms
        return terms.replace(advantages=jnp.where(terms.separators.astype(bool), 0.0, terms.advantages))

    return loss_transform(update, reads=("advantages",), optional_reads=("separators",), writes=("advantages",))


def ratio_guard(*, limit: float = 10.0) -> LossTransform:
    """Skips the surrogates of a whole batch whose mean ratio is above a limit: weights *= 1[mean r <= limit].

    Args:
      limit: > 0.

    Returns:
      A `LossTransform` reading `ratios` and writing `weights` `[B, T]`.

    Raises:
      ValueError: limit is not positive.

    Cheng et al., "Stop Summation: Min-Form Credit Assignment Is All Process Reward Model Needs for Reasoning", 2025, arXiv
    2504.15275, whose released code skips the update.
    """
    checks.positive("limit", limit)

    def update(terms: Terms) -> Terms:
        keep = jnp.where(terms.batch_mean(terms.ratios) <= limit, 1.0, 0.0).astype(terms.ratios.dtype)
        weights = jnp.ones_like(terms.ratios) if terms.weights is None else terms.weights
        return terms.replace(weights=keep * weights)

    return loss_transform(
        update,
        reads=("ratios",),
        optional_reads=("weights",),
        writes=("weights",),
        hyperparameters={"limit": limit},
        couples_batch=True,
    )


# ----- advantages of steps ----------------------------------------------------------------------------------------------


def step_advantage() -> LossTransform:
    """What each step changes in the estimated success rate: A_i = Q_i - Q_{i-1}, on all tokens of the step.

    Q_i is the success rate of continuations after step i, Q_0 that from the prompt.

    Returns:
      A `LossTransform` reading `step_values` `[B, T]` (on the last token of each step), `prompt_values` `[B]` and `step_ends`
      (without which every token is a step) and writing `advantages` `[B, T]`; tokens after the last step get 0.

    Setlur et al., "RL on Incorrect Synthetic Data Scales the Efficiency of LLM Math Reasoning by Eight-Fold", 2024, arXiv
    2406.14532.
    """

    def update(terms: Terms) -> Terms:
        ends = _ends(terms)
        before = at_positions(terms.step_values, last_before(ends), terms.prompt_values[:, None])
        at = next_from(ends)
        after = at_positions(terms.step_values, at, jnp.zeros([], terms.step_values.dtype))
        inside = terms.mask & (at < ends.shape[1])
        return terms.replace(advantages=jnp.where(inside, after - before, 0.0))

    return loss_transform(
        update,
        reads=("step_values", "prompt_values"),
        optional_reads=("step_ends",),
        writes=("advantages",),
    )


def first_pit(step_values: jax.Array, step_ends: jax.Array) -> jax.Array:
    """The step that spoils a solution: the first with the least success rate, at which a preference pair cuts it.

    Args:
      step_values: `[B, T]` estimated success rate after each step.
      step_ends: `[B, T]` true where `step_values` holds one.

    Returns:
      `[B]` integers, the position in the row; -1 for a row without steps. The wrong response's part up to and including it
      makes a pair with a right response for `preference.dpo`.

    Setlur et al., "RL on Incorrect Synthetic Data Scales the Efficiency of LLM Math Reasoning by Eight-Fold", 2024, arXiv
    2406.14532.
    """
    ends = jnp.asarray(step_ends, bool)
    position = jnp.argmin(jnp.where(ends, step_values, jnp.inf), axis=1)
    return jnp.where(ends.any(axis=1), position, -1)


def advantage_weighted(*, beta: float, weight_max: float = 20.0) -> LossTransform:
    """Imitation weighted by advantages: the surrogate min(exp(A / beta), weight_max) log pi.

    Args:
      beta: > 0, temperature; the larger, the closer to plain imitation.
      weight_max: > 0, the largest weight.

    Returns:
      A `LossTransform` reading `advantages` and `log_probs` and writing `surrogates` `[B, T]`.

    Raises:
      ValueError: an argument is not positive.

    Setlur et al., "RL on Incorrect Synthetic Data Scales the Efficiency of LLM Math Reasoning by Eight-Fold", 2024, arXiv
    2406.14532.
    """
    checks.positive("beta", beta)
    checks.positive("weight_max", weight_max)

    def update(terms: Terms) -> Terms:
        # Capping the exponent keeps the exponential finite.
        exponents = jnp.minimum(jax.lax.stop_gradient(terms.advantages) / beta, math.log(weight_max))
        return terms.replace(surrogates=jnp.exp(exponents) * terms.log_probs)

    return loss_transform(
        update,
        reads=("advantages", "log_probs"),
        writes=("surrogates",),
        hyperparameters={"beta": beta, "weight_max": weight_max},
    )
