"""Hardness of examples."""

import jax.numpy as jnp
import numpy as np
import pytest

from algax import curriculum


def test_certain_labels_are_not_hard():
    for kind in ("confidence", "mdl"):
        np.testing.assert_array_equal(curriculum.model_hardness(jnp.ones((2, 3, 4, 5)), kind), 0.0)


def test_means_over_everything_but_the_examples():
    probs = np.random.default_rng(0).uniform(0.05, 1.0, (2, 3, 4, 5))
    x = jnp.asarray(probs, jnp.float32)
    np.testing.assert_allclose(curriculum.model_hardness(x), 1 - probs.mean((0, 2, 3)), rtol=1e-5)
    np.testing.assert_allclose(curriculum.model_hardness(x, "mdl"), -np.log(probs).mean((0, 2, 3)), rtol=1e-5)
    with pytest.raises(ValueError, match="`kind`"):
        curriculum.model_hardness(x, "loss")


def test_ten_scores_have_three_easy_and_three_hard_ones():
    scores = jnp.arange(10.0)
    cutoffs = curriculum.hardness_cutoffs(scores)
    np.testing.assert_allclose(cutoffs, [2.7, 6.3], rtol=1e-6)
    levels = curriculum.hardness_levels(scores, cutoffs)
    np.testing.assert_array_equal(levels, [0, 0, 0, 1, 1, 1, 1, 2, 2, 2])
    np.testing.assert_array_equal(curriculum.hardness_levels(scores, jnp.array([4.0, 5.0])), [0] * 5 + [2] * 5)
    with pytest.raises(ValueError, match="`quantiles`"):
        curriculum.hardness_cutoffs(scores, (0.7, 0.3))
