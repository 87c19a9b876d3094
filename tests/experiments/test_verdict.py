"""Intervals and verdicts against closed forms."""

import math

import pytest

from algax.experiments import verdict

CLAIM = {"metric": "m", "arm": "a", "against": "b", "direction": "higher", "least": 0.1, "at": "final"}


def rows(first, second, start=0.0):
    """Rows of arms a and b: all at `start` at step 0, the given values at step 10."""
    values = [("a", 10, first), ("b", 10, second), ("a", 0, [start] * len(first)), ("b", 0, [start] * len(second))]
    return [{"arm": arm, "seed": seed, "step": step, "m": v} for arm, step, vs in values for seed, v in enumerate(vs)]


def test_interval_closed_form():
    """With two values the t quantile is tan(0.475 pi), the Cauchy distribution's; with three it is 4.302653."""
    mean, low, high = verdict.interval([1.0, 3.0])
    assert (mean, high - mean) == pytest.approx((2.0, math.tan(0.475 * math.pi)))
    assert mean - low == pytest.approx(high - mean)
    mean, low, high = verdict.interval([1.0, 2.0, 3.0])
    assert (mean, high - mean) == pytest.approx((2.0, 4.302653 / math.sqrt(3)))
    assert verdict.interval([5.0]) == (5.0, -math.inf, math.inf)


@pytest.mark.parametrize(
    ("low", "mean", "high", "expected"),
    [
        (0.05, 0.2, 0.4, verdict.REPRODUCED),
        (0.05, 0.1, 0.2, verdict.REPRODUCED),
        (-0.01, 0.2, 0.4, verdict.INCONCLUSIVE),
        (0.01, 0.05, 0.3, verdict.INCONCLUSIVE),
        (0.01, 0.05, 0.09, verdict.NOT_REPRODUCED),
        (-0.4, -0.2, -0.1, verdict.NOT_REPRODUCED),
        (-math.inf, 0.2, math.inf, verdict.INCONCLUSIVE),
        (math.nan, math.nan, math.nan, verdict.INCONCLUSIVE),
    ],
)
def test_decide(low, mean, high, expected):
    assert verdict.decide(low, mean, high, 0.1) == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-0.09, -0.01, verdict.REPRODUCED),
        (0.01, 0.2, verdict.REPRODUCED),
        (-0.11, 0.2, verdict.INCONCLUSIVE),
        (-0.3, -0.11, verdict.NOT_REPRODUCED),
    ],
)
def test_a_negative_least_effect_is_a_margin(low, high, expected):
    assert verdict.decide(low, (low + high) / 2, high, -0.1) == expected


def test_a_wrong_sided_effect_is_not_reproduced_even_with_least_zero():
    assert verdict.decide(-0.4, -0.2, -0.1, 0.0) == verdict.NOT_REPRODUCED
    assert verdict.decide(-0.4, -0.2, 0.1, 0.0) == verdict.INCONCLUSIVE


def test_differences_are_paired_by_seed():
    """Seeds differ by far more than arms: only the paired difference, 0.2 everywhere, is significant."""
    judged = verdict.judge(CLAIM, rows([1.2, 5.2, 9.2], [1.0, 5.0, 9.0]), ["a", "b"])
    assert judged["effect"] == pytest.approx(0.2)
    assert judged["interval"] == pytest.approx([0.2, 0.2])
    assert judged["verdict"] == verdict.REPRODUCED
    assert (judged["value"], judged["against_value"]) == pytest.approx((5.2, 5.0))


def test_direction_and_start():
    lower = {**CLAIM, "direction": "lower", "against": "start"}
    judged = verdict.judge(lower, rows([1.0, 1.1], [9.0, 9.0], start=3.0), ["a", "b"])
    assert judged["effect"] == pytest.approx(1.95)
    judged = verdict.judge({**lower, "direction": "higher"}, rows([1.0, 1.1], [9.0, 9.0], start=3.0), ["a", "b"])
    assert judged["verdict"] == verdict.NOT_REPRODUCED


def test_overall():
    assert verdict.overall([verdict.REPRODUCED] * 2) == verdict.REPRODUCED
    assert verdict.overall([verdict.REPRODUCED, verdict.INCONCLUSIVE]) == verdict.INCONCLUSIVE
    assert verdict.overall([verdict.NOT_REPRODUCED, verdict.INCONCLUSIVE]) == verdict.NOT_REPRODUCED


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"arm": "c"}, "arm must be one of a, b; got 'c'"),
        ({"against": "a"}, "another arm or 'start'; got 'a'"),
        ({"direction": "up"}, "'higher' or 'lower'; got 'up'"),
        ({"least": math.inf}, "finite number; got inf"),
        ({"at": "best"}, "'at' must be 'final'"),
        ({"metric": "n"}, "no metric 'n' for arm 'a' at step 10; known: m"),
        ({"extra": 1}, "exactly the entries"),
    ],
)
def test_wrong_claims(change, message):
    with pytest.raises(ValueError, match=message):
        verdict.judge({**CLAIM, **change}, rows([1.0], [1.0]), ["a", "b"])


def test_a_single_seed_has_no_interval():
    judged = verdict.judge(CLAIM, rows([1.5], [1.0]), ["a", "b"])
    assert judged["verdict"] == verdict.INCONCLUSIVE
    assert verdict.sentence(judged) == "m of a 1.5, of b 1: higher by 0.5 (n/a to n/a; least 0.1)"
