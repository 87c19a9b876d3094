"""Noise masks and span corruption against their definitions."""

import jax
import numpy as np
import pytest

from algax import pretrain

KEYS = jax.random.split(jax.random.key(0), 400)
noise_counts = jax.jit(pretrain.noise_counts, static_argnames=("rate", "mean_span"))


def runs(mask):
    return int(np.sum(mask & ~np.concatenate([[False], mask[:-1]])))


def test_counts_of_the_published_settings():
    for length, rate, mean_span, noise, spans in (
        (20, 0.15, 3.0, 3, 1),
        (512, 0.5, 3.0, 256, 85),
        (128, 0.5, 8.0, 64, 8),
        (128, 0.15, 64.0, 19, 1),
        (128, 0.5, 64.0, 64, 1),
        (1, 0.5, 3.0, 1, 1),
        (3, 0.9, 1.0, 2, 1),
        (10, 0.0, 3.0, 0, 0),
    ):
        counts = jax.device_get(noise_counts(np.array([length]), rate=rate, mean_span=mean_span))
        assert [int(count[0]) for count in counts] == [noise, spans], (length, rate, mean_span)


def test_one_span_of_noise_is_the_end():
    lengths = np.array([20, 12, 1])

    @jax.jit
    def masks(keys, lengths):
        return pretrain.span_noise(keys[0], lengths, 20), pretrain.suffix_noise(lengths, 20, rate=0.15)

    mask, suffix = jax.device_get(masks(KEYS, lengths))
    np.testing.assert_array_equal(mask[0], [False] * 17 + [True] * 3)
    np.testing.assert_array_equal(mask[1], [False] * 10 + [True] * 2 + [False] * 8)
    assert not mask[2].any()
    np.testing.assert_array_equal(suffix, mask)


def test_spans_have_their_counts_and_every_place_its_share():
    lengths = np.array([40, 27])
    settings = {"rate": 0.3, "mean_span": 2.0}

    @jax.jit
    @jax.vmap
    def draw(key):
        return [pretrain.span_noise(key, lengths, 40, **settings, random_roll=roll) for roll in (False, True)]

    masks, rolled = jax.device_get(draw(KEYS))
    for row, (length, noise, spans) in enumerate(((40, 12, 6), (27, 8, 4))):
        assert (masks[:, row].sum(axis=1) == noise).all() and not masks[:, row, length:].any()
        assert all(runs(mask) == spans for mask in masks[:, row])
        assert not masks[:, row, 0].any() and masks[:, row, length - 1].all()
    assert abs(masks[:, 0].mean() - 0.3) < 0.006
    assert (rolled[:, 1].sum(axis=1) == 8).all() and not rolled[:, 1, 27:].any()
    assert np.max(np.abs(rolled[:, 0].mean(axis=0) - 0.3)) < 4.5 * np.sqrt(0.3 * 0.7 / len(KEYS))


def test_all_ways_to_cut_are_equally_likely():
    # 4 tokens of noise in 2 spans among 8: 3 x 3 masks.
    keys = jax.random.split(jax.random.key(7), 1800)
    masks = np.asarray(
        jax.jit(jax.vmap(lambda key: pretrain.span_noise(key, np.array([8]), 8, rate=0.5, mean_span=2.0)[0]))(keys)
    )
    _, counts = np.unique(masks, axis=0, return_counts=True)
    assert len(counts) == 9 and np.sum((counts - 200) ** 2 / 200) < 26.1  # chi square of 8, p = 0.001


def test_spans_from_their_breaks():
    noise_breaks = np.array([[0, 1, 0, 0, 0, 0, 0, 0, 0]], bool)
    other_breaks = np.array([[1, 0, 0, 0, 0, 0, 0, 0, 0]], bool)
    mask = np.asarray(jax.jit(pretrain.alternating_spans)(np.array([3]), np.array([8]), noise_breaks, other_breaks))
    np.testing.assert_array_equal(mask[0].astype(int), [0, 1, 1, 0, 0, 0, 0, 1, 0, 0])


def test_independent_noise():
    draw = jax.jit(lambda keys, lengths: pretrain.iid_noise(keys[0], lengths, 4000, rate=0.2))
    mask = np.asarray(draw(KEYS, np.array([4000, 10])))
    assert abs(mask[0].mean() - 0.2) < 4 * np.sqrt(0.16 / 4000) and not mask[1, 10:].any()


@pytest.mark.parametrize(("rate", "lengths"), [(0.5, {1, 2, 3, 4, 5}), (0.25, {2, 3, 4, 5}), (0.0, {5})])
def test_prefixes(rate, lengths):
    masks = np.asarray(jax.jit(jax.vmap(lambda key: pretrain.prefix_noise(key, np.array([6, 1]), 7, rate=rate)))(KEYS))
    found = masks[:, 0].sum(axis=1)
    assert set(found) == lengths and masks[:, 1].sum() == len(KEYS)
    assert (masks[:, 0] == (np.arange(7) < found[:, None])).all()


