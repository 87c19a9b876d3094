"""Examples of frequent and rare domains, with markers of domain and length that a model learns to write and to obey."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import algax
from algax import measure, pretrain
from algax.experiments.tasks.task import Task

DOMAINS, HEAD, TAIL_SHARE = 8, 2, 0.05  # domains, frequent ones, and what all rare ones have together
CUES, OPERANDS, BUCKETS = 64, 8, 3  # eight cues a domain
EDGES, LONGEST = (2, 3), 3  # answers of 1, 2 and 3 tokens
PAD, BEGIN, END, STOP = range(4)
CUE = 4
OPERAND = CUE + CUES
ANSWER = OPERAND + OPERANDS
DOMAIN = ANSWER + OPERANDS
BUCKET = DOMAIN + DOMAINS
VOCABULARY = BUCKET + BUCKETS
WIDTH = 2 * VOCABULARY + LONGEST + 2
EXAMPLES, HELD_OUT = 4000, 512
WRITTEN = LONGEST + 6  # tokens written at most


def marked_examples(model: Any, marked: bool = True, batch_size: int = 32) -> Task:
    """A cue tells the domain; the answer to an operand is that of the domain's permutation, 1 to 3 times.

    The training data are 4000 examples, 95 % of them of two domains. The model sees the last token, how often each token has
    come so far, and how many of the answer were written.

    Args:
        model: a Linen module, `[..., 195]` to logits `[..., 95]`.
        marked: whether texts have markers, see `pretrain.markers`.
        batch_size: examples a step, drawn with replacement.

    Returns:
        a task with the metrics `head` and `tail` (share of right answers to prompts without markers, see
        `measure.long_tail`), `inferred` (share of right domains among markers written there) and `obeyed` (share of answers
        of the length that a marker in the prompt asks for), all written greedily.
    """
    shares = np.r_[np.full(HEAD, (1 - TAIL_SHARE) / HEAD), np.full(DOMAINS - HEAD, TAIL_SHARE / (DOMAINS - HEAD))]
    write_markers = pretrain.markers((BEGIN,), (END,))

    def drawn(key, count, chances):
        domain_key, cue_key, operand_key, length_key = jax.random.split(key, 4)
        domains = jax.random.choice(domain_key, DOMAINS, (count,), p=jnp.asarray(chances, jnp.float32))
        return {
            "domains": domains,
            "cues": domains + DOMAINS * jax.random.randint(cue_key, (count,), 0, CUES // DOMAINS),
            "operands": jax.random.randint(operand_key, (count,), 0, OPERANDS),
            "lengths": jax.random.randint(length_key, (count,), 1, LONGEST + 1),
        }

    def prompts(data):
        tokens = jnp.stack([CUE + data["cues"], OPERAND + data["operands"]], axis=1)
        return pretrain.Piece(tokens, jnp.ones(tokens.shape, bool))

    def right(rules, data):
        return ANSWER + rules[data["domains"], data["operands"]]

    def texts(key, rules, data):
        places, lengths = jnp.arange(LONGEST + 1)[None], data["lengths"][:, None]
        answers = jnp.where(places < lengths, right(rules, data)[:, None], STOP)
        buckets = jnp.digitize(data["lengths"], jnp.asarray(EDGES))
        fields = jnp.stack([DOMAIN + data["domains"], BUCKET + buckets], axis=1)[..., None]
        marks = pretrain.Piece(fields, jnp.full(fields.shape, marked))
        answer = pretrain.Piece(answers, places <= lengths)
        return write_markers(key, pretrain.MarkedText(prompts(data), answer, marks))

    def logits(params, last, counts):
        """Of the next token, from the last one `[...]` and how often each has come `[..., 95]`."""
        written = jnp.sum(counts[..., ANSWER:DOMAIN], axis=-1).astype(jnp.int32)
        seen = (jax.nn.one_hot(last, VOCABULARY), counts, jax.nn.one_hot(written, LONGEST + 2))
        return model.apply(params, jnp.concatenate(seen, axis=-1))

    def init(key):
        rule_key, train_key, test_key, model_key = jax.random.split(key, 4)
        rules = jax.vmap(lambda key: jax.random.permutation(key, OPERANDS))(jax.random.split(rule_key, DOMAINS))
        test = drawn(test_key, HELD_OUT, np.full(DOMAINS, 1 / DOMAINS))
        context = {"rules": rules, "train": drawn(train_key, EXAMPLES, shares), "test": test}
        return model.init(model_key, jnp.zeros([1, WIDTH])), context

    def batch(params, context, step, key):
        del params, step
        row_key, marker_key = jax.random.split(key)
        rows = jax.random.randint(row_key, (batch_size,), 0, EXAMPLES)
        data = jax.tree.map(lambda x: x[rows], context["train"])
        return pretrain.causal_terms(texts(marker_key, context["rules"], data))

    def forward(params, terms, key):
        del key
        counts = jnp.cumsum(jax.nn.one_hot(terms.inputs, VOCABULARY), axis=1)
        distribution = algax.Logits(logits(params, terms.inputs, counts))
        return terms.replace(distribution=distribution, log_probs=distribution.log_probs(terms.tokens))

    def write(params, prompt):
        """What follows a prompt `[B, P]`, `[B, 9]`; behind a stop token nothing counts."""

        def step(state, _):
            last, counts = state
            following = jnp.argmax(logits(params, last, counts), axis=-1).astype(last.dtype)
            return (following, counts + jax.nn.one_hot(following, VOCABULARY)), following

        start = (prompt[:, -1], jnp.sum(jax.nn.one_hot(prompt, VOCABULARY), axis=1))
        tokens = jax.lax.scan(step, start, None, length=WRITTEN)[1].T
        return jnp.where(jnp.cumsum(tokens == STOP, axis=1) == 0, tokens, PAD)

    def answered(tokens):
        """The first token of each answer, and how many it has."""
        is_answer = (tokens >= ANSWER) & (tokens < DOMAIN)
        first = jnp.take_along_axis(tokens, jnp.argmax(is_answer, axis=1)[:, None], axis=1)[:, 0]
        return first, jnp.sum(is_answer, axis=1, dtype=jnp.int32)

    def evaluate(params, context, key):
        del key
        data = context["test"]
        asked = prompts(data).tokens
        written = write(params, asked)
        correct = answered(written)[0] == right(context["rules"], data)
        inferred = jnp.any(written == (DOMAIN + data["domains"])[:, None], axis=1)
        trained = jnp.bincount(context["train"]["domains"], length=DOMAINS)
        found = measure.long_tail(correct.astype(jnp.float32), data["domains"], trained)
        wanted = jnp.digitize(data["lengths"], jnp.asarray(EDGES))
        given = [jnp.full(wanted.shape, BEGIN), BUCKET + wanted, jnp.full(wanted.shape, END)]
        _, lengths = answered(write(params, jnp.concatenate([asked, jnp.stack(given, axis=1)], axis=1)))
        obeyed = (jnp.digitize(lengths, jnp.asarray(EDGES)) == wanted) & (lengths > 0)
        return {
            "head": found.head,
            "tail": found.tail,
            "inferred": jnp.mean(inferred, dtype=jnp.float32),
            "obeyed": jnp.mean(obeyed, dtype=jnp.float32),
        }

    return Task(init, batch, forward, evaluate)
