"""Early signals of runs."""

import jax.numpy as jnp
import numpy as np
import pytest

from algax import curriculum, measure, schedules


def test_high_loss_and_low_gradient_norm_rank_first():
    scores = measure.early_signal(jnp.array([[1.0], [2.0]]), jnp.array([[2.0], [1.0]]), window=1)
    np.testing.assert_allclose(scores, [2.0, -2.0], rtol=1e-6)


def test_it_is_a_difference_of_z_scores_over_the_window():
    rng = np.random.default_rng(0)
    norms, losses = rng.uniform(size=(2, 5, 8)).astype(np.float32)
    g, x = (array[:, -3:].astype(np.float64).mean(1) for array in (norms, losses))
    expected = (x - x.mean()) / x.std() - (g - g.mean()) / g.std()
    scores = measure.early_signal(jnp.asarray(norms), jnp.asarray(losses), window=3)
    np.testing.assert_allclose(scores, expected, rtol=1e-4)
    # The worst two fifths are pruned.
    kept = ~curriculum.keep_lowest(scores, 0.4)
    np.testing.assert_array_equal(np.flatnonzero(~kept), np.sort(np.argsort(expected)[:2]))


def test_equal_runs_and_bad_arguments():
    same = jnp.ones((3, 4))
    np.testing.assert_array_equal(measure.early_signal(same, same, window=4), 0.0)
    with pytest.raises(ValueError, match="`window`"):
        measure.early_signal(same, same, window=5)
    with pytest.raises(ValueError, match="`losses`"):
        measure.early_signal(same, same[:2], window=1)


def test_a_constant_rate_needs_no_warmup():
    rate = schedules.phases([(None, 2e-5)])
    np.testing.assert_allclose([rate(step) for step in (0, 1, 10_000)], 2e-5, rtol=1e-6)
