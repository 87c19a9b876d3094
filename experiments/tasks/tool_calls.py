"""Calls of one of eight tools whose names share beginnings, with parameters that the tool may not even have."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from algax import policy
from algax.experiments.tasks.task import Task

BITS = 3  # tokens of a name, two choices each: 8 tools
PARAMETERS = 6  # one token each says whether the call gives it
VALUES = 24  # tokens of the values, each with 8 choices
QUERY = 16  # features of a query
CONTENT = 8  # and of what the values are copied from
SAMPLES = 8  # calls sampled to a query, one group
REWARDS = ("table", "binary")
TOOLS = 2**BITS


def tool_calls(model: Any, rewards: str = "binary", examples: int = 200, batch_size: int = 16) -> Task:
    """Imitation of a few examples and practice with sampled calls, in one batch: rows of examples are `demonstrations`.

    The tool is the cell of a query's first features, the gold parameters some of those that the tool has, the values copies of
    other features. All three tokens of a name are key tokens: each sets the tool apart from others with the same beginning.

    Args:
        model: a Linen module, `[B, 24]` features of queries to `[B, 2 * 7 + 2 * 48 + 8 * 24]` logits: of the name's tokens by
            their beginning, of the parameters by tool, of the values.
        rewards: of sampled calls: "table" by their errors, see `policy.tool_errors`, "binary" 1 for a right call.
        examples: queries with worked calls.
        batch_size: examples, and queries to practise on, in a batch.

    Returns:
        a task with the metrics `tool_accuracy` (probability of the right name), `hallucinated` (expected number of parameters
        that the right tool does not have, once it is named) and `exact` (probability of name and parameters), on 256 new
        queries.

    Raises:
        ValueError: unknown rewards.
    """
    if rewards not in REWARDS:
        raise ValueError(f"rewards must be one of {', '.join(REWARDS)}; got {rewards!r}")
    signatures = jnp.asarray(np.random.default_rng(0).random((TOOLS, PARAMETERS)) < 0.5)
    names, flags = 2 * (TOOLS - 1), 2 * TOOLS * PARAMETERS
    length = BITS + PARAMETERS + VALUES
    place = jnp.arange(length)
    is_name, is_end = place < BITS, (place >= BITS) & (place < BITS + PARAMETERS)

    def worked(key, directions, count):
        """Queries and their right calls `[count, 33]`."""
        features = jax.random.normal(key, (count, QUERY + CONTENT))
        query, content = features[:, :QUERY], features[:, QUERY:]
        bits = query @ directions["tool"] > 0
        tool = jnp.sum(jnp.where(bits, 2 ** jnp.arange(BITS - 1, -1, -1)[None], 0), axis=1)
        given = (query @ directions["parameters"] > 0) & signatures[tool]
        values = jnp.argmax(jnp.einsum("bf,fvc->bvc", content, directions["values"]), axis=-1)
        tokens = jnp.concatenate([bits.astype(jnp.int32), given.astype(jnp.int32), values], axis=1)
        return {"features": features, "tokens": tokens}

    def tables(params, features):
        logits = model.apply(params, features)
        rows = len(features)
        parts = jnp.split(logits, (names, names + flags), axis=1)
        shapes = ((rows, TOOLS - 1, 2), (rows, TOOLS, PARAMETERS, 2), (rows, VALUES, TOOLS))
        return [jax.nn.log_softmax(part.reshape(shape)) for part, shape in zip(parts, shapes, strict=True)]

    def pick(table, chosen):
        return jnp.take_along_axis(table, chosen[..., None], axis=-1)[..., 0]

    def of(found, tokens):
        """Log-probs `[B, 33]` of calls under the tables."""
        rows, node, name = jnp.arange(len(tokens)), jnp.zeros(len(tokens), jnp.int32), []
        for position in range(BITS):
            bit = tokens[:, position]
            name.append(found[0][rows, node, bit])
            node = 2 * node + 1 + bit
        flags = pick(found[1][rows, node - (TOOLS - 1)], tokens[:, BITS : BITS + PARAMETERS])
        return jnp.concatenate([jnp.stack(name, axis=1), flags, pick(found[2], tokens[:, BITS + PARAMETERS :])], axis=1)

    def tool_of(tokens):
        return jnp.sum(tokens[:, :BITS] * 2 ** jnp.arange(BITS - 1, -1, -1)[None], axis=1)

    def sample(found, key):
        keys = jax.random.split(key, 3)
        rows, node, bits = jnp.arange(len(found[0])), jnp.zeros(len(found[0]), jnp.int32), []
        for position in range(BITS):
            bits.append(jax.random.categorical(jax.random.fold_in(keys[0], position), found[0][rows, node]))
            node = 2 * node + 1 + bits[-1]
        flags = jax.random.categorical(keys[1], found[1][rows, node - (TOOLS - 1)])
        return jnp.concatenate([jnp.stack(bits, axis=1), flags, jax.random.categorical(keys[2], found[2])], axis=1)

    def reward(tokens, gold):
        called, right = tool_of(tokens), tool_of(gold)
        given, wanted = (x[:, BITS : BITS + PARAMETERS] == 1 for x in (tokens, gold))
        everything = jnp.ones(called.shape, bool)
        errors = policy.tool_errors(
            policy.ToolCalls(everything, called == right, given, wanted, signatures[called], everything)
        )
        exact = (called == right) & jnp.all(given == wanted, axis=1)
        return policy.error_table(errors) if rewards == "table" else exact.astype(jnp.float32)

    def init(key):
        keys = jax.random.split(key, 6)
        directions = {
            "tool": jax.random.normal(keys[0], (QUERY, BITS)),
            "parameters": jax.random.normal(keys[1], (QUERY, PARAMETERS)),
            "values": jax.random.normal(keys[2], (CONTENT, VALUES, TOOLS)),
        }
        context = {"examples": worked(keys[3], directions, examples), "test": worked(keys[4], directions, 256)}
        return model.init(keys[5], jnp.zeros([1, QUERY + CONTENT])), {**context, "directions": directions}

    def batch(params, context, step, key):
        del step
        keys = jax.random.split(key, 3)
        shown = jax.tree.map(lambda x: x[jax.random.randint(keys[0], (batch_size,), 0, examples)], context["examples"])
        asked = worked(keys[1], context["directions"], batch_size)
        asked = jax.tree.map(lambda x: jnp.repeat(x, SAMPLES, axis=0), asked)
        calls = sample(tables(params, asked["features"]), keys[2])
        features = jnp.concatenate([shown["features"], asked["features"]])
        tokens = jnp.concatenate([shown["tokens"], calls])
        demonstrated = jnp.arange(len(tokens)) < batch_size
        earned = jnp.concatenate([jnp.zeros(batch_size), reward(calls, asked["tokens"])])
        return policy.Terms(
            inputs=features,
            tokens=tokens,
            mask=jnp.broadcast_to(demonstrated[:, None] | (place < BITS + PARAMETERS)[None], tokens.shape),
            rewards=earned,
            demonstrations=demonstrated,
            group_ids=jnp.where(demonstrated, -1, jnp.arange(len(tokens)) // SAMPLES),
            key_tokens=jnp.broadcast_to(is_name[None], tokens.shape),
            parameter_ends=jnp.broadcast_to(is_end[None], tokens.shape),
            old_log_probs=of(tables(params, features), tokens),
        )

    def forward(params, terms, key):
        del key
        return terms.replace(log_probs=of(tables(params, terms.inputs), terms.tokens))

    def evaluate(params, context, key):
        del key
        found, gold = tables(params, context["test"]["features"]), context["test"]["tokens"]
        log_probs, tool = of(found, gold), tool_of(gold)
        given = jnp.exp(found[1][jnp.arange(len(gold)), tool, :, 1])
        return {
            "tool_accuracy": jnp.mean(jnp.exp(jnp.sum(log_probs[:, :BITS], axis=1))),
            "hallucinated": jnp.mean(jnp.sum(jnp.where(signatures[tool], 0.0, given), axis=1)),
            "exact": jnp.mean(jnp.exp(jnp.sum(log_probs[:, : BITS + PARAMETERS], axis=1))),
        }

    return Task(init, batch, forward, evaluate)
