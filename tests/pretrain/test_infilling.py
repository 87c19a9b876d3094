"""Answers written gap by gap, by a model that is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import pretrain

V, STOP, SENTINELS = 40, 30, 4
PROMPTS, PROMPT_MASK = np.array([[5, 6, 7], [24, 25, 0]]), np.array([[1, 1, 1], [1, 1, 0]], bool)
EMPTY = 33  # a token after which nothing is filled in


def count_on(tokens, mask):
    """Fills in the next four numbers, then a sentinel and more that must not be taken."""
    lengths = jnp.sum(mask, axis=1, dtype=jnp.int32)
    assert tokens.shape == mask.shape
    gap = jnp.take_along_axis(tokens, lengths[:, None] - 1, axis=1)
    last = jnp.take_along_axis(tokens, lengths[:, None] - 2, axis=1)
    fill = jnp.concatenate([last + 1 + jnp.arange(4)[None], jnp.full_like(last, V - 2), last * 0 + 9], axis=1)
    there = jnp.broadcast_to((gap == V - 1) & (last != EMPTY), fill.shape)  # nothing unless asked at the end
    return fill, there


def answers(chunk, limit=8, word_starts=None, prompts=PROMPTS):
    result = jax.jit(
        lambda prompts, mask: pretrain.sequential_prompting(
            count_on,
            prompts,
            mask,
            vocabulary_size=V,
            stop_tokens=(STOP,),
            max_new_tokens=limit,
            chunk=chunk,
            word_starts=word_starts,
            num_sentinels=SENTINELS,
        )
    )(prompts, PROMPT_MASK)
    assert not (np.asarray(result.tokens) >= V - SENTINELS).any()
    return [row[mask].tolist() for row, mask in zip(np.asarray(result.tokens), np.asarray(result.mask), strict=True)]


@pytest.mark.parametrize("chunk", [1, 3, 9])
def test_a_true_continuation_does_not_depend_on_the_chunk(chunk):
    assert answers(chunk) == [[8, 9, 10, 11, 12, 13, 14, 15], [26, 27, 28, 29, 30]]


def test_a_single_fill():
    assert answers(None) == [[8, 9, 10, 11], [26, 27, 28, 29]]


def test_words():
    starts = np.arange(V) % 3 == 0  # words 9-11, 12-14, 27-29, 30
    assert answers(1, limit=5, word_starts=starts) == [[8, 9, 10, 11, 12], [26, 27, 28, 29, 30]]


def test_nothing_to_fill():
    assert answers(1, prompts=np.array([[5, 6, EMPTY], [5, EMPTY, 0]])) == [[], []]
    with pytest.raises(ValueError, match="`chunk`"):
        answers(0)
