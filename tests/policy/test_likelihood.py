"""Likelihood-based surrogates: implicit negatives, token weights, values of the uniform policy, demonstrations."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import algax
from algax import Logits, chain, policy

from .compiled import loss_of, update, value_and_gradient


def gradient(loss, terms, log_probs):
    return value_and_gradient(loss, terms, np.asarray(log_probs, np.float32))[1]


# ----- NFT -----------------------------------------------------------------------------------------------------------


def group_of_four(log_ratio=0.0):
    """Four responses of one token to one prompt, one of them correct: success rate 1/4."""
    terms = policy.Terms(
        old_log_probs=np.full([4, 1], -1.0),
        correct=np.array([True, False, False, False]),
        rewards=np.array([1.0, 0.0, 0.0, 0.0]),
        group_ids=np.array([2, 2, 2, 2]),
    )
    return terms, np.full([4, 1], -1.0 + log_ratio)


@pytest.mark.parametrize(("kind", "weight"), [(None, 1.0), ("one_minus_rate", 0.75), ("group_std", np.sqrt(3.0))])
def test_nft_on_policy(kind, weight):
    terms, log_probs = group_of_four()
    loss = policy.nft(prompt_weight=kind, divisor=1.0)
    value, slope = value_and_gradient(loss, terms, log_probs)
    np.testing.assert_allclose(value, 0.0, atol=1e-6)
    expected = weight * np.array([-1.0, 1 / 3, 1 / 3, 1 / 3])
    np.testing.assert_allclose(slope[:, 0], expected, rtol=1e-5)


def test_nft_with_group_std_is_grpo_on_policy():
    terms, log_probs = group_of_four()
    advantages = update(policy.group_advantage(ddof=0, epsilon=1e-9), terms.replace(log_probs=log_probs))[0].advantages
    actual = gradient(policy.nft(prompt_weight="group_std", divisor=1.0), terms, log_probs)
    np.testing.assert_allclose(actual, -advantages, rtol=1e-4)


def test_nft_clamp_passes_the_gradient():
    terms = policy.Terms(old_log_probs=np.full([1, 1], -1.0), correct=np.array([0]), success_rates=np.array([0.5]))
    loss = chain(policy.implicit_negative(), policy.token_sum())
    value, slope = value_and_gradient(loss, terms, np.full([1, 1], -1.0 + np.log(1.5)))
    np.testing.assert_allclose(value, 0.0, atol=1e-6)
    np.testing.assert_allclose(slope, [[1.5]], rtol=1e-5)
    # Far off the policy too, the value is exactly that of the clamp.
    assert float(value_and_gradient(loss, terms, np.full([1, 1], 8.0))[0]) == 0.0
    # Below the clamp, R = 0.5: -log 1.5 and R rho / (1 - rho) / 1.5.
    value, slope = value_and_gradient(loss, terms, np.full([1, 1], -1.0 + np.log(0.5)))
    np.testing.assert_allclose(value, -np.log(1.5), rtol=1e-5)
    np.testing.assert_allclose(slope, [[0.5 / 1.5]], rtol=1e-5)


def test_nft_positives_are_likelihood_with_a_floor_and_a_cap():
    terms = policy.Terms(old_log_probs=np.full([3, 1], -1.0), correct=np.ones([3]), success_rates=np.full([3], 0.5))
    log_probs = np.array([[-41.0], [-0.5], [12.0]])
    plain = chain(policy.implicit_negative(), policy.token_sum())
    value, slope = value_and_gradient(plain, terms, log_probs)
    np.testing.assert_allclose(value, 40.0 - 0.5 - 10.0, rtol=1e-5)
    np.testing.assert_allclose(slope[:, 0], [-1.0, -1.0, 0.0], rtol=1e-5)
    floor = chain(policy.implicit_negative(positive_floor=0.5), policy.token_sum())
    value, slope = value_and_gradient(floor, terms, log_probs)
    np.testing.assert_allclose(value, -np.log(0.5) - 0.5 - 10.0, rtol=1e-5)
    np.testing.assert_allclose(slope[:, 0], [-2 * np.exp(-40.0), -1.0, 0.0], rtol=1e-5)


def test_nft_without_negatives_is_rejection_sampling():
    terms, log_probs = group_of_four(0.3)
    actual = gradient(policy.nft(negative_weight=0.0, prompt_weight=None, divisor=1.0), terms, log_probs)
    np.testing.assert_allclose(actual[:, 0], [-1.0, 0.0, 0.0, 0.0], atol=1e-6)


def test_nft_drops_prompts_without_contrast():
    terms, log_probs = group_of_four(0.3)
    loss = policy.nft(divisor=1.0)
    for value in (0, 1):
        equal = terms.replace(correct=np.full([4], value), rewards=np.full([4], float(value)))
        assert not np.any(gradient(loss, equal, log_probs))


def test_success_rates_by_group():
    terms = policy.Terms(
        log_probs=np.zeros([5, 2]),
        mask=np.array([[1, 1], [1, 0], [1, 1], [0, 1], [0, 0]]),
        correct=np.array([1, 0, 1, 0, 1]),
        group_ids=np.array([7, 7, -3, 7, 7]),
    )
    after = update(chain(policy.success_rate(), policy.success_rate_weight()), terms)[0]
    np.testing.assert_allclose(after.success_rates[:4], [1 / 3, 1 / 3, 1.0, 1 / 3], rtol=1e-6)
    np.testing.assert_allclose(after.weights[:3, 0], [2 / 3, 2 / 3, 0.02], rtol=1e-5)


# ----- OREAL ---------------------------------------------------------------------------------------------------------


def logit(p):
    return np.log(p / (1 - p))


def weights_of(transform, scores, correct, mask=None):
    terms = policy.Terms(token_scores=np.asarray(scores, np.float32), correct=np.asarray(correct), mask=mask)
    return update(transform, terms)[0].weights


def test_token_score_threshold():
    scores = logit(np.array([[0.75], [0.4], [0.75], [0.4]]))
    actual = weights_of(policy.token_score_threshold(), scores, [1, 1, 0, 0])
    np.testing.assert_allclose(actual[:, 0], [0.5, 0.0, 0.0, 0.2], atol=1e-6)
    # (q - threshold) / (1 - threshold) of the mean so far, past a hole in the mask.
    scores, mask = np.array([[2.0, 9.0, 0.0]]), np.array([[1, 0, 1]])
    actual = weights_of(policy.token_score_threshold(positive=0.2), scores, [1], mask)
    expected = [(1 / (1 + np.exp(-mean)) - 0.2) / 0.8 for mean in (2.0, 1.0)]
    np.testing.assert_allclose(actual[0, [0, 2]], expected, rtol=1e-5)


def test_token_score_top():
    probabilities = np.array([[0.9, 0.3, 0.8, 0.5, 0.0]])
    # Undo the running mean, so that the mean up to t has the probability above.
    means = logit(np.clip(probabilities, 1e-3, None))[0]
    scores = np.diff(means * np.arange(1, 6), prepend=0.0)[None, :]
    mask = np.array([[1, 1, 1, 1, 0]])
    actual = weights_of(policy.token_score_top(0.75), scores, [1], mask)
    np.testing.assert_allclose(actual[0, :4], [1.0, 0.0, 0.75, 0.0], atol=1e-5)
    np.testing.assert_allclose(weights_of(policy.token_score_top(0.25), scores, [1], mask)[0, :4], [1, 0, 0, 0], atol=1e-6)
    assert not np.any(weights_of(policy.token_score_top(0.2), scores, [1], mask)[0, :4]), "floor(0.2 * 4) = 0 tokens"


def test_token_score_loss():
    scores, mask, correct = np.array([[1.0, 3.0], [-1.0, 50.0]]), np.array([[1, 1], [1, 0]]), np.array([1, 0])
    loss = loss_of(policy.token_score_loss(), policy.Terms(values=scores, mask=mask, correct=correct))
    np.testing.assert_allclose(loss, (np.log1p(np.exp(-2.0)) + np.log1p(np.exp(-1.0))) / 2, rtol=1e-5)


def oreal_batch(seed=0):
    rng = np.random.default_rng(seed)
    correct = np.array([1, 0, 0, 1, 0, 1])
    mask = np.arange(4)[None, :] < np.array([4, 3, 1, 2, 4, 3])[:, None]
    terms = policy.Terms(
        mask=mask,
        correct=correct,
        rewards=2.0 * correct - 1,
        group_ids=np.array([0, 0, 0, 1, 1, 1]),
        ref_log_probs=rng.normal(-2, 1, [6, 4]).astype(np.float32),
    )
    return terms, rng.normal(-2, 1, [6, 4]).astype(np.float32), mask, correct


@pytest.mark.parametrize("clone_advantage", [True, False])
def test_oreal_in_numpy(clone_advantage):
    terms, log_probs, mask, correct = oreal_batch()
    advantages = np.array([2.0, -1.0, -1.0, 1.0, -2.0, 1.0])  # leave one out
    factors = np.where(correct == 1, 1.0 / mask[correct == 1].sum(), 0.5 / mask[correct == 0].sum())
    shown = advantages if clone_advantage else np.where(correct == 1, 1.0, advantages)
    expected = -(factors * shown)[:, None] * mask
    loss = policy.oreal(kl_coefficient=0.0, clone_advantage=clone_advantage)
    actual, slope = value_and_gradient(loss, terms, log_probs)
    np.testing.assert_allclose(slope, expected, rtol=1e-5)
    value = -(factors * shown)[:, None] * np.where(correct[:, None] == 1, log_probs, 1.0) * mask
    np.testing.assert_allclose(actual, value.sum(), rtol=1e-5)


def test_oreal_all_correct_and_its_kl():
    terms, log_probs, mask, _ = oreal_batch()
    loss = policy.oreal(clone_advantage=False)
    all_correct = terms.replace(correct=np.ones(6), rewards=np.ones(6))
    value, with_kl = value_and_gradient(loss, all_correct, log_probs)
    assert np.all(np.isfinite(with_kl)) and np.isfinite(value)
    without = gradient(policy.oreal(kl_coefficient=0.0, clone_advantage=False), all_correct, log_probs)
    np.testing.assert_allclose(without, -1.0 * mask / mask.sum(), rtol=1e-5)
    k3_slope = 1 - np.exp(np.asarray(terms.ref_log_probs) - log_probs)
    np.testing.assert_allclose(with_kl - without, 0.01 * k3_slope * mask / mask.sum(), rtol=2e-4, atol=1e-7)


# ----- ROVER ---------------------------------------------------------------------------------------------------------


def rover_batch(seed=0, same=False):
    rng = np.random.default_rng(seed)
    logits, old_logits = rng.normal(size=[2, 4, 5, 7])
    old_logits = logits if same else old_logits
    tokens = rng.integers(0, 7, [4, 5])
    mask = np.arange(5)[None, :] < np.array([5, 3, 1, 4])[:, None]
    mask[0, 2] = False  # tool output
    terms = policy.Terms(
        tokens=tokens,
        mask=mask,
        rewards=np.array([1.0, 0.0, 0.0, 1.0]),
        group_ids=np.array([0, 0, 1, 1]),
        old_distribution=Logits(old_logits.astype(np.float32)),
        old_log_probs=np.take_along_axis(log_softmax(old_logits), tokens[..., None], axis=-1)[..., 0].astype(np.float32),
    )
    return terms, logits.astype(np.float32), old_logits, tokens, mask


def with_logits(terms, distribution):
    return terms.replace(distribution=distribution, log_probs=distribution.log_probs(terms.tokens))


def log_softmax(x):
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def test_rover_in_numpy():
    terms, logits, old_logits, tokens, mask = rover_batch()
    new, old = log_softmax(np.asarray(logits, np.float64)), log_softmax(old_logits)
    centred, scale = np.array([0.5, -0.5, -0.5, 0.5]), 0.8
    total = 0.0
    for row in range(4):
        positions = np.flatnonzero(mask[row])
        for t, following in zip(positions, [*positions[1:], None], strict=True):
            value = 0.0 if following is None else scale * (new[row, following] - old[row, following]).mean()
            q = scale * (new[row, t, tokens[row, t]] - old[row, t, tokens[row, t]])
            total += (q - centred[row] - value) ** 2
    actual = jax.jit(lambda terms, x: policy.rover(scale=scale)(with_logits(terms, Logits(x))))(terms, logits)
    np.testing.assert_allclose(actual, total / mask.sum(), rtol=1e-5)


def test_rover_on_policy_is_reinforce_with_a_group_baseline():
    terms, logits, _, tokens, mask = rover_batch(same=True)
    centred = np.array([0.5, -0.5, -0.5, 0.5])
    of_logits = jax.jit(jax.value_and_grad(lambda x: policy.rover(scale=2.0)(with_logits(terms, Logits(x)))))
    loss, actual = of_logits(logits)
    np.testing.assert_allclose(loss, 0.25, rtol=1e-5)
    scores = np.eye(7)[tokens] - np.exp(log_softmax(np.asarray(logits, np.float64)))
    expected = -2 * 2.0 * (centred[:, None] * mask / mask.sum())[..., None] * scores
    np.testing.assert_allclose(actual, expected, atol=1e-6)
    shifted, _ = of_logits(logits + 3.0)
    np.testing.assert_allclose(shifted, loss, rtol=1e-5)


def test_rover_target_of_one_token_is_the_reward():
    terms, logits, *_ = rover_batch()
    single = policy.Terms(
        tokens=terms.tokens[:, :1],
        rewards=terms.rewards,
        group_ids=terms.group_ids,
        old_distribution=Logits(terms.old_distribution.logits[:, :1]),
        old_log_probs=terms.old_log_probs[:, :1],
    )
    target = chain(policy.group_advantage(scale="none"), policy.random_policy_target())
    after = jax.jit(lambda x: target.update(with_logits(single, Logits(x)), target.init())[0])(logits[:, :1])
    np.testing.assert_allclose(np.asarray(after.returns)[:, 0], [0.5, -0.5, -0.5, 0.5], rtol=1e-6)


def test_mean_log_softmax():
    logits = np.random.default_rng(1).normal(size=[3, 2, 5])
    actual = jax.jit(policy.mean_log_softmax)(Logits(logits.astype(np.float32)))
    np.testing.assert_allclose(actual, log_softmax(logits).mean(-1), rtol=1e-5)


def test_rover_never_holds_the_logits_of_all_positions():
    """Loss and gradient of a factored head: equal to those of plain logits, without a buffer of B T V elements."""
    rows, length, width, vocabulary, chunk = 3, 5, 4, 1009, 4
    rng = np.random.default_rng(2)
    hidden, old_hidden = (jnp.asarray(rng.normal(size=[rows, length, width]), jnp.float32) for _ in range(2))
    kernel, old_kernel = (jnp.asarray(rng.normal(size=[width, vocabulary]), jnp.float32) for _ in range(2))
    tokens = jnp.asarray(rng.integers(0, vocabulary, [rows, length]))

    def loss(hidden, kernel, make):
        old, current = make(old_hidden, old_kernel), make(hidden, kernel)
        terms = policy.Terms(
            tokens=tokens,
            mask=jnp.arange(length)[None, :] < jnp.array([5, 2, 4])[:, None],
            old_distribution=old,
            rewards=jnp.array([1.0, 0.0, 0.0]),
            group_ids=jnp.array([0, 0, 0]),
            old_log_probs=old.log_probs(tokens),
        )
        return policy.rover()(with_logits(terms, current))

    def largest_buffer(make):
        step = jax.jit(jax.value_and_grad(lambda h, k: loss(h, k, make), argnums=(0, 1))).lower(hidden, kernel).compile()
        sizes = [np.prod([int(n) for n in shape.split(",")]) for shape in re.findall(r"[a-z]+\d+\[([\d,]+)\]", step.as_text())]
        return max(sizes), step(hidden, kernel)

    factored, actual = largest_buffer(lambda h, k: algax.FactoredLogits(h, k, chunk_size=chunk))
    plain, expected = largest_buffer(lambda h, k: Logits(h @ k))
    assert factored < rows * length * vocabulary <= plain
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=1e-5), actual, expected)


def test_uniform_tree_values():
    tree_values = jax.jit(policy.uniform_tree_values)
    first, leaves = tree_values(np.array([[1.0, 0.0], [0.0, 0.0]]))
    np.testing.assert_allclose(first, [0.5, 0.0])
    np.testing.assert_array_equal(leaves, [[1.0, 0.0], [0.0, 0.0]])
    rng = np.random.default_rng(3)
    rewards = (rng.random([3] * 4) < 0.1).astype(np.float32)
    path, values = (), tree_values(rewards)
    for depth_values in values:
        path += (int(np.argmax(np.asarray(depth_values)[path])),)
    assert rewards[path] == rewards.max() == 1.0, "greedy in it is optimal"


# ----- one form for both, and HPT ------------------------------------------------------------------------------------------


def upge_batch(seed=0):
    rng = np.random.default_rng(seed)
    log_probs = rng.normal(-1.5, 0.6, [3, 4]).astype(np.float32)
    terms = policy.Terms(
        old_log_probs=rng.normal(-1.5, 0.6, [3, 4]).astype(np.float32),
        behaviour_log_probs=rng.normal(-1.5, 0.6, [3, 4]).astype(np.float32),
        advantages=rng.normal(size=[3, 4]).astype(np.float32),
    )
    return terms, log_probs


def test_unified_gradient_has_the_gradients_of_the_surrogates():
    terms, log_probs = upge_batch()
    unified, ratio = policy.unified_policy_gradient, policy.token_ratio()
    ones = terms.replace(advantages=np.ones([3, 4], np.float32))
    for instance, record, steps in (
        (unified(denominator="current"), ones, (policy.log_likelihood(),)),
        (unified(denominator="current"), terms, (policy.policy_gradient(),)),
        (unified(), terms, (ratio, policy.importance_weighted())),
        (unified(clip=(0.2, 0.3)), terms, (ratio, policy.ppo_clip(low=0.2, high=0.3))),
    ):
        actual = gradient(chain(instance, policy.token_mean()), record, log_probs)
        np.testing.assert_allclose(actual, gradient(chain(*steps, policy.token_mean()), record, log_probs), rtol=1e-5)


def test_unified_gradient_in_numpy():
    terms, log_probs = upge_batch()
    for denominator, below in (("one", 0.0), ("behaviour", np.asarray(terms.behaviour_log_probs))):
        loss = chain(policy.unified_policy_gradient(denominator=denominator), policy.token_sum())
        expected = -np.exp(np.asarray(log_probs) - below) * np.asarray(terms.advantages)
        np.testing.assert_allclose(gradient(loss, terms, log_probs), expected, rtol=1e-5)


def hpt_batch():
    """Two prompts with two rollouts and a demonstration each: success 1/2 and 0."""
    return policy.Terms(
        old_log_probs=np.full([6, 2], -1.0),
        mask=np.array([[1, 1], [1, 0], [1, 1], [1, 1], [1, 1], [1, 0]]),
        correct=np.array([1, 0, 1, 0, 0, 1]),
        rewards=np.array([1.0, 0.0, 9.0, 0.0, 0.0, 9.0]),
        demonstrations=np.array([0, 0, 1, 0, 0, 1]),
        group_ids=np.array([0, 0, 0, 5, 5, 5]),
    )


@pytest.mark.parametrize(
    ("gate", "kept"),
    [(-1.0, [1, 1, 0, 1, 1, 0]), (0.0, [1, 1, 0, 0, 0, 1]), (0.5, [0, 0, 1, 0, 0, 1]), (1.0, [0, 0, 1, 0, 0, 1])],
)
def test_hybrid_switch(gate, kept):
    terms = hpt_batch()
    mask = update(policy.hybrid_switch(gate), terms)[0].mask
    np.testing.assert_array_equal(mask, (np.asarray(terms.mask) == 1) & (np.array(kept) == 1)[:, None])


def test_hpt_mixes_both_losses():
    terms, log_probs = hpt_batch(), np.full([6, 2], -0.5)
    actual = gradient(policy.hpt(4.0, coefficient=0.3), terms, log_probs)
    expected = np.zeros([6, 2])
    ratio = np.exp(0.5)
    expected[0], expected[1, 0] = -0.5 * ratio / 4, 0.5 * ratio / 4
    expected[5, 0] = -0.3  # the token mean over the one token of the demonstration that is used
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-7)


def test_hpt_without_demonstrations_is_finite():
    terms, log_probs = hpt_batch().replace(demonstrations=np.zeros(6)), np.full([6, 2], -0.5)
    value, slope = value_and_gradient(policy.hpt(4.0), terms, log_probs)
    assert np.isfinite(value) and np.all(np.isfinite(slope))


def test_mean_over_rows_gives_each_kind_its_own_mean():
    terms = hpt_batch().replace(log_probs=np.random.default_rng(0).normal(size=[6, 2]).astype(np.float32))
    mask, correct = np.asarray(terms.mask) == 1, np.asarray(terms.correct) == 1
    loss = chain(
        policy.mean_over_rows("correct", coefficient=2.0),
        policy.mean_over_rows("correct", value=False, coefficient=0.5),
        policy.log_likelihood(),
        policy.token_mean(),
    )
    x = np.asarray(terms.log_probs)
    expected = -2.0 * x[mask & correct[:, None]].mean() - 0.5 * x[mask & ~correct[:, None]].mean()
    np.testing.assert_allclose(loss_of(loss, terms), expected, rtol=1e-5)


def test_select_rows_counts_metrics_of_its_own_rows():
    terms = hpt_batch().replace(log_probs=np.full([6, 2], 1.0), advantages=np.ones([6, 2]))
    loss = chain(
        policy.token_ratio(),
        policy.select_rows("demonstrations", policy.log_likelihood(), policy.ppo_clip()),
        policy.token_mean(),
    )
    after, _ = jax.jit(loss.update)(terms, loss.init())
    np.testing.assert_allclose(after.metrics["clip_fraction"].count, 7.0)
    np.testing.assert_array_equal(after.mask, np.asarray(terms.mask) == 1)
