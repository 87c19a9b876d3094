"""Descriptions made of claims, some of them false, and a judge that is mostly right: preference pairs round after round."""

from typing import Any

import jax
import jax.numpy as jnp

from algax import preference
from algax.experiments.tasks.task import Task

SKIP, TRUE, FALSE = range(3)
JUDGE = 0.8  # accuracy of the judge
MOST = 20  # pairs of a prompt, of at most 28
START = (0.0, 0.5, 0.0)  # mean logits of nothing, a true and a false claim
SPREAD = 1.0


def descriptions(
    model: Any, balanced: bool = True, fresh: bool = True, epochs: int = 40, prompts: int = 32, claims: int = 8
) -> Task:
    """Images with eight things to say something about: nothing, a true claim or a false one.

    A round samples eight descriptions of each image, scores them by the claims that the judge takes for false, pairs them, see
    `preference.score_pairs`, and trains on the pairs, with the policy of the round's start as the reference.

    Args:
        model: none; the parameters are `{"policy": logits [prompts, claims, 3], "samplers": ...}`; the arm's optimizer ends in
            `refresh_sampler`.
        balanced: drop pairs by `preference.length_balance`, the length being the number of claims.
        fresh: new pairs every round; else those of the first one, with its reference, throughout.
        epochs: updates a round, that of `refresh_sampler`.
        prompts: images, all of them in every round.
        claims: things to say something about.

    Returns:
        a task with exact metrics, shares of their values at the start: `false_rate` (of the claims made) and `claims`.
    """
    del model
    samples = 8
    rows = jnp.repeat(jnp.arange(prompts), samples)
    if epochs < 1:
        raise ValueError(f"epochs must be at least 1; got {epochs}")

    def init(key):
        logit_key, sample_key = jax.random.split(key)
        logits = jnp.array(START)[None, None] + SPREAD * jax.random.normal(logit_key, (prompts, claims, 3))
        return {"policy": logits, "samplers": logits[None]}, {"start": logits, "key": sample_key}

    def log_probs(logits, chosen, said):
        scores = jax.nn.log_softmax(logits)[chosen]
        return jnp.sum(jnp.take_along_axis(scores, said[..., None], axis=-1)[..., 0], axis=1)

    def batch(params, context, step, key):
        del key  # the descriptions of all epochs are the same
        say_key, judge_key = jax.random.split(jax.random.fold_in(context["key"], step // epochs if fresh else 0))
        sampler = params["samplers"][-1] if fresh else context["start"]
        said = jax.random.categorical(say_key, sampler[rows])
        mistaken = jax.random.bernoulli(judge_key, 1.0 - JUDGE, said.shape)
        p_yes = jnp.where((said == FALSE) == mistaken, 1.0, 0.0)
        p_yes = jnp.where(said == SKIP, 1.0, p_yes)  # where nothing is said there is nothing to object to
        ids = jnp.repeat(jnp.arange(len(rows)), claims)
        scores = preference.claim_scores(p_yes.ravel(), 1.0 - p_yes.ravel(), ids, len(rows))
        pairs = preference.score_pairs(scores, rows, most=MOST)
        better, worse = jnp.nonzero(pairs, size=MOST * prompts, fill_value=-1)
        where = better >= 0
        counts = jnp.sum(said != SKIP, axis=1, dtype=jnp.float32)
        lengths = [jnp.where(where, counts[side], 0.0) for side in (better, worse)]
        if balanced:
            where = where & preference.length_balance(*lengths).keep
        sides = [(rows[side], said[side]) for side in (better, worse)]
        return preference.Terms(
            inputs={"chosen": sides[0], "rejected": sides[1]},
            mask=where,
            ref_chosen_log_probs=log_probs(sampler, *sides[0]),
            ref_rejected_log_probs=log_probs(sampler, *sides[1]),
            chosen_lengths=lengths[0],
            rejected_lengths=lengths[1],
        )

    def forward(params, terms, key):
        del key
        return terms.replace(
            chosen_log_probs=log_probs(params["policy"], *terms.inputs["chosen"]),
            rejected_log_probs=log_probs(params["policy"], *terms.inputs["rejected"]),
        )

    def measured(logits):
        said = jnp.mean(jax.nn.softmax(logits), axis=(0, 1))
        made = said[TRUE] + said[FALSE]
        return said[FALSE] / made, made

    def evaluate(params, context, key):
        del key
        now, start = measured(params["policy"]), measured(context["start"])
        return {"false_rate": now[0] / start[0], "claims": now[1] / start[1]}

    return Task(init, batch, forward, evaluate)
