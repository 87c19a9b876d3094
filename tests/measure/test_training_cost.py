"""Cost of a run in stages."""

import numpy as np
import pytest

from algax import measure


def test_the_published_schedule_costs_about_a_quarter():
    cost = measure.training_cost([16e9, 51e9, 101e9], [245.4e9, 39.6e9, 26.5e9])
    assert isinstance(cost, measure.TrainingCost)
    np.testing.assert_allclose(cost.operations, 6 * (16 * 245.4 + 51 * 39.6 + 101 * 26.5) * 1e18)
    np.testing.assert_allclose(cost.share, 0.274, atol=5e-4)
    assert measure.training_cost([2.0], [3.0]) == (36.0, 1.0)


def test_bad_stages_are_refused():
    with pytest.raises(ValueError, match="`sizes` and `tokens`"):
        measure.training_cost([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="`sizes` and `tokens`"):
        measure.training_cost([1.0, 0.0], [1.0, 1.0])
