"""Rates that transfer: hidden matrices are divided by their fan-in, all else is left alone."""

import jax
import numpy as np
import optax
import pytest

from algax import updates


def hidden(params):
    return {name: name == "hidden" for name in params}


def test_scale_by_mup_divides_hidden_updates_by_their_fan_in():
    tree = {"input": np.ones((3, 8)), "hidden": np.ones((8, 16)), "bias": np.ones(8)}
    tx = optax.chain(updates.scale_by_mup(hidden, base_width=4))
    scaled, _ = jax.jit(tx.update)(tree, tx.init(tree))
    np.testing.assert_allclose(scaled["hidden"], 0.5)
    np.testing.assert_array_equal(scaled["input"], 1.0)
    np.testing.assert_array_equal(scaled["bias"], 1.0)


def test_one_step_of_adam_moves_hidden_states_equally_at_every_width():
    """Adam's steps of size eta move a layer's output by eta fan_in where inputs are of order 1: divided, the width cancels."""
    moves = []
    for width in (16, 256):
        params = {"hidden": np.zeros((width, 4), np.float32)}
        tx = optax.chain(optax.scale_by_adam(), updates.scale_by_mup(hidden))
        grads = {"hidden": np.ones((width, 4), np.float32)}
        with jax.numpy_dtype_promotion("standard"):  # Optax itself promotes
            step, _ = jax.jit(lambda grads, params, tx=tx: tx.update(grads, tx.init(params), params))(grads, params)
        moves.append(np.sum(step["hidden"], axis=0)[0])
    np.testing.assert_allclose(moves, 1.0, rtol=1e-4)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="`base_width`"):
        updates.scale_by_mup(hidden, base_width=0)
    with pytest.raises(ValueError, match="`hidden` must mark matrices"):
        updates.scale_by_mup(hidden).update({"hidden": np.ones(3)}, optax.EmptyState())