def test_noise_of_highest_and_lowest_score():
    rng = np.random.default_rng(0)
    scores, mask = rng.permutation(20).reshape(2, 10).astype(np.float32), np.arange(10) < np.array([[10], [7]])
    select = jax.jit(pretrain.scored_noise, static_argnames=("rate", "highest"))
    for rate, counts in ((0.3, (3, 2)), (0.5, (5, 3))):
        high, low = (np.asarray(select(scores, mask, rate=rate, highest=highest)) for highest in (True, False))
        assert not (high & low).any() and not ((high | low) & ~mask).any()
        for row, count in enumerate(counts):
            ordered = np.argsort(np.where(mask[row], scores[row], np.inf))[: mask[row].sum()]
            assert set(np.flatnonzero(low[row])) == set(ordered[:count])
            assert set(np.flatnonzero(high[row])) == set(ordered[-count:])


def batch(rng, lengths, width):
    tokens = rng.integers(1, 90, (len(lengths), width))
    mask = np.arange(width) < np.asarray(lengths)[:, None]
    return jax.device_get(jax.jit(pretrain.token_batch)(np.where(mask, tokens, 0).astype(np.int32), mask))


def spliced(pair, row, first_sentinel):
    """The text, with each sentinel of the inputs replaced by what follows it in the targets; `pair` in NumPy."""
    targets = pair.targets[row][pair.targets_mask[row]]
    spans, current = {}, None
    for token in targets:
        if token >= first_sentinel:
            current = spans.setdefault(int(token), [])
        else:
            current.append(int(token))
    inputs = pair.inputs[row][pair.inputs_mask[row]]
    return [t for token in inputs for t in (spans[int(token)] if token >= first_sentinel else [int(token)])]


def test_targets_spliced_into_inputs_are_the_text():
    texts = batch(np.random.default_rng(0), [30, 21, 7], 30)
    assert isinstance(texts, pretrain.TokenBatch)
    corrupt = pretrain.span_corruption(200, rate=0.4, mean_span=2.0)
    pair = jax.device_get(jax.jit(lambda keys, texts: corrupt(keys[3], texts))(KEYS, texts))
    assert isinstance(pair, pretrain.Seq2SeqBatch)
    noise, spans = jax.device_get(noise_counts(texts.lengths, rate=0.4, mean_span=2.0))
    for row, length in enumerate((30, 21, 7)):
        assert spliced(pair, row, 100) == list(texts.tokens[row, :length])
        assert int(pair.inputs_mask[row].sum()) == length - noise[row] + spans[row]
        assert int(pair.targets_mask[row].sum()) == noise[row] + spans[row]
        assert pair.targets[row, 0] == 199
    assert not pair.inputs[~pair.inputs_mask].any()


def test_three_ways_to_hide():
    tokens, mask = np.array([[5, 6, 7, 8, 9, 0]], np.int32), np.array([[1, 1, 1, 1, 1, 0]], bool)
    noise = np.array([[0, 1, 1, 0, 1, 1]], bool)
    hide = jax.jit(pretrain.hide, static_argnames=("mode", "token"))
    for mode, token, expected, kept in (
        ("sentinels", 50, [5, 49, 8, 48, 0, 0], 4),
        ("drop", None, [5, 8, 0, 0, 0, 0], 2),
        ("mask", 3, [5, 3, 3, 8, 3, 0], 5),
    ):
        hidden, where = jax.device_get(hide(tokens, mask, noise, mode, token=token))
        np.testing.assert_array_equal(hidden[0], expected)
        assert int(where.sum()) == kept
    for wrong in ({"mode": "spans"}, {"mode": "drop", "token": 3}, {"mode": "mask"}):
        with pytest.raises(ValueError, match="`(mode|token)`"):
            pretrain.hide(tokens, mask, noise, **wrong)


def test_lengths_fill_the_inputs():
    assert pretrain.span_lengths(512) == (568, 114)
    for size, rate, mean_span in ((512, 0.15, 8.0), (64, 0.5, 3.0), (512, 0.5, 64.0)):
        length, targets = pretrain.span_lengths(size, rate=rate, mean_span=mean_span)
        noise, spans = (int(count) for count in noise_counts(np.array(length), rate=rate, mean_span=mean_span))
        assert length - noise + spans + 1 <= size and targets <= size
        assert length - noise + spans + 1 >= size - 1
    with pytest.raises(ValueError, match="`inputs_length`"):
        pretrain.span_lengths(2)


def test_a_decoder_learns_each_target_from_what_it_read_before():
    terms = jax.jit(lambda *arrays: pretrain.causal_terms(pretrain.token_batch(*arrays)))(
        np.array([[4, 5, 6, 0]]), np.array([[1, 1, 1, 0]]), np.array([[0, 0, 1, 1]])
    )
    np.testing.assert_array_equal(terms.inputs, [[4, 5, 6]])
    np.testing.assert_array_equal(terms.tokens, [[5, 6, 0]])
    np.testing.assert_array_equal(terms.mask, [[False, True, False]])
