"""Verdicts: does the method's effect over its baseline come out as the paper claims?

Every claim compares an arm with another arm, or with its own start, seed by seed. With `d_i` the difference of seed i
in the claimed direction, the effect is `mean(d)` and its 95 % interval is `mean(d) -+ t_{0.975, n-1} sd(d) / sqrt(n)`.
A negative least effect claims equality: that the arm is no worse than the other by more than this margin.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

REPRODUCED, NOT_REPRODUCED, INCONCLUSIVE = "reproduced", "not reproduced", "inconclusive"
START = "start"
FIELDS = ("metric", "arm", "against", "direction", "least", "at")


def interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float, float]:
    """Mean and two-sided t interval of independent values.

    Returns:
        (mean, low, high); the interval is infinite for fewer than two values.
    """
    array = np.asarray(values, np.float64)
    mean = float(array.mean())
    if len(array) < 2:
        return mean, -math.inf, math.inf
    half = float(stats.t.ppf(0.5 + confidence / 2, len(array) - 1) * array.std(ddof=1) / math.sqrt(len(array)))
    return mean, mean - half, mean + half


def check_claim(claim: Mapping[str, Any], arms: Sequence[str]) -> None:
    """Raises ValueError where a claim is malformed."""
    if sorted(claim) != sorted(FIELDS):
        raise ValueError(f"a claim has exactly the entries {', '.join(FIELDS)}; got {', '.join(claim)}")
    if claim["arm"] not in arms:
        raise ValueError(f"a claim's arm must be one of {', '.join(arms)}; got {claim['arm']!r}")
    if claim["against"] not in (*arms, START) or claim["against"] == claim["arm"]:
        raise ValueError(f"a claim's 'against' must be another arm or {START!r}; got {claim['against']!r}")
    if claim["direction"] not in ("higher", "lower"):
        raise ValueError(f"a claim's direction must be 'higher' or 'lower'; got {claim['direction']!r}")
    if not math.isfinite(claim["least"]):
        raise ValueError(f"a claim's least effect must be a finite number; got {claim['least']!r}")
    if claim["at"] != "final":
        raise ValueError(f"a claim's 'at' must be 'final'; got {claim['at']!r}")


def decide(low: float, mean: float, high: float, least: float) -> str:
    """The verdict on an effect with interval [low, high], positive in the claimed direction.

    Reproduced: mean >= least and low > 0; with least < 0, low >= least. Not reproduced: high < least or, with least >= 0,
    high < 0. Inconclusive otherwise, and wherever a figure is not finite.
    """
    if not all(map(math.isfinite, (low, mean, high))):
        return INCONCLUSIVE
    if least < 0:
        return REPRODUCED if low >= least else NOT_REPRODUCED if high < least else INCONCLUSIVE
    if mean >= least and low > 0:
        return REPRODUCED
    return NOT_REPRODUCED if high < least or high < 0 else INCONCLUSIVE


def _values(rows: Sequence[Mapping], arm: str, metric: str, step: int) -> dict[int, float]:
    """Per seed, one metric of one arm at one step."""
    found = {row["seed"]: row[metric] for row in rows if (row["arm"], row["step"]) == (arm, step) and metric in row}
    if not found:
        names = sorted({name for row in rows for name in row} - {"arm", "seed", "step"})
        raise ValueError(f"no metric {metric!r} for arm {arm!r} at step {step}; known: {', '.join(names)}")
    return found


def judge(claim: Mapping[str, Any], rows: Sequence[Mapping], arms: Sequence[str]) -> dict[str, Any]:
    """The claim with its effect, interval, the per-seed means and the verdict.

    Args:
        claim: entries `metric`, `arm`, `against`, `direction`, `least`, `at`.
        rows: records with `arm`, `seed`, `step` and metrics.
        arms: names of the arms.

    Raises:
        ValueError: for a malformed claim or an unknown metric.
    """
    check_claim(claim, arms)
    steps = [row["step"] for row in rows]
    against = claim["arm"] if claim["against"] == START else claim["against"]
    at = min(steps) if claim["against"] == START else max(steps)
    values = _values(rows, claim["arm"], claim["metric"], max(steps))
    others = _values(rows, against, claim["metric"], at)
    sign = 1.0 if claim["direction"] == "higher" else -1.0
    mean, low, high = interval([sign * (values[seed] - others[seed]) for seed in sorted(values)])
    return {
        **claim,
        "value": float(np.mean(list(values.values()))),
        "against_value": float(np.mean(list(others.values()))),
        "effect": mean,
        "interval": [low, high],
        "verdict": decide(low, mean, high, claim["least"]),
    }


def overall(verdicts: Sequence[str]) -> str:
    """One verdict of several: reproduced if all are, not reproduced if any is not, inconclusive otherwise."""
    if NOT_REPRODUCED in verdicts:
        return NOT_REPRODUCED
    return REPRODUCED if verdicts and set(verdicts) == {REPRODUCED} else INCONCLUSIVE


def number(value: float | None) -> str:
    """Three digits; 0 for rounding errors, `n/a` for what is not finite."""
    if value is None or not math.isfinite(value):
        return "n/a"
    return "0" if abs(value) < 1e-6 else f"{value:.3g}"


def sentence(claim: Mapping[str, Any]) -> str:
    """A judged claim's figures in one line, without the verdict."""
    against = "its start" if claim["against"] == START else claim["against"]
    value, other, effect = (number(claim[name]) for name in ("value", "against_value", "effect"))
    low, high = map(number, claim["interval"])
    return (
        f"{claim['metric']} of {claim['arm']} {value}, of {against} {other}: {claim['direction']} by {effect} "
        f"({low} to {high}; least {number(claim['least'])})"
    )
