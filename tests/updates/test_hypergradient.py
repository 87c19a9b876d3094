"""The factor that follows the agreement of successive updates."""

import jax.numpy as jnp
import numpy as np
import pytest

from algax import updates


def factors(tx, changes, **extra_args):
    state, result = tx.init(changes[0]), []
    for change in changes:
        scaled, state = tx.update(change, state, **extra_args)
        result.append(float(jnp.vdot(scaled, change) / jnp.vdot(change, change)))
    return result


X, Y = jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0])


def test_orthogonal_equal_and_opposite_updates():
    np.testing.assert_allclose(factors(updates.hypergradient_factor(), [X, Y, X, Y]), [1.0, 1.0, 1.0, 1.0])
    np.testing.assert_allclose(factors(updates.hypergradient_factor(), [X, X, X, X]), [1.0, 2.0, 3.0, 3.0])
    np.testing.assert_allclose(factors(updates.hypergradient_factor(), [X, -X, X]), [1.0, 1 / 3, 1 / 3], rtol=1e-6)
    np.testing.assert_allclose(factors(updates.hypergradient_factor(lower=1.0, upper=1.0), [X, X, X]), [1.0, 1.0, 1.0])


def test_accumulating_remembers_what_was_clipped_and_adding_does_not():
    changes = [X, X, X, X, -X]
    np.testing.assert_allclose(factors(updates.hypergradient_factor(upper=2.0), changes), [1.0, 2.0, 2.0, 2.0, 1.0])
    accumulated = factors(updates.hypergradient_factor(upper=2.0, mode="accumulate"), changes)
    np.testing.assert_allclose(accumulated, [1.0, 2.0, 2.0, 2.0, 2.0])


def test_multiplying_with_a_cap_and_a_reference():
    capped = updates.hypergradient_factor(mode="multiply", cap=1.5)
    np.testing.assert_allclose(factors(capped, [X, X, X, -X]), [1.0, 1.5, 2.25, 1 / 3], rtol=1e-6)
    referring = updates.hypergradient_factor(mode="multiply", reference_weight=0.5)
    np.testing.assert_allclose(factors(referring, [X, Y], reference=X + Y), [1.5, 2.25])
    with pytest.raises(ValueError, match="`reference` must be given"):
        factors(referring, [X])


def test_normalized_factors_do_not_depend_on_the_scale():
    small = factors(updates.hypergradient_factor(normalize=True), [X, 0.5 * X + Y, Y])
    large = factors(updates.hypergradient_factor(normalize=True), [100 * X, 50 * X + 100 * Y, 100 * Y])
    np.testing.assert_allclose(small, large, rtol=1e-6)
    np.testing.assert_allclose(small[1], 1 + 0.5 / np.sqrt(1.25), rtol=1e-6)
