"""The encoder-decoder against a NumPy oracle, against each text alone, and step by step."""

import dataclasses
import functools

import flax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import decode, models

from . import transformer_oracle
from .test_transformer import FAMILIES, V, numpy_params

B, S, T = 2, 5, 4
CONFIGS = {
    "rotary": dataclasses.replace(FAMILIES["qwen3"], num_key_value_heads=2),
    "learned": FAMILIES["gpt2"],
    "bfloat16": dataclasses.replace(FAMILIES["stable"], dtype=jnp.bfloat16),
}
SOURCE_MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], bool)
TARGET_MASK = np.array([[1, 1, 1, 0], [1, 1, 1, 1]], bool)
RNG = np.random.default_rng(0)
SOURCE, TARGETS = (RNG.integers(0, V, shape).astype(np.int32) for shape in ((B, S), (B, T)))


@functools.cache
def build(name):
    module = models.EncoderDecoder(CONFIGS[name])
    tokens = np.zeros((1, 2), np.int32)
    shapes = flax.core.meta.unbox(jax.eval_shape(module.init, jax.random.key(0), tokens, tokens))
    rng = np.random.default_rng(1)
    params = jax.tree.map(lambda leaf: rng.normal(0.2, 0.4, leaf.shape).astype(leaf.dtype), shapes)
    return module, params, jax.jit(module.apply)


@pytest.mark.parametrize("name", ["rotary", "learned"])
def test_matches_numpy(name):
    module, params, apply = build(name)
    logits = np.asarray(apply(params, SOURCE, TARGETS, SOURCE_MASK, TARGET_MASK))
    expected = transformer_oracle.encoder_decoder_logits(
        module.config, numpy_params(params), SOURCE, TARGETS, SOURCE_MASK, TARGET_MASK
    )
    np.testing.assert_allclose(logits[TARGET_MASK], expected[TARGET_MASK], rtol=2e-4, atol=2e-4)


def test_hidden_times_head_is_logits():
    module, params, apply = build("learned")
    hidden = jax.jit(functools.partial(module.apply, method="hidden"))(params, SOURCE, TARGETS, SOURCE_MASK, TARGET_MASK)
    kernel, bias = module.apply(params, method="head")
    logits = apply(params, SOURCE, TARGETS, SOURCE_MASK, TARGET_MASK)
    assert bias is None
    np.testing.assert_allclose(np.asarray(hidden) @ np.asarray(kernel), logits, rtol=1e-4, atol=1e-4)


def test_what_is_masked_or_later_changes_nothing():
    _, params, apply = build("rotary")
    logits = np.asarray(apply(params, SOURCE, TARGETS, SOURCE_MASK, TARGET_MASK))
    padding = np.where(SOURCE_MASK, SOURCE, (SOURCE + 1) % V)
    np.testing.assert_array_equal(apply(params, padding, TARGETS, SOURCE_MASK, TARGET_MASK), logits)
    later = TARGETS.copy()
    later[:, 2] = (later[:, 2] + 1) % V
    changed = np.asarray(apply(params, SOURCE, later, SOURCE_MASK, TARGET_MASK))
    np.testing.assert_array_equal(changed[:, :2], logits[:, :2])
    assert np.any(changed[:, 2] != logits[:, 2])
    source = SOURCE.copy()
    source[:, 2] = (source[:, 2] + 1) % V  # the encoder reads both ways: every target sees the change
    changed = np.asarray(apply(params, source, TARGETS, SOURCE_MASK, TARGET_MASK))
    assert np.all(np.any(changed != logits, axis=-1)[TARGET_MASK])


def test_packed_texts_are_read_as_if_alone():
    _, params, apply = build("learned")  # rotary positions would not tell where a text begins
    # Two texts in one row: sources of 3 and 2, targets of 1 and 3; the second row is the same.
    source_segments, target_segments = np.array([[1, 1, 1, 2, 2]] * B), np.array([[1, 2, 2, 2]] * B)
    packed = np.asarray(
        apply(params, SOURCE, TARGETS, np.ones((B, S), bool), np.ones((B, T), bool), source_segments, target_segments)
    )[0]
    sources, targets = np.stack([SOURCE[0], np.roll(SOURCE[0], 2)]), np.stack([TARGETS[0], np.roll(TARGETS[0], 3)])
    lengths = np.array([[3], [2]]), np.array([[1], [3]])
    alone = np.asarray(apply(params, sources, targets, np.arange(S) < lengths[0], np.arange(T) < lengths[1]))
    np.testing.assert_allclose(packed, np.concatenate([alone[0, :1], alone[1, :3]]), rtol=1e-4, atol=1e-5)


def test_sampling_with_a_cache_follows_the_full_forward_pass():
    module, params, apply = build("rotary")
    prompts = np.full((B, 1), 3, np.int32)
    drawn = jax.jit(
        lambda source, mask: decode.sample(
            models.conditional_decoder(module, params, source, mask),
            params,
            prompts,
            np.ones((B, 1), bool),
            jax.random.key(0),
            max_new_tokens=T,
        )
    )(SOURCE, SOURCE_MASK)
    tokens = np.asarray(drawn.tokens)
    read = np.concatenate([prompts, tokens[:, :-1]], axis=1)
    logits = np.asarray(apply(params, SOURCE, read, SOURCE_MASK, np.ones((B, T), bool)))
    log_probs = logits - np.log(np.sum(np.exp(logits), axis=-1, keepdims=True))
    log_probs = np.take_along_axis(log_probs, tokens[..., None], 2)[..., 0]
    np.testing.assert_allclose(drawn.log_probs, log_probs, rtol=1e-4, atol=1e-5)


def test_bfloat16_activations_and_float32_logits():
    module, params, apply = build("bfloat16")
    logits = apply(params, SOURCE, TARGETS, SOURCE_MASK, np.zeros((B, T), bool))
    assert logits.dtype == jnp.float32 and np.isfinite(np.asarray(logits)).all()
    assert jax.eval_shape(functools.partial(module.apply, method="encode"), params, SOURCE).dtype == jnp.bfloat16


def test_wrong_inputs_are_named():
    module, params, _ = build("rotary")
    wrong = (
        ((SOURCE[0], TARGETS), "`source`"),
        ((SOURCE, TARGETS.astype(np.float32)), "`targets`"),
        ((SOURCE, TARGETS, SOURCE_MASK[:, :2]), "mask of `source`"),
        ((SOURCE, np.zeros((B, 13), np.int32)), "max_length=12"),
        ((SOURCE, TARGETS, None, None, SOURCE), "key_segments"),
    )
    for arguments, message in wrong:
        with pytest.raises(ValueError, match=message):
            jax.eval_shape(module.apply, params, *arguments)
    with pytest.raises(ValueError, match="`source` must have a row"):
        models.conditional_decoder(module, params, SOURCE).init_cache(3, 2)
