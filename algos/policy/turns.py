"""Dialogues of several turns: rewards of turns, the credit of their tokens, and turns that lead nowhere."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core import LossTransform, checks, loss_transform, numerics
from ..measure import distinct_share
from .terms import Terms

# ----- void turns ---------------------------------------------------------------------------------------------------------


def void_turns(has_code: jax.Array, has_answer: jax.Array, where: jax.Array) -> jax.Array:
    """Which dialogues have a turn with neither a complete block of code nor a final answer.

    Args:
      has_code: `[B, S]`, true where a turn holds a complete fenced block of code.
      has_answer: `[B, S]`, true where it holds a final answer.
      where: `[B, S]`, true where there is a turn.

    Returns:
      `[B]` booleans; `well_formed` of `policy.Terms` is their negation, which `drop_flagged` reads.

    Xue et al., "SimpleTIR: End-to-End Reinforcement Learning for Multi-Turn Tool-Integrated Reasoning", 2025, arXiv
    2509.02479.
    """
    return (where.astype(bool) & ~has_code.astype(bool) & ~has_answer.astype(bool)).any(axis=1)


# ----- rewards of turns ---------------------------------------------------------------------------------------------------


def _last_turn(terms: Terms) -> jax.Array:
    """One-hot `[B, S]` of the turn that ends the dialogue: the first right one, else the last."""
    right = terms.turn_correct.astype(bool)
    turns = right.shape[1]
    last = jnp.where(right.any(axis=1), jnp.argmax(right, axis=1), turns - 1)
    return jnp.arange(turns)[None, :] == last[:, None]


def turn_decay(gamma: float = 0.5) -> LossTransform:
    """Rewards the first right answer, less the later it comes: r_t = gamma^t at that turn t = 0, 1, ..., else 0.

    Args:
      gamma: in [0, 1].

    Returns:
      A `LossTransform` reading `turn_correct`, writing `turn_rewards` `[B, S]`.

    Raises:
      ValueError: gamma is out of range.

    Liu et al., "A Simple 'Try Again' Can Elicit Multi-Turn LLM Reasoning", 2025, arXiv 2507.14295.
    """
    checks.between("gamma", gamma, 0.0, 1.0)

    def update(terms: Terms) -> Terms:
        worth = jnp.asarray([gamma**turn for turn in range(terms.turn_correct.shape[1])])
        solved = _last_turn(terms) & terms.turn_correct.astype(bool)
        return terms.replace(turn_rewards=jnp.where(solved, worth[None, :], 0.0))

    return loss_transform(update, reads=("turn_correct",), writes=("turn_rewards",), hyperparameters={"gamma": gamma})


def repetition_penalty(weight: float = 0.5) -> LossTransform:
    """Charges the last turn for answers given before: r_last -= weight (1 - E / n), E of the n answers being different.

    Answers after the first right one do not count, nor do turns without an answer.

    Args:
      weight: >= 0.

    Returns:
      A `LossTransform` reading `turn_answers`, `turn_correct` and `turn_rewards`, writing `turn_rewards` `[B, S]`.

    Raises:
      ValueError: weight is negative.

    Liu et al., "A Simple 'Try Again' Can Elicit Multi-Turn LLM Reasoning", 2025, arXiv 2507.14295.
    """
    checks.non_negative("weight", weight)

    def update(terms: Terms) -> Terms:
        last = _last_turn(terms)
        so_far = jnp.cumsum(last[:, ::-1], axis=1)[:, ::-1] > 0  # the last turn and those before it
        penalty = weight * (1.0 - distinct_share(terms.turn_answers, so_far & (terms.turn_answers >= 0)))
        charged = jnp.where(last, penalty[:, None], 0.0)
        return terms.replace(turn_rewards=terms.turn_rewards - charged.astype(terms.turn_rewards.dtype))

    return loss_transform(
        update,
        reads=("turn_answers", "turn_correct", "turn_rewards"),
        writes=("turn_rewards",),
        hyperparameters={"weight": weight},
    )


def progress_bonus(alpha: float = 10.0) -> LossTransform:
    """Rewards progress from one attempt to the next: r_t += alpha (r_t - r_{t-1}) for every turn but the first.

    Args:
      alpha: >= 0.

    Returns:
      A `LossTransform` reading and writing `turn_rewards` `[B, S]`.

    Raises:
      ValueError: alpha is negative.

    Kumar et al., "Training Language Models to Self-Correct via Reinforcement Learning", 2024, arXiv 2409.12917, with two
    attempts.
    """
    checks.non_negative("alpha", alpha)

    def update(terms: Terms) -> Terms:
        rewards = terms.turn_rewards
        progress = jnp.diff(rewards, axis=1, prepend=rewards[:, :1])
        return terms.replace(turn_rewards=rewards + alpha * progress)

    return loss_transform(update, reads=("turn_rewards",), writes=("turn_rewards",), hyperparameters={"alpha": alpha})


def last_turn_reward() -> LossTransform:
    """Keeps the reward of the last turn alone: r_t <- 0 for the others.

    Returns:
      A `LossTransform` reading and writing `turn_rewards` `[B, S]`.

    Kumar et al., "Training Language Models to Self-Correct via Reinforcement Learning", 2024, arXiv 2409.12917.
    """

    def update(terms: Terms) -> Terms:
        turns = terms.turn_rewards.shape[1]
        return terms.replace(turn_rewards=jnp.where((jnp.arange(turns) == turns - 1)[None, :], terms.turn_rewards, 0.0))

    return loss_transform(update, reads=("turn_rewards",), writes=("turn_rewards",))


def kl_in_turn_rewards(first: float = 0.01, later: float = 0.01) -> LossTransform:
    """Charges each turn for leaving the reference: r_s -= c_s sum of (old_log_probs - ref_log_probs) over its tokens.

    Args:
      first: >= 0, the coefficient c of the first turn.
      later: >= 0, that of the others.

    Returns:
      A `LossTransform` reading `turn_rewards`, `turn_ids`, `old_log_probs` and `ref_log_probs`, writing `turn_rewards`
      `[B, S]`.

    Raises:
      ValueError: a coefficient is negative.

    Kumar et al., "Training Language Models to Self-Correct via Reinforcement Learning", 2024, arXiv 2409.12917.
    """
    checks.non_negative("first", first)
    checks.non_negative("later", later)

    def update(terms: Terms) -> Terms:
        divergences = jnp.where(terms.mask, terms.old_log_probs - terms.ref_log_probs, 0.0)
        by_turn = jnp.sum(jnp.where(_owner(terms), divergences[..., None], 0.0), axis=1)
        charged = jnp.where((jnp.arange(by_turn.shape[1]) == 0)[None, :], first * by_turn, later * by_turn)
        return terms.replace(turn_rewards=terms.turn_rewards - charged)

    return loss_transform(
        update,
        reads=("turn_rewards", "turn_ids", "old_log_probs", "ref_log_probs"),
        writes=("turn_rewards",),
        hyperparameters={"first": first, "later": later},
    )


def _owner(terms: Terms) -> jax.Array:
    """`[B, T, S]`: true where the valid token belongs to the turn."""
    turns = jnp.arange(terms.turn_rewards.shape[1])
    return terms.mask[..., None] & (terms.turn_ids.astype(turns.dtype)[..., None] == turns[None, None, :])


# ----- from turns to responses and tokens -----------------------------------------------------------------------------------


def sum_turn_rewards() -> LossTransform:
    """Sums the rewards of the turns into the response's: s_i = sum_t r_it.

    Returns:
      A `LossTransform` reading `turn_rewards`, writing `rewards` `[B]`.

    Liu et al., "A Simple 'Try Again' Can Elicit Multi-Turn LLM Reasoning", 2025, arXiv 2507.14295.
    """
    return loss_transform(
        lambda terms: terms.replace(rewards=jnp.sum(terms.turn_rewards, axis=1)), reads=("turn_rewards",), writes=("rewards",)
    )


def turn_credit(mode: str = "own", *, discount: float = 1.0, baseline: str = "none") -> LossTransform:
    """Takes what a turn has earned as the advantage of its tokens.

    "own": A = r_s - b_s on the tokens of turn s. "to_go": A = G_s - b_s with G_s = r_s + discount G_{s+1}.

    Args:
      mode: "own" or "to_go".
      discount: in [0, 1], for "to_go".
      baseline: "none" for b = 0, or "batch_mean" for the mean of r_s or G_s over the responses that have tokens in turn s.

    Returns:
      A `LossTransform` reading `turn_rewards` and `turn_ids`, writing `advantages` `[B, T]`.

    Raises:
      ValueError: an argument is out of range or unknown.

    Kumar et al., "Training Language Models to Self-Correct via Reinforcement Learning", 2024, arXiv 2409.12917. With reward to
    go and a large progress bonus a right first attempt is punished; which of the two the authors use is not known.
    """
    checks.option("mode", mode, ("own", "to_go"))
    checks.between("discount", discount, 0.0, 1.0)
    checks.option("baseline", baseline, ("none", "batch_mean"))

    def update(terms: Terms) -> Terms:
        owner, credits = _owner(terms), terms.turn_rewards
        if mode == "to_go":
            _, to_go = jax.lax.scan(
                lambda following, reward: (reward + discount * following,) * 2,
                jnp.zeros_like(credits[:, 0]),
                credits.T,
                reverse=True,
            )
            credits = to_go.T
        if baseline == "batch_mean":
            credits = credits - _means(terms, credits, owner.any(axis=1))[None, :]
        return terms.replace(advantages=jnp.sum(jnp.where(owner, credits[:, None, :], 0.0), axis=2))

    return loss_transform(
        update,
        reads=("turn_rewards", "turn_ids"),
        writes=("advantages",),
        hyperparameters={"mode": mode, "discount": discount, "baseline": baseline},
    )


def _means(terms: Terms, x: jax.Array, where: jax.Array) -> jax.Array:
    """Mean of every column of `x` `[B, S]` over the rows of the batch in `where`: `[S]`."""

    def mean(turn: int) -> jax.Array:
        chosen = where[:, turn]
        total = terms.batch_sum(jnp.where(chosen, x[:, turn], 0.0))
        return numerics.safe_divide(total, terms.batch_sum(jnp.where(chosen, 1.0, 0.0).astype(x.dtype)))

    return jnp.stack([mean(turn) for turn in range(x.shape[1])])
