"""A small language model of sums alone, and one four times as large that goes on with sums after mixed text."""

from typing import Any

import jax
import jax.numpy as jnp

from algax import measure, models, pretrain
from algax.experiments.tasks.answers import answers
from algax.experiments.tasks.fitting import fit
from algax.experiments.tasks.markov import walk, windows
from algax.experiments.tasks.task import Task

DIGITS, WORDS, SEEN = 10, 12, 6  # values of a digit, kinds of words, and characters that a model sees
PLUS, EQUALS, END = 10, 11, 12
VOCABULARY = END + 1 + WORDS
SUMS, LENGTH = 5, 35  # sums of a row, of seven characters each: `a+b=cd;`
SMALL, LARGE = 24, 96  # hidden units
STEPS, PRETRAINED, BATCH, HELD_OUT, RATE = 600, 600, 16, 128, 5e-3
SHARE = 0.02  # of sums in mixed text


def draw_sums(key: jax.Array, count: int) -> jax.Array:
    """Rows of sums of two digits, `[count, 35]`."""
    first, second = jax.random.randint(key, (2, count, SUMS), 0, DIGITS)
    total, mark = first + second, jnp.ones_like(first)
    characters = (first, PLUS * mark, second, EQUALS * mark, total // DIGITS, total % DIGITS, END * mark)
    return jnp.stack(characters, axis=-1).reshape(count, LENGTH)


def draw_words(key: jax.Array, chain: jax.Array, count: int) -> jax.Array:
    """Rows of words by a chain's logits, `[count, 35]`."""
    return END + 1 + walk(key, chain, count, LENGTH)


def terms_of(tokens: jax.Array) -> pretrain.Terms:
    """What is learned of rows `[B, 35]`: each token but the first from the six before it, 0 before the row."""
    return pretrain.causal_terms(pretrain.token_batch(tokens))


def seen_characters(tokens: jax.Array) -> jax.Array:
    """The last six tokens up to each, one-hot, `[B, T, 150]`."""
    return windows(tokens, SEEN, VOCABULARY)


def same_compute(steps: int, tokens: int) -> int:
    """For how many steps the large model trains at the cost of `steps` of the small one."""
    sizes = [width * (SEEN * VOCABULARY + 1 + VOCABULARY) + VOCABULARY for width in (SMALL, LARGE)]
    whole = measure.training_cost([sizes[0]], [steps * tokens]).operations
    return round(whole / measure.training_cost([sizes[1]], [tokens]).operations)


def domain_models(model: Any, method: str = "from scratch") -> Task:
    """Two language models that get the same compute on sums, see `measure.training_cost`.

    Args:
        model: none; both are a hidden layer on the last six characters, of 24 and of 96 units.
        method: "from scratch" trains the small model on sums for 600 steps; "continued" the large one for 600 steps on mixed
            text, one row in fifty of which is of sums, then on sums.

    Returns:
        a task that answers at once, with the metrics `log_perplexity` (of new sums) and `log_perplexity_of_words`, per token.
    """
    del model
    small, large = (models.MLP((width, VOCABULARY)) for width in (SMALL, LARGE))

    def draw(key):
        chain_key, sum_key, word_key = jax.random.split(key, 3)
        chain = 1.5 * jax.random.normal(chain_key, (WORDS, WORDS))
        return {"chain": chain, "sums": draw_sums(sum_key, HELD_OUT), "words": draw_words(word_key, chain, HELD_OUT)}

    def sums(key):
        return terms_of(draw_sums(key, BATCH))

    def mixed(chain):
        mix = pretrain.mixture(
            (lambda key, _: draw_words(key, chain, BATCH), lambda key, _: draw_sums(key, BATCH)), (1 - SHARE, SHARE)
        )
        return lambda key: terms_of(mix(key, None))

    def train(network, params, batch, steps, key):
        forward = pretrain.forward(lambda params, tokens: network.apply(params, seen_characters(tokens)))
        return fit(pretrain.next_token(), forward, params, batch, steps=steps, rate=RATE, key=key)

    def perplexities(network, params, problem):
        def log_perplexity(tokens):
            terms = terms_of(tokens)
            forward = pretrain.forward(lambda params, tokens: network.apply(params, seen_characters(tokens)))
            nlls = -jnp.sum(forward(params, terms, None).log_probs, axis=1)
            return jnp.log(measure.perplexity(nlls, jnp.full(nlls.shape, LENGTH - 1)))

        return jnp.stack([log_perplexity(problem[name]) for name in ("sums", "words")])

    def start(network, key):
        return network.init(key, jnp.zeros([1, SEEN * VOCABULARY]))

    def from_scratch(problem, key):
        model_key, sum_key = jax.random.split(key)
        return perplexities(small, train(small, start(small, model_key), sums, STEPS, sum_key), problem)

    def continued(problem, key):
        model_key, mixed_key, sum_key = jax.random.split(key, 3)
        params = train(large, start(large, model_key), mixed(problem["chain"]), PRETRAINED, mixed_key)
        steps = same_compute(STEPS, BATCH * (LENGTH - 1))
        return perplexities(large, train(large, params, sums, steps, sum_key), problem)

    methods = {"from scratch": from_scratch, "continued": continued}
    names = ("log_perplexity", "log_perplexity_of_words")
    return answers(draw, 2, methods, method, lambda answer, problem: dict(zip(names, answer, strict=True)))
