"""Forget and replacement losses: stated values, limits and float64 oracles."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algax import unlearn

MASK = np.array([[1, 1, 0], [1, 1, 1], [0, 0, 0]], bool)
LOG_PROBS = np.array([[-0.5, -2.0, np.nan], [-1.0, -0.1, -3.0], [np.nan] * 3], np.float32)
REFERENCE = np.array([[-0.7, -1.0, np.nan], [-1.5, -0.2, -1.0], [np.nan] * 3], np.float32)


def loss_of(loss, fields):
    return np.asarray(jax.jit(loss)(fields))


def terms(log_probs=LOG_PROBS, mask=MASK, reference=REFERENCE):
    return unlearn.Terms(forget_log_probs=log_probs, forget_mask=mask, ref_forget_log_probs=reference)


def sequences(ratios):
    """Terms of one-token sequences with these log-ratios to the reference."""
    ratios = ratios if isinstance(ratios, jax.Array) else np.asarray(ratios, np.float32)
    return unlearn.Terms(forget_log_probs=ratios[:, None], ref_forget_log_probs=np.zeros([len(ratios), 1], np.float32))


def value_and_grad(loss, **fields):
    return jax.jit(jax.value_and_grad(lambda x: loss(terms(x, **fields))))(jnp.asarray(fields.pop("log_probs", LOG_PROBS)))


def test_gradient_ascent_is_minus_the_token_mean():
    value, gradient = value_and_grad(unlearn.gradient_ascent(coefficient=2.0))
    np.testing.assert_allclose(value, 2 * LOG_PROBS[MASK].astype(np.float64).mean(), rtol=1e-6)
    np.testing.assert_allclose(gradient, np.where(MASK, 2 / 5, 0.0), rtol=1e-6)


def test_gradient_ascent_on_uniform_logits():
    vocabulary = 7
    fields = {"inputs": {"forget": np.zeros((2, 3, vocabulary), np.float32)}, "forget_tokens": np.ones((2, 3), np.int32)}
    forward, loss = unlearn.forward(lambda params, inputs: inputs), unlearn.gradient_ascent()
    value = jax.jit(lambda terms: loss(forward(None, terms)))(unlearn.Terms(**fields))
    np.testing.assert_allclose(value, -np.log(vocabulary), rtol=1e-6)


def test_npo_at_the_reference_has_the_gradient_of_ascent_on_sequences():
    value, gradient = jax.jit(jax.value_and_grad(lambda x: unlearn.npo(beta=0.1)(terms(x))))(jnp.asarray(REFERENCE))
    np.testing.assert_allclose(value, 13.862944, rtol=1e-6)
    np.testing.assert_allclose(gradient, np.where(MASK, 1 / 2, 0.0), rtol=1e-5)  # two rows with tokens


def test_npo_stated_values():
    ratios = -np.array([0.0, 5.0, -5.0])
    value, weights = jax.jit(lambda r: (unlearn.npo(beta=0.1)(sequences(r)), unlearn.npo_weights(r, 0.1)))(ratios)
    np.testing.assert_allclose(value, 14.27534, rtol=1e-6)
    np.testing.assert_allclose(weights, [1, 0.755081, 1.244919], rtol=1e-5)


def test_npo_gradient_is_weighted_ascent():
    ratios = np.array([0.3, -4.0, 7.0], np.float32)

    def npo(ratios):
        result, _ = unlearn.npo(beta=0.5).update(sequences(ratios), ())
        return result.loss, (result.metrics["npo_weight"].value, unlearn.npo_weights(ratios, 0.5))

    gradient, (weight, weights) = jax.jit(jax.grad(npo, has_aux=True))(ratios)
    np.testing.assert_allclose(gradient, np.asarray(weights) / 3, rtol=1e-5)
    np.testing.assert_allclose(
        weight, np.mean(2 / (1 + np.exp(-0.5 * np.array(ratios)))), rtol=1e-5
    )


npo_of_ratios = jax.jit(jax.value_and_grad(lambda ratios: unlearn.npo()(sequences(ratios))))


@settings(deadline=None, max_examples=20)
@given(st.lists(st.floats(-30, 30, width=32), min_size=3, max_size=3))
def test_npo_is_positive_with_bounded_slopes(ratios):
    value, gradient = npo_of_ratios(np.array(ratios, np.float32))
    assert value > 0
    assert np.all((np.asarray(gradient) > 0) & (np.asarray(gradient) < 2 / 3))


def test_npo_limits():
    ratios = np.array([0.4, -1.0, 2.0])
    for beta in (1e-2, 1e-3):  # the error halves with beta: sequence-sum ascent in the limit
        excess = loss_of(unlearn.npo(beta=beta), sequences(ratios)) - 2 / beta * np.log(2)
        assert abs(excess - ratios.mean()) < beta
    steep = unlearn.npo(beta=1e4)
    np.testing.assert_allclose(loss_of(steep, sequences([-0.5])), 0.0, atol=1e-6)
    np.testing.assert_allclose(loss_of(steep, sequences([0.5])), 2 * 0.5, rtol=1e-5)


def test_simnpo_stated_value_and_length_invariance():
    log_probs = np.array([[-0.5, -1.5]], np.float32)
    loss = unlearn.simnpo(beta=2.0)
    short = loss_of(loss, unlearn.Terms(forget_log_probs=log_probs))
    long = loss_of(loss, unlearn.Terms(forget_log_probs=np.tile(log_probs, (1, 2))))
    np.testing.assert_allclose([short, long], 0.126928, rtol=1e-5)
    actual, expected = (loss_of(f, sequences([-1.0])) for f in (loss, unlearn.npo(beta=2.0)))
    np.testing.assert_allclose(actual, expected, rtol=1e-6)


def test_simnpo_gradient_weight_and_margin():
    beta, margin = 1.5, 0.4
    _, gradient = value_and_grad(unlearn.simnpo(beta=beta, margin=margin))
    counts = MASK.sum(1)
    means = np.array([2.5 / 2, 4.1 / 3, 0.0])
    weights = 2 / (2 * np.maximum(counts, 1)) / (1 + np.exp(beta * (means - margin)))
    np.testing.assert_allclose(gradient, np.where(MASK, weights[:, None], 0.0), rtol=1e-5)


@pytest.mark.parametrize(
    ("loss", "weight"),
    [
        (unlearn.weighted_gradient_ascent(beta=0.7), lambda p: p**0.7),
        (unlearn.satimp(saturation=2.0, importance=0.5), lambda p: p**2 * (1 - p) ** 0.5),
        (unlearn.weighted_gradient_ascent(beta=0.0), lambda p: 1.0),
        (unlearn.satimp(saturation=0.0, importance=0.0), lambda p: 1.0),
    ],
)
def test_reweighted_ascent_stops_the_gradient_of_its_weights(loss, weight):
    value, gradient = value_and_grad(loss)
    log_probs = np.where(MASK, LOG_PROBS, -1.0).astype(np.float64)
    weights = np.where(MASK, weight(np.exp(log_probs)), 0.0)
    np.testing.assert_allclose(value, (weights * log_probs).sum() / 5, rtol=1e-5)
    np.testing.assert_allclose(gradient, weights / 5, rtol=1e-5, atol=1e-8)


def idk_terms(idk, forget):
    idk, forget = (np.asarray(x, np.float32)[:, None] for x in (idk, forget))
    zeros = np.zeros_like(idk)
    return unlearn.Terms(idk_log_probs=idk, ref_idk_log_probs=zeros, forget_log_probs=forget, ref_forget_log_probs=zeros)


def test_idk_dpo_at_the_reference_and_without_a_winner():
    np.testing.assert_allclose(loss_of(unlearn.idk_dpo(beta=0.1), idk_terms([0, 0], [0, 0])), 13.862944, rtol=1e-6)
    losers = [0.7, -2.0]
    actual = loss_of(unlearn.idk_dpo(beta=0.3), idk_terms([0, 0], losers))
    np.testing.assert_allclose(actual, loss_of(unlearn.npo(beta=0.3), sequences(losers)), rtol=1e-6)


def test_idk_dpo_depends_on_the_difference_alone():
    loss = unlearn.idk_dpo(beta=0.5)
    margin = np.array([1.3, -0.4])
    expected = 2 / 0.5 * np.log1p(np.exp(-0.5 * margin)).mean()
    np.testing.assert_allclose(loss_of(loss, idk_terms(margin + 2, [2.0, 2.0])), expected, rtol=1e-6)
    swapped = 2 / 0.5 * np.log1p(np.exp(0.5 * margin)).mean()
    np.testing.assert_allclose(loss_of(loss, idk_terms([2.0, 2.0], margin + 2)), swapped, rtol=1e-6)


def test_idk_sft_is_one_mean_over_both_kinds_of_tokens():
    idk, retain = np.array([[-1.0, -9.0]], np.float32), np.array([[-2.0, -3.0, -4.0]], np.float32)
    fields = unlearn.Terms(idk_log_probs=idk, idk_mask=np.array([[True, False]]), retain_log_probs=retain)
    np.testing.assert_allclose(loss_of(unlearn.idk_sft(), fields), (1 + 2 + 3 + 4) / 4, rtol=1e-6)


def test_gradient_difference_vanishes_on_equal_batches_and_has_its_limits():
    def loss(x, **weights):
        both = terms(x).replace(retain_log_probs=x, retain_mask=MASK)
        return unlearn.gradient_difference(**weights)(both)

    value, gradient = jax.jit(jax.value_and_grad(loss))(LOG_PROBS)
    assert value == 0 and np.all(np.asarray(gradient) == 0)
    ends = jax.jit(lambda x: (loss(x, alpha=0.0), unlearn.gradient_ascent()(terms(x)), loss(x, gamma=0.0)))
    ascent, expected, retention = ends(LOG_PROBS)
    np.testing.assert_allclose(ascent, expected, rtol=1e-6)
    np.testing.assert_allclose(retention, -LOG_PROBS[MASK].astype(np.float64).mean(), rtol=1e-6)


def test_presets_are_sums_of_their_parts():
    both = terms().replace(retain_log_probs=np.array([[-0.3, -0.6]], np.float32))
    expected = 0.5 * loss_of(unlearn.npo(beta=0.2), terms()) + 2.0 * 0.45
    np.testing.assert_allclose(loss_of(unlearn.npo_retain(beta=0.2, gamma=0.5, alpha=2.0), both), expected, rtol=1e-6)


def test_a_schedule_as_coefficient_is_read_at_the_step():
    loss = unlearn.gradient_ascent(coefficient=lambda step: 0.5 * step)
    expected = 2 * loss_of(unlearn.gradient_ascent(), terms())
    np.testing.assert_allclose(loss_of(loss, terms().replace(step=jnp.array(4))), expected, rtol=1e-6)
