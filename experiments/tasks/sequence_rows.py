"""Rows that join a batch of `sequences`: demonstrations that may hold a mistake, continuations of them, and branches.

Each builder returns `rows(play, terms, sampler, context, step, key) -> policy.Terms`, where `terms` are the batch's own rows.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

import algax
from algax import policy


def imperfect_rows(mistakes: float = 0.5, steps: int = 500) -> Callable:
    """For every prompt a demonstration, flagged `demonstrations`, and a sample that continues it, flagged `regularising`.

    An arm that does not use a kind drops it with `policy.drop_flagged`.

    The demonstration is the first right sequence, in some draws with one token replaced by the next symbol. The sample takes
    its first tokens, flagged `guided_tokens`, a share of them between 0.95 and a cosine from 0.95 to 0.05 over training.

    Args:
        mistakes: share of the draws with a wrong token.
        steps: of training.

    Raises:
        ValueError: mistakes is outside [0, 1].
    """
    if not 0 <= mistakes <= 1:
        raise ValueError(f"mistakes must be in [0, 1]; got {mistakes}")
    least = optax.cosine_decay_schedule(0.95, steps, 0.05 / 0.95)

    def rows(play, terms, sampler, context, step, key):
        spoil_key, place_key, prefix_key, sample_key = jax.random.split(key, 4)
        chosen = jnp.arange(play.prompts)
        spoilt = jax.random.bernoulli(spoil_key, mistakes, chosen.shape)
        places = jnp.where(spoilt, jax.random.randint(place_key, chosen.shape, 0, play.length), -1)
        positions = jnp.arange(play.length)[None]
        wrong = positions == places[:, None]
        tokens = jnp.where(wrong, (context["right"][:, 0] + 1) % play.symbols, context["right"][:, 0])
        shares = policy.prefix_lengths(prefix_key, jnp.full(chosen.shape, play.length), least(jnp.asarray(step, jnp.float32)))
        guided = positions < shares[:, None]
        made = []
        for given in (tokens, jnp.where(guided, tokens, -1)):
            made.append(play.rows(sampler, chosen, *play.sample(sampler, context, chosen, sample_key, given), context))
        everyone = jnp.ones(chosen.shape, bool)
        shown, continued = (
            made[0].replace(demonstrations=everyone),
            made[1].replace(regularising=everyone, guided_tokens=guided),
        )
        return jax.tree.map(lambda x, y: jnp.concatenate([x, y]), shown, continued)

    return rows


def branched_rows(branches: int = 3, top_k: int = 2) -> Callable:
    """Continuations of the batch's rows from a random one of their most uncertain positions, in the same groups.

    The tokens before that position are given, so the mask leaves them out.

    Args:
        branches: of every row.
        top_k: positions of largest entropy to draw from, the first never being one.

    Raises:
        ValueError: an argument is below 1.
    """
    for name, value in {"branches": branches, "top_k": top_k}.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1; got {value}")
    cut = policy.recut(jnp.zeros([0], jnp.int32), top_k=top_k, branches=branches)

    def rows(play, terms, sampler, context, step, key):
        cut_key, sample_key = jax.random.split(key)
        chosen, tokens = terms.group_ids, terms.tokens
        entropies = algax.Logits(play.scores(sampler, context, chosen, tokens)[0]).entropies()
        width = 1 + play.length  # the prompt is a token of its own, with room for what is kept of the answer
        prompts = jnp.zeros([len(chosen), width], tokens.dtype).at[:, -1].set(chosen)
        shown = jnp.broadcast_to(jnp.arange(width)[None] == width - 1, prompts.shape)
        branched = cut(cut_key, policy.Rollouts(prompts, shown, tokens, terms.mask, entropies, chosen))
        kept = branched.cuts[:, None]
        positions = jnp.arange(play.length)[None]
        places = jnp.clip(width - kept + positions, 0, width - 1)
        given = jnp.where(positions < kept, jnp.take_along_axis(branched.prompts, places, axis=1), -1)
        own = branched.group_ids
        new = play.rows(sampler, own, *play.sample(sampler, context, own, sample_key, given), context)
        return new.replace(mask=positions >= kept)

    return rows
