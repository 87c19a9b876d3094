"""The mixture of denoisers, row by row."""

import jax
import numpy as np
import pytest

from algax import pretrain

from .test_noise import spliced

KEY, WIDTH, V, MODES = jax.random.key(0), 24, 300, (201, 202, 203)
LENGTHS = np.random.default_rng(0).integers(8, WIDTH + 1, 200)
TOKENS = np.random.default_rng(1).integers(1, 200, (200, WIDTH)).astype(np.int32)
TEXT = jax.device_get(jax.jit(pretrain.token_batch)(TOKENS, np.arange(WIDTH) < LENGTHS[:, None]))


def test_each_row_by_its_mode():
    transform = jax.jit(pretrain.ul2(V, MODES, denoisers=pretrain.DENOISERS[::2], rates=(0.4, 0.2, 0.2, 0.2)))
    batch = jax.device_get(transform(KEY, TEXT))
    assert batch.inputs.shape == (200, WIDTH + 1) and batch.targets.shape == (200, WIDTH)
    modes = batch.inputs[:, 0]
    for row, mode in enumerate(modes):
        text = TEXT.tokens[row, : LENGTHS[row]].tolist()
        if mode == MODES[2]:
            read = batch.inputs[row][batch.inputs_mask[row]][1:].tolist()
            written = batch.targets[row][batch.targets_mask[row]].tolist()
            assert read + written == text and len(written) == max(1, round(LENGTHS[row] * 0.25))
        else:
            assert spliced(batch, row, 250) == [mode, *text]
    for mode, share in zip(MODES, (0.4, 0.4, 0.2), strict=True):
        assert abs(np.mean(modes == mode) - share) < 4 * np.sqrt(share * (1 - share) / 200)


def test_one_denoiser_without_a_mode_is_span_corruption():
    denoiser = pretrain.Denoiser(3.0, 0.15, "regular")
    transforms = pretrain.ul2(V, denoisers=(denoiser,)), pretrain.span_corruption(V)
    found = jax.jit(lambda key, batch: [transform(key, batch) for transform in transforms])(KEY, TEXT)
    jax.tree.map(np.testing.assert_array_equal, *found)
    with pytest.raises(ValueError, match="`mode`"):
        pretrain.ul2(V, denoisers=(denoiser._replace(mode="R"),))


def test_texts_are_cut_to_fill_the_inputs():
    """Of a long text, the mode's token, the inputs and one end-of-text token fill 20 places, or all but one."""
    long = jax.jit(pretrain.token_batch)(np.ones((60, 60), np.int32))
    lengths = {}
    for uniform, denoisers in ((False, pretrain.DENOISERS[::3]), (True, pretrain.DENOISERS[6:])):
        transform = pretrain.ul2(V, MODES, denoisers=denoisers, inputs_length=20, uniform_prefix=uniform)
        batch = jax.device_get(jax.jit(transform)(KEY, long))
        assert batch.inputs.shape == (60, 20)
        sequential = batch.inputs[:, 0] == MODES[2]
        sizes = batch.inputs_mask.sum(axis=1) + 1
        assert set(sizes[~sequential]) <= {19, 20}
        lengths[uniform] = set(sizes[sequential])
    assert lengths[False] <= {19, 20} and max(lengths[True]) <= 20 and len(lengths[True]) > 2
