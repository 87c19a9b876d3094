"""Alignment, variety and calibration against NumPy."""

import jax
import numpy as np
import pytest

from algax import measure


def test_equal_and_disjoint_distributions():
    p = np.array([[0.5, 0.5, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0]])
    q = np.array([[0.25, 0.25, 0.0, 0.0], [0.0, 0.0, 0.2, 0.8]])
    close = jax.device_get(jax.jit(measure.distribution_alignment)(p, q))
    assert isinstance(close, measure.DistributionAlignment)
    np.testing.assert_allclose(close.js, [0.0, np.log(2)], atol=1e-4)
    np.testing.assert_allclose(close.kl[0], 0.0, atol=1e-6)
    np.testing.assert_allclose(close.cross_entropy[0], np.log(2), rtol=1e-4)
    np.testing.assert_allclose(close.coverage, [0.5, 1.0])
    assert close.mode_match.tolist() == [True, False]
    with pytest.raises(ValueError, match="`target` and `model`"):
        measure.distribution_alignment(p, q[0])


def test_variety():
    sample_variety = jax.jit(measure.sample_variety)
    same = sample_variety(np.zeros(5, np.int32), np.ones(5))
    assert isinstance(same, measure.SampleVariety)
    assert [float(x) for x in same] == [1.0, pytest.approx(0.2), 1.0, 1.0]
    # An id that comes twice, once not valid; another that is never valid.
    mixed = sample_variety(np.array([7, 7, 8, 9]), np.array([0, 1, 0, 1]))
    assert [float(x) for x in mixed] == [0.5, 0.75, 2.0, pytest.approx(2 / 12)]


def numpy_calibration(right, wrong, bins, threshold):
    values = np.concatenate([right, wrong])
    values = values[values > np.log(threshold)]
    ends = np.percentile(values, np.linspace(0, 100, min(bins, len(values)) + 1))
    rows = []
    for low, high in zip(ends[:-1], ends[1:], strict=True):
        inside = (values >= low - 1e-12) & (values <= high + 1e-12)
        hits = np.sum((right >= low - 1e-12) & (right <= high + 1e-12))
        rows.append((np.exp(values[inside]).mean(), hits / inside.sum()))
    return np.array(rows)


def test_calibration():
    rng = np.random.default_rng(0)
    calibrate = jax.jit(measure.quantile_calibration, static_argnames=("bins", "threshold"))
    for kept in (16, 3):  # the second with fewer outcomes than bins
        right, wrong = np.log(rng.uniform(0.05, 1.0, 10)), np.log(rng.uniform(0.05, 1.0, 6))
        right[kept:], wrong[max(kept - 10, 0) :] = -9.0, -9.0
        found = calibrate(right, wrong, bins=5, threshold=0.01)
        assert isinstance(found, measure.QuantileCalibration)
        expected = numpy_calibration(right, wrong, 5, 0.01)
        used = np.asarray(found.used)
        assert used.sum() == len(expected)
        np.testing.assert_allclose(np.stack([found.confidence, found.accuracy], 1)[used], expected, rtol=1e-5)
        np.testing.assert_allclose(found.error, np.mean(np.abs(expected[:, 0] - expected[:, 1])), rtol=1e-5)
    assert float(jax.jit(measure.quantile_calibration)(np.array([-9.0]), np.array([-9.0])).error) == 0.0
