"""Search scores and pairs of siblings, against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import curriculum, preference


def test_the_prior_decides_among_unvisited_children_of_equal_value():
    priors = np.array([[0.2, 0.7, 0.4]], np.float32)
    zeros = np.zeros([1, 3], np.float32)
    search_scores = jax.jit(curriculum.tree_search_scores)
    scores = search_scores(zeros, zeros.astype(int), priors, np.array([3]))
    np.testing.assert_allclose(scores, np.array(priors) * np.sqrt(np.log(3.0)), rtol=1e-6)
    for visits in (0, 1):
        nothing = search_scores(zeros, zeros.astype(int), priors, np.array([visits]))
        np.testing.assert_array_equal(nothing, zeros)
    with pytest.raises(ValueError, match="`exploration` must"):
        curriculum.tree_search_scores(zeros, zeros, priors, jnp.array([3]), exploration=-1.0)


def test_which_pairs_count():
    values = [[0.3, 0.25, 0.28], [-0.4, -0.9, -0.5], [0.5, 0.1, 0.2], [0.5, 0.1, 0.2], [0.5, 0.1, 0.2]]
    overlaps = np.array([0.0, 0.0, 0.0, 0.96, 0.0], np.float32)
    there = np.array([[True] * 3] * 4 + [[True, False, False]])
    pairs = jax.device_get(jax.jit(curriculum.sibling_pairs)(np.array(values, np.float32), overlaps, there))
    np.testing.assert_array_equal(pairs.where, [False, False, True, False, False])
    np.testing.assert_array_equal(pairs.win[:4], [0, 0, 0, 0])
    np.testing.assert_array_equal(pairs.lose[:4], [1, 1, 1, 1])


def test_a_child_that_is_not_there_is_never_taken():
    values, there = np.array([[9.0, 0.5, 0.1, -9.0]], np.float32), np.array([[False, True, True, False]])
    pairs = jax.device_get(jax.jit(curriculum.sibling_pairs)(values, np.zeros(1, np.float32), there))
    assert isinstance(pairs, curriculum.SiblingPairs)
    assert (int(pairs.win[0]), int(pairs.lose[0]), bool(pairs.where[0])) == (1, 2, True)


def test_the_loss_on_equal_log_probs_and_its_two_gradients():
    loss = preference.simpo(beta=2.5, gamma=0.5)
    ones = jnp.ones(1)

    def of(chosen, rejected):
        fields = dict(zip(("chosen_log_probs", "rejected_log_probs"), (chosen, rejected), strict=True))
        rest = {name: ones for name in loss.requires if name not in fields}
        return loss(preference.Terms(**fields, **rest))

    equal = np.full(1, -1.3, np.float32)
    value, grads = jax.device_get(jax.jit(jax.value_and_grad(of, argnums=(0, 1)))(equal, equal))
    np.testing.assert_allclose(value, np.log1p(np.exp(0.5)), rtol=1e-6)
    np.testing.assert_allclose(grads[0], -grads[1], rtol=1e-6)
