"""The stability gap by hand."""

import jax
import numpy as np
import pytest

from algax import measure

stability_gap = jax.jit(measure.stability_gap)


@pytest.mark.parametrize(
    "curve, expected",
    [
        ([0.5, 0.4, 0.45, 0.55], (0.1, 1, 3, 0.15)),
        ([0.2, 0.3, 0.4], (0.0, 0, 0, 0.0)),
        ([0.5, 0.5, 0.5], (0.0, 0, 0, 0.0)),
        ([0.5, 0.3, 0.3, 0.4], (0.2, 1, -1, 0.5)),
        ([0.7], (0.0, 0, 0, 0.0)),
    ],
)
def test_stability_gap(curve, expected):
    gap = stability_gap(np.array(curve, np.float32))
    assert isinstance(gap, measure.StabilityGap)
    np.testing.assert_allclose(gap, expected, atol=1e-6)


def test_wrong_shape():
    with pytest.raises(ValueError, match="`curve` must"):
        measure.stability_gap(np.zeros((2, 2)))
