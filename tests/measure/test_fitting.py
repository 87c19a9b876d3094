"""The shared fit: least squares in closed form, standard errors, robustness, bounds, refusals; the power laws on top of it."""

from typing import NamedTuple

import numpy as np
import pytest

from algax import measure


class Line(NamedTuple):
    """y = intercept + slope x."""

    intercept: float
    slope: float


X = np.linspace(0.5, 3.0, 12)
FREE = {"intercept": (-np.inf, np.inf), "slope": (-np.inf, np.inf)}


def fit_line(y, **options):
    return measure.fit_law(lambda law: law.intercept + law.slope * X, y, [Line(1.0, 1.0)], residual="linear", **options)


def test_a_linear_law_is_ordinary_least_squares_with_its_standard_errors():
    y = 2.0 - 0.7 * X + 0.1 * np.random.default_rng(0).standard_normal(12)
    fit = fit_line(y, bounds=FREE, loss="squared")
    assert isinstance(fit, measure.Fit)
    design = np.stack([np.ones(12), X], axis=1)
    values, squares, *_ = np.linalg.lstsq(design, y, rcond=None)
    errors = np.sqrt(squares[0] / 10 * np.diag(np.linalg.inv(design.T @ design)))
    np.testing.assert_allclose(fit.law, values, rtol=1e-7)
    np.testing.assert_allclose(fit.standard_errors, errors, rtol=1e-5)
    np.testing.assert_allclose(fit.objective, 0.5 * squares[0], rtol=1e-9)


def test_huber_ignores_an_outlier_that_least_squares_follows():
    y = 2.0 + 0.7 * X
    y[3] += 5.0
    robust, plain = fit_line(y, delta=1e-4), fit_line(y, loss="squared")
    np.testing.assert_allclose(robust.law, [2.0, 0.7], atol=1e-3)
    assert abs(plain.law.intercept - 2.0) > 0.3
    # Beyond delta the loss is delta (|r| - delta / 2), here of one residual near 5.
    np.testing.assert_allclose(robust.objective, 1e-4 * 5.0, rtol=1e-2)


def test_standard_errors_say_how_much_a_fit_scatters():
    rng, found, claimed = np.random.default_rng(1), [], []
    for _ in range(60):
        fit = fit_line(1.0 + 2.0 * X + 0.05 * rng.standard_normal(12), delta=0.05)
        found.append(fit.law)
        claimed.append(fit.standard_errors)
    np.testing.assert_allclose(np.std(found, axis=0), np.mean(claimed, axis=0), rtol=0.3)


def test_bounds_hold_and_parameters_are_not_negative_unless_said():
    assert fit_line(1.0 - 0.5 * X).law.slope == pytest.approx(0.0, abs=1e-8)
    fit = fit_line(1.0 + 2.0 * X, bounds={"slope": (0.0, 1.5)})
    assert fit.law.slope == pytest.approx(1.5) and fit.law.slope <= 1.5


def test_as_many_points_as_parameters_have_no_standard_errors_and_fewer_are_refused():
    fit = measure.fit_law(lambda law: law.intercept + law.slope * X[:2], X[:2] * 2.0 + 1.0, [Line(1.0, 1.0)], residual="linear")
    np.testing.assert_allclose(fit.law, [1.0, 2.0], rtol=1e-9)
    assert fit.standard_errors == Line(np.inf, np.inf)
    with pytest.raises(ValueError, match="at least 2 numbers for 2 parameters, got 1"):
        measure.fit_law(lambda law: law.intercept + law.slope * X[:1], X[:1], [Line(1.0, 1.0)])


def test_a_parameter_without_influence_has_an_infinite_standard_error():
    fit = measure.fit_law(lambda law: law.intercept + 0.0 * law.slope * X, np.full(12, 2.0), [Line(1.0, 1.0)])
    assert fit.law.intercept == pytest.approx(2.0) and fit.standard_errors.slope == np.inf


