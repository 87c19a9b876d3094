"""Generators of f-divergences: derivatives, conjugates and scores agree with each other."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import preference

CASES = [
    ("reverse_kl", None),
    ("forward_kl", None),
    ("js", None),
    ("alpha", 0.5),
    ("alpha", 2.0),
    ("alpha", -1.0),
    ("pearson_chi2", None),
    ("squared_hellinger", None),
]
U = jnp.array([0.2, 0.7, 1.0, 1.9, 3.0])


@pytest.mark.parametrize(("name", "order"), CASES)
def test_generator_derivative_conjugate_and_score(name, order):
    d = preference.divergence(name, order)
    assert isinstance(d, preference.Divergence)
    np.testing.assert_allclose(d.f(jnp.ones(1)), 0.0, atol=1e-7)
    slopes = d.derivative(U)
    np.testing.assert_allclose(jax.jit(jax.vmap(jax.grad(lambda u: d.f(u))))(U), slopes, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(d.conjugate(slopes), U * slopes - d.f(U), rtol=1e-4, atol=1e-5)
    difference = d.score(jnp.log(U)) - slopes  # the score may differ by a constant
    np.testing.assert_allclose(difference, difference[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(d.phi(jnp.array(0.25)), -d.conjugate(jnp.array(-0.25)))


def test_total_variation():
    d = preference.divergence("total_variation")
    np.testing.assert_allclose(d.f(U), np.abs(np.asarray(U) - 1) / 2, rtol=1e-6)
    t = jnp.array([-0.5, -0.2, 0.0, 0.5])
    np.testing.assert_allclose(d.conjugate(t), t)
    np.testing.assert_allclose(d.conjugate(jnp.array([-0.7, 0.6])), [-0.5, np.inf])
    assert d.score is None


def test_stated_values():
    chi2, hellinger = preference.divergence("pearson_chi2"), preference.divergence("squared_hellinger")
    np.testing.assert_allclose(chi2.conjugate(chi2.derivative(jnp.array(3.0))), 8.0, rtol=1e-6)
    np.testing.assert_allclose(hellinger.phi(jnp.array(1.0)), 0.5, rtol=1e-6)
    np.testing.assert_allclose(preference.divergence("js").score(jnp.array(0.0)), -np.log(2), rtol=1e-6)
    for name in ("total_variation", "pearson_chi2", "squared_hellinger"):
        np.testing.assert_allclose(jax.jit(jax.grad(preference.divergence(name).phi))(0.0), 1.0, rtol=1e-6)


@pytest.mark.parametrize(("order", "name"), [(1.0, "reverse_kl"), (1.0 + 1e-7, "reverse_kl"), (0.0, "forward_kl")])
def test_alpha_has_the_kl_divergences_as_limits(order, name):
    assert preference.divergence("alpha", order).name == name


def test_alpha_near_its_limits_is_close_to_them():
    p, q = np.array([0.2, 0.5, 0.3]), np.array([0.4, 0.4, 0.2])
    for order, expected in ((1.001, (p * np.log(p / q)).sum()), (0.001, (q * np.log(q / p)).sum())):
        f = preference.divergence("alpha", order).f
        np.testing.assert_allclose((q * np.asarray(f(jnp.asarray(p / q, jnp.float32)))).sum(), expected, rtol=2e-2)


def test_scores_stay_finite():
    h = jnp.array([-1e4, 1e4])
    for name, order in CASES:
        score = preference.divergence(name, order).score
        assert np.all(np.isfinite(score(h))) and np.all(np.isfinite(jax.jit(jax.vmap(jax.grad(lambda x, s=score: s(x))))(h)))


@pytest.mark.parametrize("arguments", [("kl",), ("alpha",), ("js", 0.5), ("alpha", float("nan"))])
def test_bad_arguments_are_refused(arguments):
    with pytest.raises(ValueError, match="`(name|order)`"):
        preference.divergence(*arguments)
    with pytest.raises(ValueError, match="`divergence`"):
        preference.divergence_score("total_variation")
