"""Semantic error rates by hand."""

import jax.numpy as jnp
import pytest

from algax import measure

REFERENCE = measure.Parse(jnp.array([4]), jnp.array([[7, 8, 9, -1]]))


@pytest.mark.parametrize(
    ("intent", "slots", "errors"),
    [
        (4, [7, 8, 9, -1], 0),
        (5, [7, 8, 9, -1], 1),
        (4, [7, -1, 9, -1], 1),
        (4, [7, 8, 9, 2], 1),
        (5, [6, -1, 9, 2], 4),
    ],
)
def test_one_utterance(intent, slots, errors):
    rate = measure.semantic_error_rate(REFERENCE, measure.Parse(jnp.array([intent]), jnp.array([slots])))
    assert float(rate) == errors / 4


def test_utterances_count_together():
    reference = measure.Parse(jnp.array([1, 2]), jnp.array([[3, -1], [3, 4]]))
    rate = measure.semantic_error_rate(reference, measure.Parse(jnp.array([1, 1]), jnp.array([[3, -1], [3, 4]])))
    assert float(rate) == pytest.approx(1 / 5)
    with pytest.raises(ValueError, match="`reference`"):
        measure.semantic_error_rate(reference, REFERENCE)
