"""Calls with a tool and three arguments, simple ones and few complex ones, learnt from examples or from pairs of mistakes."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from algax import curriculum, preference
from algax.experiments.tasks.task import Task

SLOTS, VALUES, FEATURES = 4, 4, 4  # a tool and three arguments, choices of each, features of a query
COMPLEX = 0.15  # share of queries that follow a rule of their own
POOL, WORKED = 5000, 500  # queries with answers: all of them, and those of the warm start
CHILDREN, TEMPERATURE = 3, 1.5  # sampled values of a slot
SHARE = 0.3  # of the queries, those whose answers are the least likely


def slot_calls(model: Any, pairs: bool = False, warm_steps: int = 400, queries: int = 64) -> Task:
    """Every slot's value is a function of the query, another one for complex queries.

    The student is warmed up on 500 worked queries and goes on with ten times as many. Each row is one slot: its worked value as
    the chosen response, or, with `pairs`, two values that the student sampled itself for one of the queries it does badly.

    Args:
        model: a Linen module, queries `[B, 5]` to `[B, 4 * 4]` logits.
        pairs: True takes the queries of the largest perplexity, see `curriculum.top_share`, and of each slot a right and a
            wrong sampled value, see `curriculum.sibling_pairs`.
        warm_steps: supervised steps before, 64 queries each (Adam at 3e-3).
        queries: drawn for a step.

    Returns:
        a task of `preference.Terms` with the metrics `complex_accuracy` and `simple_accuracy`, the probability of a wholly
        right call on 512 new queries of each kind.
    """

    def drawn(key, directions, count, share):
        """Queries `[count, 5]`, the last feature 1 for complex ones, and their values `[count, 4]`."""
        feature_key, kind_key = jax.random.split(key)
        features = jax.random.normal(feature_key, (count, FEATURES))
        hard = jax.random.bernoulli(kind_key, share, (count,))
        rules = jnp.einsum("bf,kfsv->kbsv", features, directions)
        answers = jnp.argmax(jnp.where(hard[:, None, None], rules[1], rules[0]), axis=-1)
        return {"queries": jnp.concatenate([features, hard[:, None].astype(jnp.float32)], axis=1), "answers": answers}

    def log_probs(params, asked):
        return jax.nn.log_softmax(model.apply(params, asked).reshape(-1, SLOTS, VALUES))

    def of(params, asked, values):
        return jnp.take_along_axis(log_probs(params, asked), values[..., None], axis=2)[..., 0]

    def warm(params, pool, key):
        tx = optax.adam(3e-3)

        def step(carry, key):
            params, state = carry
            chosen = jax.random.randint(key, (queries,), 0, WORKED)
            loss = lambda params: -jnp.mean(of(params, pool["queries"][chosen], pool["answers"][chosen]))  # noqa: E731
            updates, state = tx.update(jax.grad(loss)(params), state)
            return (optax.apply_updates(params, updates), state), None

        return jax.lax.scan(step, (params, tx.init(params)), jax.random.split(key, warm_steps))[0][0]

    def init(key):
        keys = jax.random.split(key, 6)
        directions = jax.random.normal(keys[0], (2, FEATURES, SLOTS, VALUES))
        pool = drawn(keys[1], directions, POOL, COMPLEX)
        params = warm(model.init(keys[2], jnp.zeros([1, FEATURES + 1])), pool, keys[3])
        tests = {"complex": drawn(keys[4], directions, 512, 1.0), "simple": drawn(keys[5], directions, 512, 0.0)}
        return params, {"pool": pool, **tests}

    def batch(params, context, step, key):
        del step
        query_key, child_key = jax.random.split(key)
        chosen = jax.random.randint(query_key, (queries,), 0, POOL)
        asked, answers = (context["pool"][name][chosen] for name in ("queries", "answers"))
        where, better, worse = jnp.ones(answers.shape, bool), answers, answers
        if pairs:
            now = log_probs(params, asked)
            weak = curriculum.top_share(-jnp.mean(of(params, asked, answers), axis=1), SHARE)
            children = jax.random.categorical(child_key, now[None] / TEMPERATURE, shape=(CHILDREN, *answers.shape))
            children = jnp.moveaxis(children, 0, -1).reshape(-1, CHILDREN)
            right = children == answers.reshape(-1)[:, None]
            found = curriculum.sibling_pairs(jnp.where(right, 0.5, -0.5), jnp.zeros(len(children)))
            pick = lambda index: jnp.take_along_axis(children, index[:, None], axis=1).reshape(answers.shape)  # noqa: E731
            where, better, worse = weak[:, None] & found.where.reshape(answers.shape), pick(found.win), pick(found.lose)
        return preference.Terms(
            inputs={
                "queries": jnp.repeat(asked, SLOTS, axis=0),
                "slots": jnp.tile(jnp.arange(SLOTS), queries),
                "better": better.reshape(-1),
                "worse": worse.reshape(-1),
            },
            mask=where.reshape(-1),
            chosen_lengths=jnp.ones(queries * SLOTS),
            rejected_lengths=jnp.ones(queries * SLOTS),
        )

    def forward(params, terms, key):
        del key
        inputs, rows = terms.inputs, jnp.arange(len(terms.inputs["slots"]))
        table = log_probs(params, inputs["queries"])[rows, inputs["slots"]]
        return terms.replace(chosen_log_probs=table[rows, inputs["better"]], rejected_log_probs=table[rows, inputs["worse"]])

    def evaluate(params, context, key):
        del key
        found = {}
        for kind in ("complex", "simple"):
            right = of(params, context[kind]["queries"], context[kind]["answers"])
            found[f"{kind}_accuracy"] = jnp.mean(jnp.exp(jnp.sum(right, axis=1)))
        return found

    return Task(init, batch, forward, evaluate)
