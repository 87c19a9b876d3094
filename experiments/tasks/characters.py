"""Models over the characters of a task's alphabet: those trained from scratch, and loaded ones with their own tokenizers."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax.core import meta

from algax import models
from algax.experiments.tasks.pretrained import Pretrained


class CharacterModel(NamedTuple):
    """A policy over the C characters of an alphabet.

    Attributes:
        size: C; a model trained from scratch may have more tokens than the alphabet, and then C counts them too.
        prefix: `[P]` int32 numbers that every prompt begins with, each at least C.
        init: `init(key, numbers) -> params`.
        apply: `apply(params, numbers [B, T], mask [B, T] or None) -> logits [B, T, C]` of the character after each; characters
            where the mask is false are not seen by later ones.
        decoder: what `decode.sample` drives it by.
        embed: `embed(params, numbers [...]) -> [..., D]`, the characters' embeddings.
        apply_embeddings: `apply_embeddings(params, inputs [B, T, D], mask [B, T] or None) -> logits [B, T, C]`, as `apply` on
            inputs that need not be characters.
    """

    size: int
    prefix: np.ndarray
    init: Callable[[jax.Array, jax.Array], Any]
    apply: Callable[[Any, jax.Array, jax.Array | None], jax.Array]
    decoder: models.Decoder
    embed: Callable[[Any, jax.Array], jax.Array]
    apply_embeddings: Callable[[Any, jax.Array, jax.Array | None], jax.Array]


def character_model(model: models.Transformer, alphabet: str) -> CharacterModel:
    """The model as a policy over an alphabet.

    A model trained from scratch has the alphabet as its vocabulary. A loaded one reads and writes the tokens that its own
    tokenizer has for the characters, one token a character; its distribution is that of its whole vocabulary, restricted to
    these tokens and renormalised, in sampling and in every log-probability alike. Prompts begin with whatever the checkpoint
    adds before a text. Two digits are two tokens even where the tokenizer has one token for both.

    Args:
        model: a Transformer with a vocabulary of at least C tokens.
        alphabet: C different characters.

    Raises:
        ValueError: where the tokenizer of a loaded model has no token of its own for a character.
    """
    if not isinstance(model, Pretrained):

        def init(key, numbers):
            return meta.unbox(model.init(key, numbers))

        embed = functools.partial(model.apply, method="embed")
        apply_embeddings = functools.partial(model.apply, method="logits_of_embeddings")
        size, prefix = model.config.vocabulary_size, np.zeros(0, np.int32)
        return CharacterModel(size, prefix, init, model.apply, models.decoder(model), embed, apply_embeddings)
    prefix, tokens = character_tokens(model.tokenizer(), alphabet)
    if tokens.max() >= model.config.vocabulary_size:
        raise ValueError(f"the tokenizer's token {tokens.max()} is beyond the model's {model.config.vocabulary_size} tokens")
    table, read, inner = jnp.asarray(np.concatenate([tokens, prefix])), model.reader(), models.decoder(model)

    def apply(params, numbers, mask=None):
        hidden = model.apply(params, table[numbers], mask, method="hidden")
        kernel, _ = model.apply(params, method="head")
        return jnp.dot(hidden, kernel[:, tokens].astype(hidden.dtype), preferred_element_type=jnp.float32)

    def step(params, numbers, mask, cache):
        logits, cache = inner.step(params, table[numbers], mask, cache)
        return logits[:, tokens], cache

    numbers = np.arange(len(alphabet), len(alphabet) + len(prefix), dtype=np.int32)
    def embed(params, numbers):
        return model.apply(params, table[numbers], method="embed")

    def apply_embeddings(params, inputs, mask=None):
        return model.apply(params, inputs, mask, method="logits_of_embeddings")[..., tokens]

    decoder = models.Decoder(inner.init_cache, step)
    return CharacterModel(len(alphabet), numbers, lambda key, numbers: read(), apply, decoder, embed, apply_embeddings)


def character_tokens(tokenizer: models.Tokenizer, alphabet: str) -> tuple[np.ndarray, np.ndarray]:
    """What a tokenizer writes before a text, `[P]`, and its token of each character, `[C]`; both int32.

    Raises:
        ValueError: naming the characters that are not one token each, or are not what their token is decoded to.
    """
    rows = [tokenizer.encode(character, special=True).tolist() for character in alphabet]
    before, after = _common(rows), _common([row[::-1] for row in rows])
    own = [row[before : len(row) - after] for row in rows]
    wrong = [
        f"{character!r} is {tokens}"
        for character, tokens in zip(alphabet, own, strict=True)
        if len(tokens) != 1 or tokenizer.decode(tokens, special=True).strip() != character
    ]
    if wrong:
        raise ValueError(f"the tokenizer must have one token of its own for each of {alphabet!r}; {', '.join(wrong)}")
    return np.array(rows[0][:before], np.int32), np.array(own, np.int32)[:, 0]


def _common(rows: list[list[int]]) -> int:
    """The length of the longest beginning that all rows share."""
    columns = zip(*rows, strict=False)
    return next((index for index, column in enumerate(columns) if len(set(column)) > 1), min(map(len, rows)))
