"""KTO, on labelled responses and on pairs, against float64 NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import preference

H = np.array([1.2, -0.7, 3.0, -2.0])
LABELS = np.array([True, False, True, False])
KL = np.array([0.4, 1.1, -0.3])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def terms(h=H, kl=KL, labels=LABELS, **fields):
    h, kl = jnp.asarray(h, jnp.float32), jnp.asarray(kl, jnp.float32)
    return preference.Terms(
        log_probs=h - 5.0,
        ref_log_probs=jnp.full_like(h, -5.0),
        labels=jnp.asarray(labels),
        kl_log_probs=kl - 5.0,
        ref_kl_log_probs=jnp.full_like(kl, -5.0),
        **fields,
    )


def expected(h, point, beta, desirable, undesirable, labels=LABELS):
    good = desirable * (1 - sigmoid(beta * (h - point)))
    bad = undesirable * (1 - sigmoid(beta * (point - h)))
    return np.where(labels, good, bad).mean()


def test_kto_equals_its_formula():
    loss = preference.kto(beta=0.3, desirable=0.8, undesirable=1.33)
    np.testing.assert_allclose(loss(terms()), expected(H, KL.mean(), 0.3, 0.8, 1.33), rtol=1e-5)
    np.testing.assert_allclose(loss(terms(kl=KL - 5)), expected(H, 0.0, 0.3, 0.8, 1.33), rtol=1e-5)


def test_kto_at_the_reference_is_one_half():
    np.testing.assert_allclose(preference.kto()(terms(h=np.zeros(4), kl=np.zeros(3))), 0.5, rtol=1e-6)


def test_no_gradient_flows_through_the_reference_point():
    batch = terms()

    def loss(log_probs, kl_log_probs):
        return preference.kto(beta=0.3)(batch.replace(log_probs=log_probs, kl_log_probs=kl_log_probs))

    own, through = jax.jit(jax.grad(loss, argnums=(0, 1)))(batch.log_probs, batch.kl_log_probs)
    slopes = sigmoid(0.3 * (H - KL.mean())) * sigmoid(-0.3 * (H - KL.mean()))
    np.testing.assert_allclose(own, 0.3 / 4 * np.where(LABELS, -slopes, slopes), rtol=1e-5)
    np.testing.assert_array_equal(through, 0.0)


def test_masked_responses_change_nothing():
    padded = terms(
        h=np.append(H, np.nan),
        kl=np.append(KL, np.inf),
        labels=np.append(LABELS, True),
        unpaired_mask=jnp.array([1, 1, 1, 1, 0]),
        kl_mask=jnp.array([1, 1, 1, 0]),
    )
    loss = preference.kto(beta=0.3)
    value, gradient = jax.jit(jax.value_and_grad(lambda x: loss(padded.replace(log_probs=x))))(padded.log_probs)
    np.testing.assert_allclose(value, loss(terms()), rtol=1e-6)
    assert np.all(np.isfinite(gradient)) and gradient[-1] == 0


def paired(chosen, rejected, beta):
    points = np.maximum([chosen.mean(), rejected.mean()], 0.0)
    good = 1 - sigmoid(beta * (chosen - points[1]))
    bad = 1 - sigmoid(beta * (points[0] - rejected))
    return (good.mean() + bad.mean()) / 2


@pytest.mark.parametrize("shift", [0.0, -5.0])  # with positive and with clipped reference points
def test_paired_kto_and_the_gradient_through_its_reference_points(shift):
    rng = np.random.default_rng(0)
    chosen, rejected = rng.normal(1.0, 1.0, 4) + shift, rng.normal(0.5, 1.0, 4) + shift

    def loss(chosen, rejected):
        zeros = jnp.zeros_like(chosen)
        batch = preference.Terms(chosen_log_probs=chosen, rejected_log_probs=rejected)
        return preference.paired_kto(beta=0.4)(batch.replace(ref_chosen_log_probs=zeros, ref_rejected_log_probs=zeros))

    arrays = [jnp.asarray(x, jnp.float32) for x in (chosen, rejected)]
    value, gradient = jax.jit(jax.value_and_grad(loss, argnums=(0, 1)))(*arrays)
    np.testing.assert_allclose(value, paired(chosen, rejected, 0.4), rtol=1e-5)
    for side in (0, 1):
        for i in range(4):
            step = np.zeros((2, 4))
            step[side, i] = 1e-5
            up, down = paired(*(np.stack([chosen, rejected]) + step), 0.4), paired(*(np.stack([chosen, rejected]) - step), 0.4)
            np.testing.assert_allclose(gradient[side][i], (up - down) / 2e-5, rtol=1e-4, atol=1e-7)
