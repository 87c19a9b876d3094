"""Rules that are applied one after the other: what learning from one, or from up to three at a time, does for four."""

from typing import Any

import jax
import jax.numpy as jnp

import algax
from algax import pretrain
from algax.experiments.tasks.task import Task

TOKENS, RULES = 10, 8
TESTED, HELD_OUT = 4, 512


def composed_rules(model: Any, most: int = 3, width: int = 32, batch_size: int = 96) -> Task:
    """A token that up to four rules change in turn, each a random permutation; the last token is learnt.

    A recurrent model reads one rule at a step. Its state begins as the token's embedding, and the embeddings give the logits.

    Args:
        model: a Linen module, state and rule one-hot `[..., width + 8]` to the next state `[..., width]`.
        most: rules of a training example at most; as many examples have 1, 2, ..., `most`.
        width: of a state.
        batch_size: examples a step.

    Returns:
        a task with the metrics `four_rules` and `one_rule`: the share of right tokens after so many rules.
    """
    if not 1 <= most <= TESTED - 1:
        raise ValueError(f"most must be from 1 to {TESTED - 1}; got {most}")

    def apply(permutations, tokens, rules, counts):
        for place in range(TESTED):
            changed = permutations[rules[:, place], tokens]
            tokens = jnp.where(place < counts, changed, tokens)
        return tokens

    def logits(params, inputs):
        state = params["embeddings"][inputs["tokens"]]
        for place in range(TESTED):
            rule = jax.nn.one_hot(inputs["rules"][:, place], RULES)
            following = model.apply(params["model"], jnp.concatenate([state, rule], axis=1))
            state = jnp.where((place < inputs["counts"])[:, None], following, state)
        return state @ params["embeddings"].T

    def drawn(key, rows, counts):
        token_key, rule_key = jax.random.split(key)
        tokens = jax.random.randint(token_key, (rows,), 0, TOKENS)
        return {"tokens": tokens, "rules": jax.random.randint(rule_key, (rows, TESTED), 0, RULES), "counts": counts}

    def init(key):
        rule_key, model_key, embedding_key, test_key = jax.random.split(key, 4)
        permutations = jax.vmap(lambda key: jax.random.permutation(key, TOKENS))(jax.random.split(rule_key, RULES))
        params = {
            "model": model.init(model_key, jnp.zeros([1, width + RULES])),
            "embeddings": jax.random.normal(embedding_key, (TOKENS, width)) / width**0.5,
        }
        return params, {"permutations": permutations, "key": test_key}

    def terms_of(context, inputs):
        right = apply(context["permutations"], *(inputs[name] for name in ("tokens", "rules", "counts")))
        return pretrain.Terms(inputs=inputs, tokens=right[:, None], mask=jnp.ones([len(right), 1], bool))

    def batch(params, context, step, key):
        del params, step
        return terms_of(context, drawn(key, batch_size, 1 + jnp.arange(batch_size) % most))

    def forward(params, terms, key):
        del key
        distribution = algax.Logits(logits(params, terms.inputs)[:, None])
        return terms.replace(distribution=distribution, log_probs=distribution.log_probs(terms.tokens))

    def evaluate(params, context, key):
        del key
        found = {}
        for name, count in (("four_rules", TESTED), ("one_rule", 1)):
            terms = terms_of(context, drawn(context["key"], HELD_OUT, jnp.full([HELD_OUT], count)))
            said = jnp.argmax(logits(params, terms.inputs), axis=-1)
            found[name] = jnp.mean(said == terms.tokens[:, 0], dtype=jnp.float32)
        return found

    return Task(init, batch, forward, evaluate)
