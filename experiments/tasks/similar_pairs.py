"""Pairs of responses from alike to unlike, and what DPO does to the chosen ones it trains on."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

import algax
from algax import curriculum, measure, preference
from algax.experiments.tasks.answers import answers
from algax.experiments.tasks.task import Task

PAIRS, LENGTH, TOKENS, HIDDEN = 100, 4, 20, 16
STEPS, RATE = 50, 0.01  # of Adam


def _states(params, written):
    """The states before the tokens of responses `[B, T]`, one a row of the prompts: `[B, T, D]`."""
    state, states = jnp.tanh(params["prompts"]), []
    for position in range(LENGTH):
        states.append(state)
        state = jnp.tanh(state @ params["recurrence"] + params["tokens"][written[:, position]])
    return jnp.stack(states, axis=1)


def _log_probs(params, written):
    return jnp.sum(algax.Logits(_states(params, written) @ params["head"]).log_probs(written), axis=1)


def draw_pairs(key: jax.Array) -> dict[str, Any]:
    """Prompts with a chosen and a rejected response each, and the parameters of a language model."""
    keys = jax.random.split(key, 9)
    normal = lambda key, *shape: jax.random.normal(key, shape)  # noqa: E731
    chosen = jax.random.randint(keys[4], (PAIRS, LENGTH), 0, TOKENS)
    others = (chosen + jax.random.randint(keys[5], (PAIRS, LENGTH), 1, TOKENS)) % TOKENS
    alike = jax.random.uniform(keys[6], (PAIRS, 1))  # share of tokens in common, but for one that is not
    common = (jax.random.uniform(keys[7], (PAIRS, LENGTH)) < alike) & (jnp.arange(LENGTH) < LENGTH - 1)[None]
    params = {
        "prompts": normal(keys[0], PAIRS, HIDDEN),
        "recurrence": normal(keys[1], HIDDEN, HIDDEN) / HIDDEN**0.5,
        "tokens": normal(keys[2], TOKENS, HIDDEN),
        "head": 2.0 * normal(keys[3], HIDDEN, TOKENS) / HIDDEN**0.5,
    }
    return {"params": params, "chosen": chosen, "rejected": jnp.where(common, chosen, others)}


def similarities(problem: dict[str, Any]) -> jax.Array:
    """CHES of every pair at the start, `[100]`."""
    mask = jnp.ones([PAIRS, LENGTH + 1], bool).at[:, 0].set(False)
    hidden = [_states(problem["params"], problem[name]) for name in ("chosen", "rejected")]
    padded = [jnp.pad(states, ((0, 0), (0, 1), (0, 0))) for states in hidden]
    return measure.ches(padded[0], mask, padded[1], mask)


def _trained(problem, keep):
    """Which pairs were trained on, and how far DPO has moved the log-probs of their chosen responses."""

    def forward(params, terms, key):
        del key
        chosen, rejected = (_log_probs(params, terms.inputs[name]) for name in ("chosen", "rejected"))
        return terms.replace(chosen_log_probs=chosen, rejected_log_probs=rejected)

    start = problem["params"]
    terms = preference.Terms(inputs={name: problem[name] for name in ("chosen", "rejected")}, mask=keep)
    first = forward(start, terms, None)
    terms = terms.replace(ref_chosen_log_probs=first.chosen_log_probs, ref_rejected_log_probs=first.rejected_log_probs)
    tx = optax.chain(algax.gradient(preference.dpo(beta=0.1), forward), optax.adam(RATE))

    def step(carry, _):
        params, state = carry
        updates, state = tx.update(None, state, params, terms=terms)
        return (optax.apply_updates(params, updates), state), None

    (params, _), _ = jax.lax.scan(step, (start, tx.init(start)), None, STEPS)
    moved = measure.displacement(_log_probs(params, problem["chosen"]), first.chosen_log_probs)
    return jnp.stack([keep.astype(jnp.float32), moved])


def rank_correlation(first: jax.Array, second: jax.Array) -> jax.Array:
    """Spearman's rank correlation of two vectors; equal values share their mean rank, and it is 0 if all are equal."""

    def ranks(values):
        above = values[:, None] - values[None]
        return jnp.sum(jnp.sign(above), axis=1)  # twice the rank, about 0

    first, second = ranks(first), ranks(second)
    size = jnp.sqrt(jnp.sum(first**2) * jnp.sum(second**2))
    return jnp.sum(first * second) / jnp.maximum(size, 1.0)


def judge_pairs(answer: jax.Array, problem: dict[str, Any]) -> dict[str, jax.Array]:
    """The metrics of which pairs were trained on and how far all have moved, `[200]`."""
    keep, moved = answer[:PAIRS] > 0, answer[PAIRS:]
    correlation = rank_correlation(similarities(problem), moved)
    count = jnp.maximum(jnp.sum(keep, dtype=jnp.float32), 1.0)
    return {
        "displacement": jnp.sum(jnp.where(keep, moved, 0.0)) / count,
        "fallen": jnp.sum(jnp.where(keep & (moved < 0), 1.0, 0.0)) / count,
        "rank_correlation": correlation,
    }


def similar_pairs(model: Any, method: str = "all") -> Task:
    """DPO with a small recurrent language model on 100 pairs that share some or most tokens, or on half of them.

    Args:
        model: none; the language model is the task's own.
        method: "all"; "lowest half" keeps the pairs of the lowest `measure.ches`, "random half" any.

    Returns:
        a task that answers at once, with the metrics `displacement` (change of the log-probs of the chosen responses that were
        trained on, mean), `fallen` (share of them that fell) and, of all pairs, `rank_correlation` (Spearman's, of CHES and
        the change; 0 without training).
    """
    del model
    keeps = {
        "all": lambda problem, key: jnp.ones(PAIRS, bool),
        "lowest half": lambda problem, key: curriculum.keep_lowest(similarities(problem), 0.5),
        "random half": lambda problem, key: curriculum.keep_lowest(jax.random.uniform(key, (PAIRS,)), 0.5),
    }
    methods = {
        name: lambda problem, key, keep=keep: _trained(problem, keep(problem, key)).ravel() for name, keep in keeps.items()
    }
    return answers(draw_pairs, 2 * PAIRS, methods, method, judge_pairs)
