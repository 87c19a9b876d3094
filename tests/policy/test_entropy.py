"""Methods that keep or steer the entropy, on worked examples and against NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import Logits, chain, policy

from .compiled import loss_of, update, value_and_gradient

SCORE = np.log(np.array([[0.9, 0.1], [0.9, 0.1]], np.float32))
SIGNS = np.array([[1.0, 1.0], [-1.0, -1.0]], np.float32)


def random_terms(rng, rows=4, length=6):
    shape = (rows, length)
    mask = np.arange(length)[None, :] < rng.integers(2, length + 1, rows)[:, None]
    return policy.Terms(
        mask=mask,
        advantages=rng.normal(size=shape).astype(np.float32),
        log_probs=(-2 + rng.normal(size=shape)).astype(np.float32),
        old_log_probs=(-2 + rng.normal(size=shape)).astype(np.float32),
        key=jax.random.key(0),
    )


# Covariance: Clip-Cov, KL-Cov and the law


@jax.jit
def token_covariance(terms):
    return policy.token_covariance(terms.prepare())


def test_token_covariance_of_the_worked_example():
    terms = policy.Terms(log_probs=SCORE, advantages=SIGNS)
    np.testing.assert_allclose(token_covariance(terms), [[1.0986, -1.0986], [-1.0986, 1.0986]], atol=1e-4)


def test_constant_advantages_drop_nothing():
    terms = random_terms(np.random.default_rng(0)).replace(advantages=np.full([4, 6], 0.7))
    before = policy.token_ratio(), policy.ppo_clip()
    dropped = chain(*before, policy.drop_covariant(fraction=1.0, low=1e-3), policy.token_mean())
    assert float(loss_of(dropped, terms)) == float(loss_of(chain(*before, policy.token_mean()), terms))


def test_drop_covariant_draws_as_many_candidates_as_it_says():
    terms = random_terms(np.random.default_rng(1), rows=10)
    loss = chain(policy.token_ratio(), policy.ppo_clip(), policy.drop_covariant(fraction=0.1, low=0.02, high=9.0))
    run = jax.jit(lambda key: loss.update(terms.replace(key=key), loss.init())[0])
    after = [jax.device_get(run(jax.random.key(seed))) for seed in range(20)]
    a, lp, ratio = (np.asarray(x, np.float64) for x in (terms.advantages, terms.log_probs, after[0].ratios))
    mask = terms.mask
    covariance = (a - a[mask].mean()) * (lp - lp[mask].mean())
    clipped = np.clip(ratio, 0.8, 1.2) * a < ratio * a - 1e-7
    candidates = mask & (covariance > 0.02) & (covariance < 9.0) & ~clipped
    count = int(0.1 * mask.sum())
    assert 1 < count < candidates.sum(), (count, candidates.sum())
    for result in after:
        dropped = np.asarray(result.weights) == 0
        assert dropped.sum() == count and not np.any(dropped & ~candidates)
    assert np.all(np.any([np.asarray(result.weights) == 0 for result in after], axis=0)[candidates].mean() > 0.5)


def test_drop_covariant_takes_the_gradient_and_keeps_the_denominator():
    terms = random_terms(np.random.default_rng(2))
    loss = chain(policy.token_ratio(), policy.ppo_clip(), policy.drop_covariant(fraction=1.0, low=0.2), policy.token_mean())
    plain = chain(policy.token_ratio(), policy.ppo_clip(), policy.token_mean())
    gradient, expected = (value_and_gradient(f, terms, terms.log_probs)[1] for f in (loss, plain))
    covariance = np.asarray(token_covariance(terms))
    candidates = (covariance > 0.2) & (covariance < 5.0)
    assert np.any(candidates & (expected != 0))
    np.testing.assert_allclose(gradient, np.where(candidates, 0.0, expected), atol=1e-7)


def test_penalise_covariant_takes_the_largest_and_at_least_one():
    terms = random_terms(np.random.default_rng(3))
    covariance = np.where(terms.mask, np.asarray(token_covariance(terms)), -np.inf)
    distance = np.abs(terms.log_probs - terms.old_log_probs)
    for fraction in (0.0, 0.3):
        penalties = update(policy.penalise_covariant(0.5, fraction=fraction), terms)[0].penalties
        count = max(int(fraction * terms.mask.sum()), 1)
        chosen = covariance >= np.sort(covariance.ravel())[-count]
        np.testing.assert_allclose(penalties, np.where(chosen, 0.5 * distance, 0.0), rtol=1e-6)
    tied = policy.Terms(log_probs=SCORE, old_log_probs=SCORE - 1.0, advantages=SIGNS)
    penalties = update(policy.penalise_covariant(fraction=0.0), tied)[0].penalties
    assert np.sum(penalties > 0) == 1


def test_kl_cov_is_unclipped_and_without_penalty_gradient_on_policy():
    terms = random_terms(np.random.default_rng(4))
    loss = chain(policy.token_ratio(), policy.importance_weighted(), policy.penalise_covariant(), policy.token_mean())
    gradient = jax.jit(jax.grad(lambda x: loss(terms.replace(log_probs=x, old_log_probs=terms.log_probs))))(terms.log_probs)
    expected = np.where(terms.mask, -terms.advantages / terms.mask.sum(), 0.0)
    np.testing.assert_allclose(gradient, expected, rtol=1e-6)
    far = policy.Terms(ratios=np.array([[5.0]]), advantages=np.array([[2.0]]))
    assert float(update(policy.importance_weighted(), far)[0].surrogates[0, 0]) == 10.0


def test_fit_entropy_law_recovers_exact_data():
    entropies, fit = np.array([0.1, 0.4, 0.9, 1.3], np.float32), jax.jit(policy.fit_entropy_law)
    np.testing.assert_allclose(fit(entropies, -2.0 * np.exp(entropies) + 3.0), [2.0, 3.0], rtol=1e-5)
    np.testing.assert_allclose(fit(np.full([3], 0.5), np.array([1.0, 2.0, 3.0])), [0.0, 2.0], atol=1e-6)
    with pytest.raises(ValueError, match="`entropies`"):
        policy.fit_entropy_law(np.zeros([3]), np.zeros([2]))


def test_entropy_falls_by_the_covariance():
    """A natural-gradient step on a softmax: dH = -eta Cov(log pi, A) to first order, the measure behind `token_covariance`."""
    rng, eta, errors = np.random.default_rng(5), 1e-3, []
    for _ in range(40):
        logits, advantages = rng.normal(size=20), rng.normal(size=20)
        log_p = logits - np.log(np.exp(logits).sum())
        p = np.exp(log_p)
        moved = logits + eta * advantages
        log_q = moved - np.log(np.exp(moved).sum())
        change = -np.sum(np.exp(log_q) * log_q) + np.sum(p * log_p)
        # Tokens drawn in proportion to p make the batch's mean covariance the expectation.
        counts = np.maximum(np.round(p * 4000).astype(int), 1)
        # Behind the mask up to one length, so that all draws have one shape.
        rows = (np.resize(np.repeat(x, counts), [1, 4020]).astype(np.float32) for x in (log_p, advantages))
        mask = np.arange(4020)[None] < counts.sum()
        terms = policy.Terms(mask=mask, **dict(zip(("log_probs", "advantages"), rows, strict=True)))
        predicted = -eta * np.asarray(token_covariance(terms), np.float64)[mask].mean()
        errors.append(abs(change - predicted) / abs(change))
    assert np.median(errors) < 0.02


# STEER


def test_entropy_change_of_the_worked_example():
    p, old, advantages = (np.array(x, np.float32) for x in ([0.9, 0.1, 0.1], [0.9, 0.1, 0.2], [1.0, 1.0, -1.0]))
    entropies = np.full([3], -0.9 * np.log(0.9) - 0.1 * np.log(0.1), np.float32)
    change = jax.jit(policy.entropy_change)(np.log(p), np.log(old), entropies, advantages)
    np.testing.assert_allclose(change, [0.0220, -1.7798, 0.8899], atol=1e-4)
    never = np.full([3], -1e4, np.float32)
    assert not np.any(jax.jit(policy.entropy_change)(never, never, np.ones([3], np.float32), np.ones([3], np.float32)))


def steer_weights(changes, **options):
    """The weights of tokens whose entropy changes are given, made of p = 1/2, H = 1 + log 2 and a fitting advantage."""
    log_half = np.full([1, len(changes)], np.log(0.5), np.float32)
    terms = policy.Terms(
        log_probs=log_half,
        old_log_probs=log_half,
        entropies=np.full_like(log_half, 1 + np.log(2)),
        advantages=2 * np.array([changes], np.float32),
    )
    return update(policy.entropy_change_weights(**options), terms)[0].weights[0]


def test_entropy_change_weights_of_the_worked_example():
    changes = [0.0, 0.022, 1.7798]
    np.testing.assert_allclose(steer_weights(changes), [1.0, 0.99725, 0.8], atol=1e-4)
    np.testing.assert_allclose(steer_weights(changes, mode="linear"), [1.2, 1.19506, 0.8], atol=1e-4)
    np.testing.assert_allclose(steer_weights([-0.5, 0.5], mode="linear"), [1.0, 1.0], atol=1e-6)
    np.testing.assert_allclose(steer_weights([0.0, 0.01]), [1.0, 0.8**0.5], rtol=1e-5)  # the floor
    np.testing.assert_allclose(steer_weights(changes, lowest=1.0), [1.0, 1.0, 1.0], rtol=1e-6)


def test_a_uniform_policy_keeps_its_weights():
    terms = policy.Terms(
        distribution=Logits(np.zeros([1, 3, 4], np.float32)),
        log_probs=np.full([1, 3], -np.log(4), np.float32),
        old_log_probs=np.full([1, 3], -1.0),
        advantages=np.array([[1.0, -2.0, 0.5]]),
        mask=np.array([[True, True, False]]),
    )
    after, _ = update(chain(policy.token_entropies(), policy.entropy_change_weights()), terms)
    np.testing.assert_allclose(after.entropies[0, :2], np.log(4), rtol=1e-6)
    np.testing.assert_allclose(after.weights, [[1.0, 1.0, 0.0]], atol=1e-5)


def test_entropy_change_orders_single_token_steps():
    """A logit step 1e-3 A (e_a - pi) changes the entropy as -Omega says: rank correlation near 0.85."""
    rng, estimates, changes = np.random.default_rng(6), [], []

    def measure(logits):
        log_p = logits - np.log(np.exp(logits).sum())
        return log_p, -np.sum(np.exp(log_p) * log_p)

    for _ in range(400):
        logits, advantage = 1.5 * rng.normal(size=20), rng.normal()
        log_p, before = measure(logits)
        token = rng.choice(20, p=np.exp(log_p))
        changes.append(measure(logits + 1e-3 * advantage * (np.eye(20)[token] - np.exp(log_p)))[1] - before)
        estimates.append((log_p[token], before, advantage))
    log_p, entropies, advantages = np.array(estimates, np.float32).T
    omega = np.asarray(jax.jit(policy.entropy_change)(log_p, log_p, entropies, advantages))
    ranks = [np.argsort(np.argsort(x)) for x in (-omega, changes)]
    assert np.corrcoef(*ranks)[0, 1] > 0.75


# Agentic AEPO


def entropy_terms(rng):
    entropies = rng.uniform(0.1, 2.0, (4, 6)).astype(np.float32)
    return random_terms(rng).replace(entropies=entropies)


def test_scale_by_entropy_against_numpy():
    terms = entropy_terms(np.random.default_rng(7))
    mask, h = terms.mask, terms.entropies.astype(np.float64)
    z = (h - h[mask].mean()) / h[mask].std(ddof=1)
    after, _ = update(policy.scale_by_entropy(0.3), terms)
    np.testing.assert_allclose(after.advantages, np.where(mask, terms.advantages * (1 + 0.3 * z), 0.0), rtol=1e-4)


def test_scale_by_entropy_leaves_advantages_alone_without_alpha_or_differences():
    terms = entropy_terms(np.random.default_rng(8))
    expected = np.where(terms.mask, terms.advantages, 0.0)
    after, _ = update(policy.scale_by_entropy(0.0), terms)
    np.testing.assert_array_equal(after.advantages, expected)
    equal = terms.replace(entropies=np.full([4, 6], 1.3, np.float32))
    np.testing.assert_array_equal(update(policy.scale_by_entropy(5.0), equal)[0].advantages, expected)


def test_the_balanced_clip_has_the_value_of_ppo_and_keeps_the_gradient_above():
    terms = random_terms(np.random.default_rng(9), rows=8)

    def clipped(keep):
        clip = policy.ppo_clip(low=0.2, high=0.28, dual=3.0, keep_gradient=keep)
        return value_and_gradient(chain(policy.token_ratio(), clip, policy.token_sum()), terms, terms.log_probs)

    (kept, gradient), (value, plain) = clipped("high"), clipped(None)
    np.testing.assert_allclose(kept, value, rtol=1e-6)
    ratio, a = np.exp(terms.log_probs - terms.old_log_probs), terms.advantages
    above = terms.mask & (a > 0) & (ratio > 1.28)
    assert above.any()
    np.testing.assert_allclose(gradient, np.where(above, -1.28 * a, plain), rtol=1e-5)


def test_split_budget():
    equal, more, gaps = jax.jit(
        lambda gaps: (
            policy.split_budget(16, jnp.array(0.7), jnp.array(0.7)),
            policy.split_budget(16, jnp.array(1.4), jnp.array(0.9)),
            policy.split_budget(16, gaps, jnp.zeros([9]), beta=2.0),
        )
    )(np.linspace(-3.0, 3.0, 9))
    assert float(equal) == 8.0
    np.testing.assert_allclose(more, 9.959, atol=1e-3)
    assert np.all(np.diff(gaps) > 0)
    with pytest.raises(ValueError, match="`beta`"):
        policy.split_budget(16, jnp.array(1.0), jnp.array(1.0), beta=0.0)


# TEA


def coefficients(terms, **options):
    """The coefficients of the bonus: what it is where every entropy is 1."""
    ones = terms.replace(entropies=np.ones(terms.log_probs.shape, np.float32))
    return -update(policy.adaptive_entropy_bonus(**options), ones)[0].penalties


def test_adaptive_entropy_bonus_of_the_worked_example():
    # A second row makes both means 0, so that the covariances of the first are 0, 1 and 2.
    terms = policy.Terms(
        log_probs=np.array([[0.0, 1.0, 2.0], [0.0, -1.0, -2.0]]), advantages=np.array([[1.0] * 3, [-1.0] * 3])
    )
    expected = np.array([0.9003, 2.4473, 6.6524])
    np.testing.assert_allclose(coefficients(terms)[0], np.minimum(expected, 5.0), atol=1e-4)
    np.testing.assert_allclose(coefficients(terms, limit=20.0)[0], expected, atol=1e-4)


def test_constant_advantages_share_the_bonus_evenly_and_empty_rows_get_none():
    mask = np.array([[True] * 4, [True, False, False, False], [False] * 4])
    terms = policy.Terms(mask=mask, log_probs=np.arange(12.0).reshape(3, 4), advantages=np.ones([3, 4]))
    np.testing.assert_allclose(coefficients(terms), [[2.5] * 4, [5.0, 0, 0, 0], [0] * 4], rtol=1e-6)
    random = random_terms(np.random.default_rng(10))
    assert np.all(coefficients(random).sum(axis=1) <= 10 + 1e-5)


def test_the_coefficient_carries_a_gradient_only_if_asked():
    terms = random_terms(np.random.default_rng(11)).replace(entropies=np.ones([4, 6], np.float32))
    for detach in (True, False):
        loss = chain(policy.adaptive_entropy_bonus(limit=9.0, detach=detach), policy.token_mean())
        _, gradient = value_and_gradient(loss, terms.replace(advantages=3 * terms.advantages), terms.log_probs)
        assert np.any(gradient != 0) == (not detach)


def test_drop_covariant_draws_once_for_all_devices():
    terms = random_terms(np.random.default_rng(12), rows=8)
    loss = chain(policy.token_ratio(), policy.ppo_clip(), policy.drop_covariant(fraction=0.1, low=0.02))

    def weights(terms):
        return jax.jit(loss.update)(terms, loss.init())[0].weights

    def on_device(shard):
        return weights(shard.replace(key=terms.key, axis_name="devices"))

    whole = weights(terms)
    shards = jax.tree.map(lambda x: x.reshape(2, 4, *x.shape[1:]), terms.replace(key=None))
    split = jax.pmap(on_device, axis_name="devices", devices=jax.devices()[:2])(shards)
    assert 0 < np.sum(np.asarray(whole) == 0)
    np.testing.assert_array_equal(np.asarray(split).reshape(whole.shape), whole)
