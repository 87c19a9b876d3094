"""Answers cut at an uncertain character and continued anew."""

import jax
import jax.numpy as jnp

import algax
from algax import policy
from algax.experiments.tasks import checker
from algax.experiments.tasks.verified import Rollouts, Setting, left_padded

# Where no cut is made: behind it nothing is left to continue.
NOT_CUT = (checker.STOP,)


def branched(branches: int = 3, top_k: int = 3, first_round: int = 2) -> Rollouts:
    """Of every group a few answers are sampled; each is cut at an uncertain character and continued `branches` times.

    The groups of a batch have `first_round * (1 + branches)` answers, which must be the task's `samples_per_prompt`.

    Args:
        branches: continuations of each answer, >= 1.
        top_k: characters of an answer among which the cut is drawn, the most uncertain ones, >= 1.
        first_round: answers of a group that are sampled whole, >= 1.

    Returns:
        rollouts in which a continuation's prompt holds what was kept of the answer, so that no loss falls on it.

    Raises:
        ValueError: an argument is out of range, or the groups have another size.
    """
    for name, value in {"branches": branches, "top_k": top_k, "first_round": first_round}.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1; got {value}")
    cut = policy.recut(jnp.array(NOT_CUT), top_k=top_k, branches=branches, pad_token=checker.STOP)

    def collect(setting, params, context, prompts, group_ids, key):
        size = first_round * (1 + branches)
        if len(prompts) % size:
            raise ValueError(f"samples_per_prompt must be first_round * (1 + branches) = {size}")
        first_key, cut_key, second_key = jax.random.split(key, 3)
        chosen = jnp.arange(0, len(prompts), 1 + branches)  # groups come one after the other
        prompts, group_ids = prompts[chosen], group_ids[chosen]
        shown, seen = left_padded(prompts, setting.answer_length).values()
        first = setting.sample(params, shown, first_key, mask=seen)
        entropies = algax.Logits(_logits(setting, params, shown, seen, first)).entropies()
        new = cut(cut_key, policy.Rollouts(shown, seen, first.tokens, first.mask, entropies, group_ids))
        second = setting.sample(params, new.prompts, second_key, mask=new.prompt_mask)
        both = jax.tree.map(lambda *x: jnp.concatenate(x), first, second)
        kept = jnp.repeat(first.tokens, branches, axis=0)
        whole = jnp.concatenate([first.tokens, _join(kept, second.tokens, new.cuts)])
        right = setting.right(jnp.concatenate([prompts, jnp.repeat(prompts, branches, axis=0)]), whole)
        shown, seen = jnp.concatenate([shown, new.prompts]), jnp.concatenate([seen, new.prompt_mask])
        ref = algax.Logits(_logits(setting, context["reference"], shown, seen, both))
        return policy.Terms(
            inputs={
                "tokens": jnp.concatenate([shown, both.tokens], axis=1),
                "mask": jnp.concatenate([seen, both.mask], axis=1),
            },
            tokens=both.tokens,
            mask=both.mask,
            rewards=right.astype(jnp.float32),
            correct=right,
            group_ids=jnp.concatenate([group_ids, new.group_ids]),
            old_log_probs=both.log_probs,
            ref_log_probs=ref.log_probs(both.tokens),
        )

    return Rollouts(collect)


def _logits(setting: Setting, params, shown: jax.Array, seen: jax.Array, samples) -> jax.Array:
    tokens, mask = jnp.concatenate([shown, samples.tokens], axis=1), jnp.concatenate([seen, samples.mask], axis=1)
    return setting.logits(params, tokens, mask, samples.tokens.shape[1])


def _join(kept: jax.Array, continued: jax.Array, cuts: jax.Array) -> jax.Array:
    """The first `cuts` `[B]` tokens of one and then those of the other, `[B, T]`; what goes beyond T is lost."""
    positions = jnp.arange(kept.shape[1])[None, :]
    moved = jnp.take_along_axis(continued, jnp.maximum(positions - cuts[:, None], 0), axis=1)
    return jnp.where(positions < cuts[:, None], kept, moved)
