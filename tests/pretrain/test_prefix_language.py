"""What is read and what is written, row by row."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import algax
from algax import curriculum, models, pretrain

KEY, LENGTHS, WIDTH = jax.random.key(0), (8, 5), 8
token_batch = jax.jit(pretrain.token_batch)
TEXT = token_batch(
    np.array([[11, 12, 13, 14, 15, 16, 17, 18], [21, 22, 23, 24, 25, 0, 0, 0]], np.int32),
    np.arange(WIDTH)[None, :] < np.array(LENGTHS)[:, None],
)


@jax.jit
def split(text, prefix):
    return pretrain.decoder_terms(pretrain.split_text(text, prefix))


def real(tokens, mask):
    return [row[there].tolist() for row, there in zip(np.asarray(tokens), np.asarray(mask, bool), strict=True)]


def test_prefix_and_rest_are_the_text():
    batches = jax.device_get(jax.jit(jax.vmap(pretrain.prefix_language(), in_axes=(0, None)))(jax.random.split(KEY, 30), TEXT))
    cuts = set()
    for draw in range(30):
        batch = jax.tree.map(lambda leaf, draw=draw: leaf[draw], batches)
        read, written = real(batch.inputs, batch.inputs_mask), real(batch.targets, batch.targets_mask)
        assert [a + b for a, b in zip(read, written, strict=True)] == real(TEXT.tokens, TEXT.mask)
        cuts.add(len(read[1]))
    assert cuts == {1, 2, 3, 4}
    last = jax.jit(lambda key, text: pretrain.decoder_terms(pretrain.prefix_language(rate=0.0)(key, text)).mask)
    assert np.asarray(last(KEY, TEXT)).sum(axis=1).tolist() == [1, 1]


def test_an_empty_prefix_is_language_modelling():
    found = jax.device_get(split(TEXT, np.zeros((2, WIDTH), bool)))
    expected = jax.device_get(jax.jit(pretrain.causal_terms)(TEXT))
    assert isinstance(found.inputs, pretrain.DecoderInputs) and not found.inputs.prefix.any()
    np.testing.assert_array_equal(found.inputs.tokens[:, : WIDTH - 1], expected.inputs)
    assert real(found.tokens, found.mask) == real(expected.tokens, expected.mask)


def test_a_decoder_learns_targets_and_nothing_leaks():
    prefix = np.arange(WIDTH)[None, :] < np.array([[3], [4]])
    terms = jax.device_get(split(TEXT, prefix))
    assert real(terms.tokens, terms.mask) == [[14, 15, 16, 17, 18], [25]]
    assert real(terms.inputs.tokens, terms.inputs.prefix) == [[11, 12, 13], [21, 22, 23, 24]]
    seen = np.asarray(jax.jit(models.decoder_mask)(terms.inputs.mask, terms.inputs.prefix))
    assert not (np.triu(np.ones(seen.shape[1:]), 1)[None] * seen)[terms.mask].any()
    # The first target's place sees the whole prefix.
    assert seen[0, 2, :3].all() and seen[1, 3, :4].all()


def test_corrupted_inputs_and_their_budget():
    # 512 inputs and 114 targets make up the 626 tokens of language modelling.
    length, targets = pretrain.span_lengths(512)
    assert length - 85 + 28 + 1 == 512 and 512 + targets == 626
    batch = jax.jit(pretrain.span_corruption(100))(KEY, TEXT)
    terms = jax.jit(pretrain.decoder_terms)(batch)
    whole = [a + b for a, b in zip(*(real(*pair) for pair in (batch[:2], batch[2:4])), strict=True)]
    assert real(terms.inputs.tokens, terms.inputs.mask) == whole  # the last column of the layout is free here
    assert real(terms.tokens, terms.mask) == real(batch.targets, batch.targets_mask)


def test_two_texts_fill_a_row():
    full, other = (token_batch(np.asarray(TEXT.tokens) + shift) for shift in (20, 60))
    batch = jax.device_get(jax.jit(pretrain.packed_prefix_language())(KEY, (full, other)))
    assert batch.inputs_mask.all() and batch.targets_mask.all()
    for row in range(2):
        parts = []
        for segment, text in ((1, full), (2, other)):
            read = batch.inputs[row][batch.inputs_segments[row] == segment]
            written = batch.targets[row][batch.targets_segments[row] == segment]
            np.testing.assert_array_equal(np.concatenate([read, written]), np.asarray(text.tokens)[row])
            parts.append(len(read))
        assert sum(parts) == WIDTH and min(parts) >= 1
    terms = jax.device_get(jax.jit(lambda batch: pretrain.encoder_decoder_terms(batch, start_token=3))(batch))
    inputs = terms.inputs
    assert isinstance(inputs, pretrain.EncoderDecoderInputs)
    starts = batch.targets_segments[:, 1:] != batch.targets_segments[:, :-1]
    np.testing.assert_array_equal(inputs.targets[:, 0], [3, 3])
    np.testing.assert_array_equal(inputs.targets[:, 1:], np.where(starts, 3, batch.targets[:, :-1]))
    np.testing.assert_array_equal(terms.tokens, batch.targets)
    with pytest.raises(ValueError, match="one text a row"):
        pretrain.decoder_terms(batch)


def test_adaptation_changes_the_mask_with_the_objective():
    """From language modelling to a prefix read both ways, at step 10."""
    shares = curriculum.mixture_schedule([(0, (1.0, 0.0)), (10, (0.0, 1.0))])

    @jax.jit
    def adapted(step):
        both = pretrain.split_text(TEXT, jnp.zeros((2, WIDTH))), pretrain.prefix_language()(KEY, TEXT)
        return pretrain.choose_rows(KEY, shares(step), both), *both

    for step, stage in ((9, 1), (10, 2)):
        results = adapted(jnp.int32(step))
        jax.tree.map(np.testing.assert_array_equal, results[0], results[stage])


def test_z_loss():
    rng = np.random.default_rng(0)
    hidden, kernel, bias = rng.normal(size=(2, 3, 4)), rng.normal(size=(4, 6)), rng.normal(size=6)
    mask = np.array([[1, 1, 0], [1, 0, 0]], bool)
    logits = hidden @ kernel + bias
    expected = 0.3 * np.mean(np.log(np.exp(logits).sum(-1))[mask] ** 2)
    factored = algax.FactoredLogits(*(x.astype(np.float32) for x in (hidden, kernel, bias)), chunk_size=2)
    whole = algax.Logits(logits.astype(np.float32))
    loss = jax.jit(lambda x: pretrain.z_loss(coefficient=0.3)(pretrain.Terms(distribution=x, mask=mask)))
    np.testing.assert_allclose([loss(whole), loss(factored)], [expected] * 2, rtol=1e-5)
    assert abs(float(loss(algax.Logits(jax.jit(jax.nn.log_softmax)(whole.logits))))) < 1e-12
