"""Learning-curve traces: exact curves, levels, layers of convergence, stopping."""

import functools

import numpy as np
import pytest

from algax import measure

SIZES = 500.0 * np.arange(1, 13)


def smooth(sizes):
    """Accuracy that is no power law: each fit's asymptote is a little lower than the one before."""
    return 97.0 - 40.0 * (sizes / 500.0) ** -1.0 * np.exp(-sizes / 20000.0)


@functools.cache
def smooth_trace():
    return measure.learning_trace(SIZES, smooth(SIZES))


def test_an_exact_curve_gives_the_same_law_at_every_level():
    truth = measure.PowerLaw(-200.0, -0.45, 97.0)
    trace = measure.learning_trace(SIZES, truth.at(SIZES))
    np.testing.assert_allclose(trace.laws, np.tile(truth, (10, 1)), rtol=1e-6)
    assert isinstance(trace, measure.LearningTrace) and trace.sizes[0] == SIZES[2]
    np.testing.assert_array_equal(measure.convergence_layer(trace), [np.inf] + [0.0] * 9)
    assert measure.prediction_level(trace.asymptotes) == 0
    assert measure.stopping_level(trace, tolerance=0.0) == 1
    assert np.isinf(trace.standard_errors[0].offset) and trace.standard_errors[-1].offset < 1e-6


def test_the_prediction_level():
    assert measure.prediction_level([99.0, 98.5, 98.6, 98.2, 98.1]) == 2
    assert measure.prediction_level([104.0, 102.0, 99.0, 98.0]) == 2  # impossible asymptotes are not accepted
    assert measure.prediction_level([98.0, 101.0]) is None
    assert measure.prediction_level([98.0, 101.0], ceiling=110.0) == 1


def test_units_of_size_change_the_scale_alone():
    law = smooth_trace().laws[-1]
    other = measure.learning_trace(SIZES / 100.0, smooth(SIZES)).laws[-1]
    np.testing.assert_allclose(other[1:], law[1:], rtol=1e-6)
    np.testing.assert_allclose(other.scale, law.scale * 100.0**law.exponent, rtol=1e-6)


def test_layers_shrink_on_a_smooth_trace_and_bound_what_is_left():
    trace = smooth_trace()
    assert np.all(np.diff(trace.asymptotes) < 0)
    layers = measure.convergence_layer(trace)
    assert np.isinf(layers[0]) and np.all(np.diff(layers[1:]) < 0) and np.all(layers[1:] > 0)
    for before, law, size, layer in zip(trace.laws[:-1], trace.laws[1:], trace.sizes[1:], layers[1:], strict=True):
        # The curves meet where the law stands `layer` below its asymptote, and not again up to the last observation.
        meeting = (-layer / law.scale) ** (1.0 / law.exponent)
        np.testing.assert_allclose(before.at(meeting), law.at(meeting), rtol=1e-9)
        beyond = np.linspace(meeting, size, 50)[1:-1]
        assert meeting <= size and np.ptp(np.sign(before.at(beyond) - law.at(beyond))) == 0
    assert measure.stopping_level(trace, tolerance=np.inf) == measure.prediction_level(trace.asymptotes) == 0
    last = measure.stopping_level(trace, tolerance=float(layers[5]))
    assert last == 5 and measure.stopping_level(trace, tolerance=0.0) is None


def test_an_anchor_holds_the_asymptote_against_an_outlier():
    accuracies = smooth(SIZES)
    accuracies[8] += 1.0
    plain, anchored = (measure.learning_trace(SIZES, accuracies, anchor=a).asymptotes for a in (None, np.inf))
    assert abs(anchored[6] - anchored[5]) < 0.6 * abs(plain[6] - plain[5])
    assert anchored[0] == plain[0]


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="N >= 3"):
        measure.learning_trace(SIZES[:2], SIZES[:2])
    with pytest.raises(ValueError, match="`start`"):
        measure.learning_trace(SIZES, SIZES, start=2)
    with pytest.raises(ValueError, match="`sizes` must be positive and rise"):
        measure.learning_trace(SIZES[::-1], SIZES)
    with pytest.raises(ValueError, match="`anchor` must be beyond"):
        measure.learning_trace(SIZES, SIZES, anchor=6000.0)
    with pytest.raises(ValueError, match="`asymptotes`"):
        measure.prediction_level([])
    with pytest.raises(ValueError, match="`tolerance` must be >= 0"):
        measure.stopping_level(smooth_trace(), tolerance=-1.0)
