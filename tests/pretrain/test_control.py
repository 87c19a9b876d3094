"""Control tokens before segments, by hand."""

import jax
import numpy as np

from algax import pretrain

KEY = jax.random.key(0)
TEXT = pretrain.ScoredText(
    tokens=np.array([[9, 11, 12, 13, 14, 0], [21, 22, 23, 24, 25, 26]], np.int32),
    mask=np.array([[1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1]], bool),
    segment_starts=np.array([[0, 1, 0, 1, 0, 1], [1, 0, 1, 0, 1, 0]], bool),
    scores=np.array([[0.0, 0.0, 0.0, 0.9, 0.9, 0.0], [0.2, 0.2, 0.0, 0.0, 0.6, 0.6]], np.float32),
)


def test_every_segment_follows_the_token_of_its_score():
    transform = pretrain.control_prefix((1, 2), (0.1,), max_segments=2, drop_rate=0.0, pad_token=7)
    controlled = jax.jit(transform)(KEY, TEXT)
    assert isinstance(controlled, pretrain.ControlledText)
    np.testing.assert_array_equal(controlled.tokens, [[9, 1, 11, 12, 2, 13, 14, 7], [2, 21, 22, 1, 23, 24, 2, 25]])
    np.testing.assert_array_equal(controlled.mask, [[1, 1, 1, 1, 1, 1, 1, 0], [1] * 8])
    np.testing.assert_array_equal(controlled.controls, [[0, 1, 0, 0, 1, 0, 0, 0], [1, 0, 0, 1, 0, 0, 1, 0]])


def test_levels_of_a_reward():
    transform = pretrain.control_prefix((1, 2, 3), (0.1, 0.5), max_segments=9, drop_rate=0.0)
    controlled = jax.jit(transform)(KEY, TEXT)
    assert controlled.tokens.shape == (2, 15)
    rows = zip(np.asarray(controlled.tokens), np.asarray(controlled.controls), strict=True)
    taken = [tokens[where] for tokens, where in rows]
    np.testing.assert_array_equal(taken[0], [1, 3])
    np.testing.assert_array_equal(taken[1], [2, 1, 3])


def test_a_score_at_the_edge_is_good():
    text = TEXT._replace(scores=np.full((2, 6), 0.5, np.float32))
    controlled = jax.jit(pretrain.control_prefix((1, 2), (0.5,), max_segments=3, drop_rate=0.0))(KEY, text)
    assert set(np.asarray(controlled.tokens)[np.asarray(controlled.controls)]) == {1}


def test_dropped_control_tokens():
    everything = jax.device_get(jax.jit(pretrain.control_prefix((1, 2), max_segments=3, drop_rate=1.0))(KEY, TEXT))
    assert not everything.controls.any()
    np.testing.assert_array_equal(everything.tokens[:, :6], TEXT.tokens)
    many = jax.tree.map(lambda x: np.tile(x[1:], (2000, 1)), TEXT)
    transform = jax.jit(pretrain.control_prefix((1, 2), max_segments=3, drop_rate=0.25))
    share = np.asarray(transform(KEY, many).controls).sum() / 6000
    assert abs(share - 0.75) < 4 * np.sqrt(0.25 * 0.75 / 6000)
