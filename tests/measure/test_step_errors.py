"""Error rates of outcomes and steps."""

import jax.numpy as jnp
import numpy as np
import pytest

from algax import measure

ONES = jnp.ones((2, 2), bool)


def test_everything_right():
    assert measure.outcome_error_rate(jnp.zeros(3)) == 0.0
    assert measure.step_error_rate(jnp.zeros((2, 2)), ONES) == 0.0


def test_stated_rates():
    assert measure.step_error_rate(jnp.array([[1, 0], [1, 1]]), ONES) == 0.75
    assert measure.outcome_error_rate(jnp.array([True, True])) == 1.0


def test_only_wrong_solutions_and_only_real_steps_count():
    errors = jnp.array([[1, 1, 1], [0, 1, 0], [1, 0, 0]])
    mask = jnp.array([[1, 0, 0], [1, 1, 1], [1, 1, 0]], bool)
    np.testing.assert_allclose(measure.step_error_rate(errors, mask), (1 + 1 / 3 + 1 / 2) / 3, rtol=1e-6)
    wrong = jnp.array([0, 1, 1])
    np.testing.assert_allclose(measure.step_error_rate(errors, mask, wrong), (1 / 3 + 1 / 2) / 2, rtol=1e-6)
    assert measure.step_error_rate(errors, mask, jnp.zeros(3)) == 0.0
    with pytest.raises(ValueError, match="`outcome_errors`"):
        measure.step_error_rate(errors, mask, jnp.zeros(2))
