"""Rewards put together from parts."""

import jax.numpy as jnp
import numpy as np
import pytest

from algax import policy


def rewards(parts, **options):
    transform = policy.composite_reward(**options)
    terms = policy.Terms(mask=jnp.ones([len(parts), 1], bool), reward_parts=jnp.asarray(parts, jnp.float32))
    return transform.update(terms.prepare(), ())[0].rewards


def test_arguments_count_only_where_the_type_is_right():
    parts = [[1, 1, 1], [1, 0, 1], [0, 1, 0.5], [1, 0.5, 1], [0, 0, 0]]
    np.testing.assert_allclose(rewards(parts, weights=(0.1, 0.4, 0.5), gates={2: 1}), [1.0, 0.1, 0.65, 0.3, 0.0], rtol=1e-6)
    np.testing.assert_allclose(rewards(parts, weights=(0.1, 0.4, 0.5)), [1.0, 0.6, 0.65, 0.8, 0.0], rtol=1e-6)


def test_a_judged_task_has_two_parts():
    np.testing.assert_allclose(rewards([[1, 0.25], [0, 1]], weights=(0.2, 0.8)), [0.4, 0.8], rtol=1e-6)


def test_parts_and_weights_must_be_as_many():
    with pytest.raises(ValueError, match="must have 2 parts, one a weight, got 3"):
        rewards([[1, 1, 1]], weights=(0.5, 0.5))
