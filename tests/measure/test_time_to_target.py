"""Scores of training algorithms by the time they take."""

import numpy as np
import pytest
from scipy import integrate

from algax import measure


def test_scores_by_hand():
    np.testing.assert_allclose(measure.time_to_target_score(np.ones((3, 4))), 1.0)
    np.testing.assert_allclose(measure.time_to_target_score([[1.0, 1.0], [2.0, 2.0]]), [1.0, 2 / 3])
    np.testing.assert_allclose(measure.time_to_target_score([[1.0, 2.0], [2.0, 1.0]]), [5 / 6, 5 / 6])
    np.testing.assert_allclose(measure.time_to_target_score([[1.0, np.inf], [1e30, 1e30]]), [0.5, 0.0])


def test_the_score_is_the_area_under_the_profile():
    times = np.random.default_rng(0).uniform(1.0, 6.0, (3, 7))
    taus = np.linspace(1.0, 4.0, 30001)
    area = integrate.trapezoid(measure.performance_profile(times, taus), taus, axis=1) / 3.0
    np.testing.assert_allclose(measure.time_to_target_score(times), area, atol=1e-3)


def test_bad_times_are_refused():
    with pytest.raises(ValueError, match="`times` must be"):
        measure.performance_profile([[1.0, 0.0]], [1.0])
    with pytest.raises(ValueError, match="`largest_factor`"):
        measure.time_to_target_score([[1.0]], largest_factor=1.0)
