"""Going on with periodic texts by filling gaps: one gap for all that follows, or one after the other."""

from typing import Any

import jax
import jax.numpy as jnp

from algax import pretrain
from algax.experiments.tasks.answers import answers
from algax.experiments.tasks.fitting import fit
from algax.experiments.tasks.gapped_texts import CHARACTERS, GAPS, VOCABULARY, WIDTH, described, features
from algax.experiments.tasks.task import Task

PROMPT, WRITTEN = 12, 20
LENGTH = PROMPT + WRITTEN
HELD_OUT, BATCH, STEPS, RATE = 64, 16, 400, 5e-3


def closed(batch: pretrain.Seq2SeqBatch) -> pretrain.Seq2SeqBatch:
    """The batch with one more sentinel behind the targets, which ends the last gap."""
    sentinels = batch.targets_mask & (batch.targets >= VOCABULARY - GAPS)
    following = jnp.min(jnp.where(sentinels, batch.targets, VOCABULARY), axis=1, keepdims=True) - 1
    places = jnp.arange(batch.targets.shape[1])[None]
    behind = places == jnp.sum(batch.targets_mask, axis=1, keepdims=True, dtype=places.dtype)
    targets = jnp.where(behind, following.astype(batch.targets.dtype), batch.targets)
    return batch._replace(targets=targets, targets_mask=batch.targets_mask | behind)


def filled_cycles(model: Any, method: str = "sequential") -> Task:
    """Texts that go round the cycles of a random permutation of eight characters; a decoder learns to fill spans of 3 in them.

    Then it reads 12 characters and a gap, see `gapped_texts.described`, and should write the 20 that follow.

    Args:
        model: a Linen module, `[..., 49]` to logits `[..., 23]`.
        method: "single" takes what the model writes in the gap; "sequential" takes its first character and asks again, see
            `pretrain.sequential_prompting`.

    Returns:
        a task that answers at once, with the metric `accuracy`, the share of the 20 characters that are there and right.
    """
    corrupt = pretrain.span_corruption(VOCABULARY)

    def drawn(key, rule, count):
        start = jax.random.randint(key, (count,), 0, CHARACTERS)
        return 1 + jax.lax.scan(lambda now, _: (rule[now], now), start, None, length=LENGTH)[1].T

    def draw(key):
        rule_key, test_key, train_key, model_key = jax.random.split(key, 4)
        rule = jax.random.permutation(rule_key, CHARACTERS)

        def batch(key):
            text_key, gap_key = jax.random.split(key)
            return pretrain.decoder_terms(closed(corrupt(gap_key, pretrain.token_batch(drawn(text_key, rule, BATCH)))))

        forward = pretrain.forward(lambda params, read: model.apply(params, features(described(read))))
        start = model.init(model_key, jnp.zeros([1, WIDTH]))
        params = fit(pretrain.next_token(), forward, start, batch, steps=STEPS, rate=RATE, key=train_key)
        return {"params": params, "test": drawn(test_key, rule, HELD_OUT)}

    def fill(params, tokens, mask):
        """What the model writes greedily in the first gap of inputs `[B, I]`, `[B, 20]`."""
        rows, lengths = jnp.arange(len(tokens)), jnp.sum(mask, axis=1, dtype=jnp.int32)
        more = ((0, 0), (0, WRITTEN + 1))
        prefix = jnp.pad(mask, more)
        written = jnp.pad(tokens, more).at[rows, lengths].set(VOCABULARY - 1)

        def step(written, place):
            there = jnp.arange(written.shape[1])[None] <= place[:, None]
            seen = described(pretrain.DecoderInputs(written, there, prefix))
            last = jnp.take_along_axis(seen, place[:, None, None], axis=1)[:, 0]
            following = jnp.argmax(model.apply(params, features(last)), axis=-1).astype(written.dtype)
            return written.at[rows, place + 1].set(following), following

        places = lengths[None] + jnp.arange(WRITTEN)[:, None]
        found = jax.lax.scan(step, written, places)[1].T
        return found, jnp.ones(found.shape, bool)

    def accuracy(problem, key, chunk):
        del key
        prompts, right = problem["test"][:, :PROMPT], problem["test"][:, PROMPT:]
        said = pretrain.sequential_prompting(
            lambda tokens, mask: fill(problem["params"], tokens, mask),
            prompts,
            jnp.ones(prompts.shape, bool),
            vocabulary_size=VOCABULARY,
            stop_tokens=(0,),
            max_new_tokens=WRITTEN,
            chunk=chunk,
            num_sentinels=GAPS,
        )
        return jnp.mean(said.mask & (said.tokens == right), dtype=jnp.float32)[None]

    methods = {
        "sequential": lambda problem, key: accuracy(problem, key, 1),
        "single": lambda problem, key: accuracy(problem, key, None),
    }
    return answers(draw, 1, methods, method, lambda answer, problem: {"accuracy": answer[0]})
