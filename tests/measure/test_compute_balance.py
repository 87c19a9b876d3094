"""Size against steps, and speed-ups at equal loss."""

import jax
import numpy as np
import pytest

from algax import measure


def test_rebalance_keeps_the_compute_and_reaches_the_ratio():
    params, steps = measure.rebalance(1e8, 2e4, 5e5)
    np.testing.assert_allclose(params * steps, 1e8 * 2e4, rtol=1e-12)
    np.testing.assert_allclose(5e5 * steps / params, 5.0, rtol=1e-12)
    np.testing.assert_allclose(measure.rebalance(1e8, 1e3, 5e5, tokens_per_param=5.0), (1e8, 1e3), rtol=1e-12)


def test_the_speedup_at_equal_loss():
    steps = np.arange(1.0, 101.0)
    losses = 3.0 * steps**-0.4
    speedup = jax.jit(measure.equal_loss_speedup)
    assert speedup(steps, losses, steps, losses) == 1.0
    np.testing.assert_allclose(speedup(steps, losses, steps, 3.0 * (2.5 * steps) ** -0.4), 2.5, rtol=1e-3)
    assert speedup(steps, losses, steps, losses + 1.0) == 0.0
    # A baseline that overfits took all its steps to where it ends.
    overfit = losses + np.where(steps > 50, 0.02 * (steps - 50), 0.0)
    np.testing.assert_allclose(speedup(steps, overfit, steps, losses), 100 / (overfit[-1] / 3.0) ** -2.5, rtol=0.02)
    # From 4 at step 0 to 2 at step 10 a line crosses 3 at step 5.
    assert speedup([0.0, 20.0], [5.0, 3.0], [0.0, 10.0], [4.0, 2.0]) == 4.0


def test_a_power_law_in_steps_is_recovered_after_its_start():
    steps = np.arange(1.0, 101.0)
    losses = 3.0 * steps**-0.1
    losses[:10] += 1.0
    np.testing.assert_allclose(measure.fit_power_law(steps[10:], losses[10:]).law[:2], [3.0, -0.1], rtol=1e-9)


def test_bad_arguments_are_refused():
    for bad in ({"params": 0.0}, {"steps": -1.0}, {"tokens_per_step": 0.0}, {"tokens_per_param": 0.0}):
        with pytest.raises(ValueError, match=f"`{next(iter(bad))}` must be > 0"):
            measure.rebalance(**{"params": 1.0, "steps": 1.0, "tokens_per_step": 1.0, **bad})
    with pytest.raises(ValueError, match="`steps` and `losses`"):
        measure.equal_loss_speedup([1.0], [1.0], [1.0, 2.0], [1.0])
