"""Generators of f-divergences: D_f(p, q) = E_q[f(p / q)] with f convex and f(1) = 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import xlogy

from ..core import checks

Array = jax.Array
Elementwise = Callable[[Array], Array]

# Exponents are clipped here from above, so that float32 stays finite.
LARGEST_EXPONENT = 80.0


class Divergence(NamedTuple):
    """An f-divergence, as elementwise functions.

    Attributes:
      name: its name.
      f: the generator, of the ratio u = p / q >= 0.
      derivative: f'(u), for u > 0.
      conjugate: f*(t) = sup_u (u t - f(u)), for t in the closure of the range of f'.
      score: f'(exp h) up to a constant, of the log-ratio h; None where it is piecewise constant.
    """

    name: str
    f: Elementwise
    derivative: Elementwise
    conjugate: Elementwise
    score: Elementwise | None

    def phi(self, x: Array) -> Array:
        """-f*(-x), the link of the imitation view."""
        return -self.conjugate(-x)


def divergence(name: str, order: float | None = None) -> Divergence:
    """Looks a divergence up.

    ====================  =====================================  =====================
    name                  f(u)                                   score(h)
    ====================  =====================================  =====================
    `reverse_kl`          u log u                                h
    `forward_kl`          -log u                                 -exp(-h)
    `js`                  u log u - (u + 1) log((u + 1) / 2)     log sigma(h)
    `alpha` (order a)     (u^a - a u - (1 - a)) / (a (a - 1))    exp((a - 1) h) / (a - 1)
    `pearson_chi2`        (u - 1)^2                              2 exp(h)
    `squared_hellinger`   (sqrt(u) - 1)^2                        -exp(-h / 2)
    `total_variation`     abs(u - 1) / 2                         none
    ====================  =====================================  =====================

    Args:
      name: one of these.
      order: a, any real number, for `alpha` only; within 1e-6 of 1 it is `reverse_kl`, of 0 `forward_kl` (whose
        generators differ from the limit by a multiple of u - 1, which no divergence sees).

    Returns:
      A `Divergence`.

    Raises:
      ValueError: an unknown name, or `order` missing or out of place.

    Wang, Jiang, Yang, Liu, Chen, "Beyond Reverse KL: Generalizing Direct Preference Optimization with Diverse Divergence
    Constraints", 2023, arXiv 2309.16240. Some released code calls 1 - a the order.
    """
    checks.option("name", name, NAMES)
    if (name == "alpha") != (order is not None):
        raise ValueError(f'`order` must be given with "alpha" and only then, got {order!r} with {name!r}')
    if order is None:
        return _SIMPLE[name]
    checks.real("order", order)
    if abs(order - 1.0) < 1e-6:
        return _SIMPLE["reverse_kl"]
    return _SIMPLE["forward_kl"] if abs(order) < 1e-6 else _alpha(order)


def _exp(x: Array) -> Array:
    return jnp.exp(jnp.minimum(x, LARGEST_EXPONENT))


def _alpha(a: float) -> Divergence:
    def base(t: Array) -> Array:
        return jnp.maximum(1.0 + (a - 1.0) * t, 0.0)

    return Divergence(
        "alpha",
        f=lambda u: (u**a - a * u - (1.0 - a)) / (a * (a - 1.0)),
        derivative=lambda u: (u ** (a - 1.0) - 1.0) / (a - 1.0),
        conjugate=lambda t: (base(t) ** (a / (a - 1.0)) - 1.0) / a,
        score=lambda h: _exp((a - 1.0) * h) / (a - 1.0),
    )


def _total_variation_conjugate(t: Array) -> Array:
    return jnp.where(t > 0.5, jnp.inf, jnp.maximum(t, -0.5))


def _js_conjugate(t: Array) -> Array:
    return -jnp.log(2.0 - jnp.exp(t))


_SIMPLE = {
    "reverse_kl": Divergence(
        "reverse_kl",
        f=lambda u: xlogy(u, u),
        derivative=lambda u: jnp.log(u) + 1.0,
        conjugate=lambda t: jnp.exp(t - 1.0),
        score=lambda h: h,
    ),
    "forward_kl": Divergence(
        "forward_kl",
        f=lambda u: -jnp.log(u),
        derivative=lambda u: -1.0 / u,
        conjugate=lambda t: -1.0 - jnp.log(-t),
        score=lambda h: -_exp(-h),
    ),
    "js": Divergence(
        "js",
        f=lambda u: xlogy(u, u) - (u + 1.0) * jnp.log((u + 1.0) / 2.0),
        derivative=lambda u: jnp.log(2.0 * u / (1.0 + u)),
        conjugate=_js_conjugate,
        score=jax.nn.log_sigmoid,
    ),
    "pearson_chi2": Divergence(
        "pearson_chi2",
        f=lambda u: jnp.square(u - 1.0),
        derivative=lambda u: 2.0 * (u - 1.0),
        conjugate=lambda t: jnp.where(t >= -2.0, t + jnp.square(t) / 4.0, -1.0),
        score=lambda h: 2.0 * _exp(h),
    ),
    "squared_hellinger": Divergence(
        "squared_hellinger",
        f=lambda u: jnp.square(jnp.sqrt(u) - 1.0),
        derivative=lambda u: 1.0 - 1.0 / jnp.sqrt(u),
        conjugate=lambda t: t / (1.0 - t),
        score=lambda h: -_exp(-h / 2.0),
    ),
    "total_variation": Divergence(
        "total_variation",
        f=lambda u: jnp.abs(u - 1.0) / 2.0,
        derivative=lambda u: jnp.sign(u - 1.0) / 2.0,
        conjugate=_total_variation_conjugate,
        score=None,
    ),
}
NAMES = (*_SIMPLE, "alpha")
