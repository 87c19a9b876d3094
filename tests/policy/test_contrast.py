"""Contrasts of correct with wrong responses: values and gradients against NumPy."""

import numpy as np
import pytest

from algax import chain, policy

from .compiled import value_and_gradient


def batch(seed=0):
    rng = np.random.default_rng(seed)
    lengths = np.array([5, 2, 3, 1, 4, 5, 2, 3])
    terms = policy.Terms(
        mask=np.arange(5)[None, :] < lengths[:, None],
        correct=np.array([1, 1, 0, 1, 0, 0, 1, 1]),
        group_ids=np.array([3, 3, 3, 8, 8, 8, 1, 1]),  # the last prompt has correct responses alone
        old_log_probs=rng.normal(-1.5, 0.5, [8, 5]).astype(np.float32),
    )
    return terms, rng.normal(-1.5, 0.5, [8, 5]).astype(np.float32), lengths


def gradient(loss, terms, log_probs):
    return value_and_gradient(loss, terms, log_probs)[1]


def expected_contrast(terms, log_probs, lengths, tau, length_temperature, max_length):
    """Value and gradient weights of the objective, prompt by prompt."""
    mask, correct = np.asarray(terms.mask), np.asarray(terms.correct) == 1
    scores = (np.asarray(log_probs, np.float64) * mask).sum(1) / lengths
    weights, value, prompts = np.zeros(8), 0.0, np.unique(terms.group_ids)
    for prompt in prompts:
        own = np.asarray(terms.group_ids) == prompt
        positive, negative = own & correct, own & ~correct
        if not positive.any() or not negative.any():
            continue
        preference = np.zeros(8) if length_temperature is None else (1 - lengths / max_length) / length_temperature
        shares = np.exp(preference[positive]) / np.exp(preference[positive]).sum()
        exponentials = np.exp(scores[negative] / tau)
        value += shares @ scores[positive] - tau * np.log(exponentials.sum())
        weights[positive], weights[negative] = shares, -exponentials / exponentials.sum()
    gradient = -(weights / lengths)[:, None] * mask / len(prompts)
    return -value / len(prompts), gradient, weights


@pytest.mark.parametrize(("tau", "length_temperature", "max_length"), [(1.0, None, None), (0.3, 0.2, 5), (10.0, 0.1, 8)])
def test_contrastive_groups_in_numpy(tau, length_temperature, max_length):
    terms, log_probs, lengths = batch()
    value, slope, weights = expected_contrast(terms, log_probs, lengths, tau, length_temperature, max_length)
    loss = policy.contrastive_groups(temperature=tau, length_temperature=length_temperature, max_length=max_length)
    actual, actual_slope = value_and_gradient(loss, terms, log_probs)
    np.testing.assert_allclose(actual, value, rtol=1e-5)
    np.testing.assert_allclose(actual_slope, slope, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose([weights[:3].sum(), weights[3:6].sum()], 0.0, atol=1e-9)
    assert not np.any(actual_slope[6:]), "a prompt with one class alone"


def test_length_weights():
    """Correct responses of a quarter, a half and all of the longest length; and a wrong one."""
    terms = policy.Terms(
        mask=np.arange(8)[None, :] < np.array([2, 4, 8, 3])[:, None],
        correct=np.array([1, 1, 1, 0]),
        group_ids=np.zeros(4, np.int32),
    )
    loss = policy.contrastive_groups(length_temperature=0.1, max_length=8)
    slope = gradient(loss, terms, np.zeros([4, 8])).sum(1)
    np.testing.assert_allclose(slope[:3] / slope[2], [1808.04, 148.41, 1.0], rtol=1e-4)
    assert np.all(slope[:3] < 0), "no correct response is pushed down"
    wide = policy.contrastive_groups(length_temperature=1e6, max_length=8)
    np.testing.assert_allclose(gradient(wide, terms, np.zeros([4, 8])).sum(1)[:3], -1 / 3, rtol=1e-5)


def test_another_wrong_response_leaves_the_correct_ones_alone():
    terms, log_probs, _ = batch()
    loss = policy.contrastive_groups(length_temperature=0.3, max_length=5)
    before = gradient(loss, terms, log_probs)

    def add(x, new):
        return np.concatenate([x, new])

    more = policy.Terms(
        mask=add(terms.mask, [[True] * 5]), correct=add(terms.correct, [0]), group_ids=add(terms.group_ids, [3])
    )
    after = gradient(loss, more, add(log_probs, np.full([1, 5], -1.0, np.float32)))
    correct = np.asarray(terms.correct) == 1
    np.testing.assert_allclose(after[:8][correct], before[correct], rtol=1e-5)


@pytest.mark.parametrize("estimator", ["k1", "k3"])
def test_hinge_kl(estimator):
    terms, log_probs, _ = batch()
    mask = np.asarray(terms.mask)
    log_ratios = np.asarray(log_probs - terms.old_log_probs, np.float64)
    estimates = -log_ratios if estimator == "k1" else np.exp(log_ratios) - 1 - log_ratios
    slopes = -np.ones_like(log_ratios) if estimator == "k1" else np.exp(log_ratios) - 1
    divergence = estimates[mask].mean()
    loss = chain(policy.hinge_kl(5.0, estimator=estimator), policy.token_mean())
    factor = 5.0 * max(divergence - 1e-4, 0.0)
    value, slope = value_and_gradient(loss, terms, log_probs)
    np.testing.assert_allclose(value, factor * divergence, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(slope, factor * slopes * mask / mask.sum(), rtol=1e-4, atol=1e-7)


def test_no_constraint_inside_the_trust_region_and_on_policy():
    terms, log_probs, _ = batch()
    inside = chain(policy.hinge_kl(delta=50.0), policy.token_mean())
    assert not np.any(gradient(inside, terms, log_probs))
    constraint = chain(policy.hinge_kl(), policy.token_mean())
    assert not np.any(gradient(constraint, terms, terms.old_log_probs))
    contrast = policy.contrastive_groups(temperature=10.0)
    np.testing.assert_array_equal(
        gradient(policy.drpo(), terms, terms.old_log_probs), gradient(contrast, terms, terms.old_log_probs)
    )


def test_a_far_policy_meets_the_constraint():
    terms, log_probs, _ = batch()
    far = log_probs - 1  # less likely than when sampled: the KL to the old policy is above its border
    difference = gradient(policy.drpo(), terms, far) - gradient(policy.contrastive_groups(temperature=10.0), terms, far)
    assert np.all(difference[np.asarray(terms.mask)] < 0), "it raises every log-prob"
