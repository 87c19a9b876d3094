"""Samples with a worked answer beside them in every group, for losses that choose between the two."""

import jax
import jax.numpy as jnp

import algax
from algax.experiments.tasks.rollouts.once import once
from algax.experiments.tasks.verified import Rollouts, answer_mask, answered, transcript


def demonstrated(size: int = 8) -> Rollouts:
    """As `once`, and after the samples one row a group with the problem's worked answer, flagged `demonstrations`.

    Args:
        size: samples of a group, the task's `samples_per_prompt`.

    Returns:
        rollouts of B + B / size rows.

    Raises:
        ValueError: the size is below 1, or the groups have another.
    """
    if size < 1:
        raise ValueError(f"size must be at least 1; got {size}")
    plain = once()

    def collect(setting, params, context, prompts, group_ids, key):
        if len(prompts) % size:
            raise ValueError(f"samples_per_prompt must be size = {size}")
        terms = plain.collect(setting, params, context, prompts, group_ids, key)
        asked = prompts[::size]  # groups come one after the other
        answers = setting.answers_to(asked)
        old = algax.Logits(setting.logits(params, **transcript(asked, answers), length=setting.answer_length))
        mask = answer_mask(answers)
        shown = answered(setting, context, asked, group_ids[::size], answers, mask, old.log_probs(answers))
        rows = [x.replace(demonstrations=jnp.full(len(x.tokens), flag)) for x, flag in ((terms, False), (shown, True))]
        return jax.tree.map(lambda x, y: jnp.concatenate([x, y]), *rows)

    return Rollouts(collect)
