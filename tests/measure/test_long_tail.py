"""Head and tail by hand."""

import jax.numpy as jnp
import pytest

from algax import measure


def test_means():
    result = measure.long_tail(jnp.array([1.0, 0.0, 0.5, 0.25]), jnp.array([0, 0, 1, 2]), jnp.array([95, 4, 1]))
    assert isinstance(result, measure.LongTail)
    assert result.is_tail.tolist() == [False, True, True]
    assert (float(result.head), float(result.tail)) == (0.5, 0.375)
    with pytest.raises(ValueError, match="`tail_share`"):
        measure.long_tail(jnp.ones(1), jnp.zeros(1, jnp.int32), jnp.ones(1), tail_share=0.0)