def test_the_kaplan_surface_is_refined_jointly():
    truth = measure.KaplanLaw()
    sizes, steps = np.meshgrid([1e6, 1e7, 6e7], [2e3, 1e4, 1e5])
    losses = truth.after_min_steps(sizes, steps)
    start = truth._replace(size_exponent=0.08, step_exponent=0.7, size_scale=6e13, step_scale=3e3)

    class Four(NamedTuple):
        """The parameters that large batches determine."""

        size_scale: float
        size_exponent: float
        step_scale: float
        step_exponent: float

    fit = measure.fit_law(lambda law: truth._replace(**law._asdict()).after_min_steps(sizes, steps), losses, [Four(*start[:4])])
    np.testing.assert_allclose(fit.law, truth[:4], rtol=1e-6)


def test_power_laws_with_and_without_offset():
    x = np.array([1.0, 2.0, 5.0, 9.0, 20.0])
    fit = measure.fit_power_law(x, 3.0 * x**-0.4)
    np.testing.assert_allclose(fit.law, [3.0, -0.4, 0.0], atol=1e-12)
    np.testing.assert_allclose(fit.standard_errors, 0.0, atol=1e-12)
    assert measure.fit_power_law(x[:2], x[:2]).standard_errors.exponent == np.inf
    for law in (measure.PowerLaw(6.0, -1.0, 3.0), measure.PowerLaw(-2.0, -0.3, 5.0), measure.PowerLaw(0.5, 1.4, -1.0)):
        np.testing.assert_allclose(measure.fit_power_law_offset(1e3 * x, law.at(x)).law.offset, law.offset, rtol=1e-7)
        np.testing.assert_allclose(measure.fit_power_law_offset(x, law.at(x)).law, law, rtol=1e-7)


def test_the_regression_of_logs_has_the_textbook_standard_errors():
    x = np.array([1.0, 2.0, 5.0, 9.0, 20.0])
    y = 3.0 * x**-0.4 * np.exp(0.1 * np.random.default_rng(2).standard_normal(5))
    fit = measure.fit_power_law(x, y)
    design = np.stack([np.ones(5), np.log(x)], axis=1)
    values, squares, *_ = np.linalg.lstsq(design, np.log(y), rcond=None)
    errors = np.sqrt(squares[0] / 3 * np.diag(np.linalg.inv(design.T @ design)))
    np.testing.assert_allclose(fit.law[:2], [np.exp(values[0]), values[1]], rtol=1e-9)
    np.testing.assert_allclose(fit.standard_errors[:2], [np.exp(values[0]) * errors[0], errors[1]], rtol=1e-9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"residual": "square"}, "`residual` must be one of"),
        ({"loss": "l1"}, "`loss` must be one of"),
        ({"delta": 0.0}, "`delta` must be > 0"),
        ({"starts": []}, "`starts` must hold at least one law"),
        ({"starts": [Line(-1.0, 1.0)]}, "`starts` must lie between"),
        ({"bounds": {"offset": (0.0, 1.0)}}, "`bounds` must name parameters among"),
        ({"bounds": {"slope": (1.0, 1.0)}}, "`bounds` must have low < high"),
        ({"observed": -X}, "`observed` must be finite and positive"),
        ({"observed": X * np.nan, "residual": "linear"}, "`observed` must be finite"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    arguments = {"observed": X, "starts": [Line(1.0, 1.0)], **options}
    with pytest.raises(ValueError, match=message):
        measure.fit_law(lambda law: law.intercept + law.slope * X, **arguments)


def test_bad_points_are_refused():
    with pytest.raises(ValueError, match="N >= 3"):
        measure.fit_power_law_offset([1.0, 2.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="`x` must be positive and not all equal"):
        measure.fit_power_law_offset([0.0, 1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="must be positive"):
        measure.fit_power_law([1.0, 2.0], [1.0, -1.0])
