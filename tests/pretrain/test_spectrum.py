"""Conversations of descriptions and examples, laid out by hand."""

import jax
import numpy as np

from algax import pretrain

# One description, two examples of which the second has no input, room for a third.
TASK = pretrain.SpectrumTask(
    description=pretrain.Piece(np.array([[11, 12]]), np.array([[1, 1]], bool)),
    inputs=pretrain.Piece(np.array([[[21, 0], [0, 0], [99, 99]]]), np.array([[[1, 0], [0, 0], [1, 1]]], bool)),
    outputs=pretrain.Piece(np.array([[[31, 32], [41, 0], [99, 99]]]), np.array([[[1, 1], [1, 0], [0, 0]]], bool)),
)
DESCRIPTION, FIRST, SECOND = [1, 11, 12, 4, 9], [2, 21, 4, 9, 3, 31, 32, 4, 9], [3, 41, 4, 9]
FIRST_TARGETS, SECOND_TARGETS = [31, 32, 4], [41, 4]


def laid_out(batch):
    tokens, learned = np.asarray(batch.tokens)[np.asarray(batch.mask)], np.asarray(batch.tokens)[np.asarray(batch.learned)]
    return tokens.tolist(), learned.tolist()


def test_order_is_random_and_targets_are_the_same():
    settings = {"headers": ((1,), (2,), (3,)), "end_token": 4, "separator": (9,)}
    layouts = {
        (0.0, 0): (DESCRIPTION + FIRST + SECOND, FIRST_TARGETS + SECOND_TARGETS),
        (0.0, 1): (DESCRIPTION + SECOND + FIRST, SECOND_TARGETS + FIRST_TARGETS),
        (1.0, 0): (FIRST + SECOND, SECOND_TARGETS),  # the first output without a description is not learned
        (1.0, 1): (SECOND + FIRST, FIRST_TARGETS),
    }
    for drop in (0.0, 1.0):
        transform = jax.jit(pretrain.spectrum(**settings, drop_description=drop))
        drawn = jax.device_get(jax.vmap(transform, in_axes=(0, None))(jax.random.split(jax.random.key(0), 12), TASK))
        found = [laid_out(jax.tree.map(lambda leaf, draw=draw: leaf[draw], drawn)) for draw in range(12)]
        expected = [layouts[drop, 0], layouts[drop, 1]]
        assert all(one in expected for one in found) and all(one in found for one in expected)


def test_cut_at_the_end():
    transform = jax.jit(pretrain.spectrum(((1,), (2,), (3,)), 4, separator=(9,), width=7))
    batch = jax.device_get(transform(jax.random.key(0), TASK))
    assert batch.tokens.shape == (1, 7) and batch.tokens[0, :5].tolist() == DESCRIPTION


def test_one_output_without_description_teaches_nothing():
    roles = np.array([[2, -1, -1, -1], [1, 2, 2, -1], [0, 1, 2, 2]])
    expected = [[0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1]]
    np.testing.assert_array_equal(np.asarray(jax.jit(pretrain.trained_messages)(roles)).astype(int), expected)
    but_second = np.arange(3)[None, :, None] != 1
    alone = TASK._replace(
        description=TASK.description._replace(mask=np.zeros((1, 2), bool)),
        outputs=TASK.outputs._replace(mask=TASK.outputs.mask & but_second),
    )
    transform = jax.jit(pretrain.spectrum(((1,), (2,), (3,)), 4))
    assert not np.any(np.asarray(transform(jax.random.key(1), alone).learned))
