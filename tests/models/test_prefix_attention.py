"""Attention masks of the Transformer's caller: a prefix read both ways, against NumPy and by changing tokens one by one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import models

from . import transformer_oracle
from .test_transformer import FAMILIES, V, build, draw_tokens, numpy_params

CONFIG = FAMILIES["qwen2"]  # one layer, so that a token's logits depend on what it sees itself
B, T, PREFIX = 7, 6, 3
REAL = np.ones((B, T), bool)
REAL[:, 0] = False
decoder_mask = jax.jit(models.decoder_mask)
PREFIXES = np.tile(np.arange(T) < PREFIX, (B, 1))


@pytest.fixture(scope="module")
def model():
    module, params, _ = build(CONFIG)
    apply = jax.jit(lambda tokens, mask, seen: module.apply(params, tokens, mask, attention_mask=seen))
    return module, params, lambda *arrays: np.asarray(apply(*arrays))


def seen_by(prefixes):
    return np.asarray(decoder_mask(REAL, prefixes))


def test_matches_numpy(model):
    _, params, apply = model
    tokens, seen = draw_tokens(shape=(B, T)), seen_by(PREFIXES)
    expected = transformer_oracle.logits(CONFIG, numpy_params(params), tokens, REAL, seen)
    logits = np.asarray(apply(tokens, REAL, seen))
    np.testing.assert_allclose(logits[REAL], expected[REAL], rtol=2e-4, atol=2e-5)
    np.testing.assert_array_equal(apply(tokens, REAL, seen[:, None])[REAL], logits[REAL])


def test_a_token_changes_what_sees_it_and_nothing_else(model):
    _, _, apply = model
    tokens, seen = np.tile(draw_tokens(shape=(1, T)), (B, 1)), seen_by(PREFIXES)
    tokens[np.arange(T), np.arange(T)] = (tokens[np.arange(T), np.arange(T)] + 1) % V  # row k differs from the last in token k
    logits = np.asarray(apply(tokens, REAL, seen))
    depends = np.any(logits[:T] != logits[T:], axis=-1).T  # query, token changed
    np.testing.assert_array_equal(depends[1:], seen[0][1:])
    assert depends[1, 2] and not depends[3, 4] and not depends[1:, 0].any()


def test_a_prefix_of_one_is_causal(model):
    _, _, apply = model
    tokens = draw_tokens(shape=(B, T))
    causal = apply(tokens, REAL, np.tril(np.ones((B, T, T), bool)))
    np.testing.assert_array_equal(apply(tokens, REAL, seen_by(np.arange(T)[None] <= np.ones((B, 1))))[REAL], causal[REAL])
    assert not np.allclose(apply(tokens, REAL, seen_by(PREFIXES))[REAL], causal[REAL], atol=1e-3)


def test_cached_decoding_reads_the_prompt_both_ways():
    module, params, _ = build(FAMILIES["llama"])  # two layers, so that later tokens see how the prompt was read
    tokens = draw_tokens(shape=(B, T))
    init_cache, step = models.decoder(module, prefix=True)

    @jax.jit
    def cached(tokens, mask):
        logits, cache = step(params, tokens[:, :PREFIX], mask[:, :PREFIX], init_cache(B, T + 1))

        def advance(cache, column):
            logits, cache = step(params, column[0][:, None], column[1][:, None], cache)
            return cache, logits

        _, rest = jax.lax.scan(advance, cache, (tokens[:, PREFIX:].T, mask[:, PREFIX:].T))
        return jnp.concatenate([logits[None], rest])

    apply = jax.jit(lambda tokens, mask, seen: module.apply(params, tokens, mask, attention_mask=seen))
    expected = np.asarray(apply(tokens, REAL, seen_by(PREFIXES)))[:, PREFIX - 1 :]
    np.testing.assert_allclose(cached(tokens, REAL), np.swapaxes(expected, 0, 1), rtol=1e-4, atol=1e-5)


def test_wrong_masks_are_named(model):
    module, params, _ = model
    with pytest.raises(ValueError, match="`attention_mask`"):
        module.apply(params, draw_tokens(shape=(B, T)), attention_mask=np.ones((B, 2, T, T), bool))
