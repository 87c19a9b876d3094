"""Texts of several sources, whose names may stand before them: metadata conditioning in small."""

from typing import Any

import jax
import jax.numpy as jnp

import algax
from algax import curriculum, pretrain
from algax.experiments.tasks.task import Task

SOURCES, CHARACTERS, LENGTH = 4, 12, 16
BEGIN, END, NAMES = CHARACTERS, CHARACTERS + 1, CHARACTERS + 2  # tokens after the characters
VOCABULARY = NAMES + SOURCES
WIDTH = LENGTH + 3  # begin, name and end
HELD_OUT = 256


def sourced_texts(model: Any, steps: int = 1000, plain_from: float = 0.0, batch_size: int = 16, sharpness: float = 2.0) -> Task:
    """Texts of four Markov chains; the model sees the name, the last character and how often each pair has come so far.

    Args:
        model: a Linen module, `[..., 18 + 18 + 144]` to logits `[..., 18]`.
        steps: of the whole run.
        plain_from: share of the steps from which on texts are without names; before, all have them. 0 is plain training.
        batch_size: texts a step, always fresh.
        sharpness: standard deviation of the chains' logits.

    Returns:
        a task with the metrics `nll` and `named_nll` (held-out texts without and with their names, nats a token).
    """
    switch = round(plain_from * steps)
    stages = ((0, (0.0, 1.0)),) if switch == 0 else ((0, (1.0, 0.0)), *(((switch, (0.0, 1.0)),) if switch < steps else ()))
    shares = curriculum.mixture_schedule(stages)

    def drawn(key, chains, count):
        source_key, first_key, next_key = jax.random.split(key, 3)
        sources = jax.random.randint(source_key, (count,), 0, SOURCES)
        start = jax.random.randint(first_key, (count,), 0, CHARACTERS)

        def step(now, key):
            return jax.random.categorical(key, chains[sources, now]), now

        _, written = jax.lax.scan(step, start, jax.random.split(next_key, LENGTH))
        return written.T, sources

    def laid_out(texts, sources, named):
        """With names before them or not: a `TokenBatch` of 19 tokens a row."""
        mask = jnp.full([len(texts), 1], named)
        names = (NAMES + sources)[:, None]
        return pretrain.meco(pretrain.token_batch(texts), names, mask, bos_token=BEGIN, eos_token=END, width=WIDTH)

    def predict(params, tokens):
        one_hot = jax.nn.one_hot(tokens, VOCABULARY)
        name = jnp.cumsum(jnp.where((jnp.arange(VOCABULARY) >= NAMES)[None, None], one_hot, 0.0), axis=1)
        characters = one_hot[..., :CHARACTERS]
        before = jnp.pad(characters, ((0, 0), (1, 0), (0, 0)))[:, :-1]
        pairs = jnp.cumsum(before[..., :, None] * characters[..., None, :], axis=1)
        pairs = jnp.log1p(pairs).reshape(*tokens.shape, -1)
        return algax.Logits(model.apply(params, jnp.concatenate([one_hot, name, pairs], axis=-1)))

    def init(key):
        chain_key, test_key, model_key = jax.random.split(key, 3)
        chains = sharpness * jax.random.normal(chain_key, (SOURCES, CHARACTERS, CHARACTERS))
        context = {"chains": chains, "test": drawn(test_key, chains, HELD_OUT)}
        return model.init(model_key, jnp.zeros([1, 2 * VOCABULARY + CHARACTERS**2])), context

    def batch(params, context, step, key):
        del params
        text_key, choice_key = jax.random.split(key)
        texts, sources = drawn(text_key, context["chains"], batch_size)
        both = [laid_out(texts, sources, named) for named in (True, False)]
        return pretrain.causal_terms(pretrain.choose_rows(choice_key, shares(step), both))

    def forward(params, terms, key):
        del key
        distribution = predict(params, terms.inputs)
        return terms.replace(distribution=distribution, log_probs=distribution.log_probs(terms.tokens))

    def evaluate(params, context, key):
        found = {}
        for name, named in (("nll", False), ("named_nll", True)):
            terms = forward(params, pretrain.causal_terms(laid_out(*context["test"], named)), key)
            count = jnp.sum(terms.mask, dtype=jnp.float32)
            found[name] = -jnp.sum(jnp.where(terms.mask, terms.log_probs, 0.0)) / count
        return found

    return Task(init, batch, forward, evaluate)
