"""BNPO and RiskPO: worked examples, limits, and the least variance that the Beta density promises."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import betaln

from algax import chain, policy

from .compiled import update


def run(transform, state=None, **fields):
    count = len(next(iter(fields.values())))
    return update(transform, policy.Terms(mask=np.ones([count, 1], bool), **fields), state)


def advantages(transform, state=None, **fields):
    return run(transform, state, **fields)[0].advantages[:, 0]


def binary(successes, size):
    """Rewards and group ids of groups of one size with so many right answers."""
    rewards = np.concatenate([np.arange(size) < count for count in successes]).astype(np.float32)
    return {"rewards": rewards, "group_ids": np.repeat(np.arange(len(successes)), size)}


BNPO = chain(policy.group_advantage(scale="none"), policy.beta_normalise())


def test_bnpo_worked_example():
    after, _ = run(BNPO, **binary([1, 3], 4))
    np.testing.assert_allclose([after.metrics[f"beta_{name}"].value for name in ("alpha", "beta")], 7 / 6, rtol=1e-5)
    weight = 0.95548
    expected = np.array([0.75, -0.25, -0.25, -0.25, 0.25, 0.25, 0.25, -0.75]) * weight
    np.testing.assert_allclose(after.advantages[:, 0], expected, rtol=1e-5)


def test_uniform_density_is_the_group_baseline_alone():
    """Equal success rates, and one group, leave the density undetermined."""
    for batch in (binary([1, 1, 1], 3), binary([2], 3)):
        expected = advantages(policy.group_advantage(scale="none"), **batch)
        np.testing.assert_allclose(advantages(BNPO, **batch), expected, rtol=1e-6)


def test_density_of_three_halves_is_grpo_times_pi_over_eight():
    """Success rates of mean 1/2 and kappa = 3 make alpha = beta = 3/2: v = (1/4) / 4."""
    batch = binary([2, 2, 2, 6, 6, 6, 4], 8)  # deviations of 1/4 at six of seven prompts: v = 6/16/6
    after, _ = run(BNPO, **batch)
    np.testing.assert_allclose([after.metrics[f"beta_{name}"].value for name in ("alpha", "beta")], 1.5, rtol=1e-5)
    grpo = advantages(policy.group_advantage(ddof=0, epsilon=1e-8), **batch)
    np.testing.assert_allclose(after.advantages[:, 0], grpo * np.pi / 8, rtol=1e-5)


@pytest.mark.parametrize("successes", [[1, 2, 3, 4, 7], [2, 3, 3, 4], [1, 1, 2, 3]])
def test_the_fitted_density_has_the_least_variance(successes):
    """The variance functional of the paper, on a grid around the fit, from the moments of the success rates."""
    p = np.array(successes) / 8
    kappa = p.mean() * (1 - p.mean()) / p.var(ddof=1) - 1
    a, b = kappa * p.mean(), kappa * (1 - p.mean())

    def log_variance(alpha, beta):
        return 2 * betaln(alpha, beta) + betaln(a + 3 - 2 * alpha, b + 3 - 2 * beta) - betaln(a, b)

    metrics = run(BNPO, **binary(successes, 8))[0].metrics
    alpha, beta = (float(metrics[f"beta_{name}"].value) for name in ("alpha", "beta"))
    for shift in np.linspace(0, 2 * np.pi, 9):
        for radius in (0.02, 0.1):
            assert log_variance(alpha, beta) < log_variance(alpha + radius * np.cos(shift), beta + radius * np.sin(shift))


def test_solved_and_failed_prompts_get_nothing_and_nearly_equal_ones_stay_finite():
    result = advantages(BNPO, **binary([0, 4, 2], 4))
    assert np.all(result[:8] == 0) and np.all(np.isfinite(result)) and np.all(result[8:] != 0)
    nearly = advantages(BNPO, **binary([500, 501], 1000))
    assert np.all(np.isfinite(nearly)) and np.all(nearly != 0)


def test_rewards_in_another_range_are_mapped():
    batch = binary([1, 3], 4)
    moved = chain(policy.group_advantage(scale="none"), policy.beta_normalise(min_value=-1.0, max_value=3.0))
    actual = advantages(moved, rewards=4 * batch["rewards"] - 1, group_ids=batch["group_ids"])
    np.testing.assert_allclose(actual, advantages(BNPO, **batch), rtol=1e-5)


def test_the_weight_of_a_group_of_one_is_capped():
    rewards = np.array([1, 0, 0, 1, 1, 0, 1], np.float32)
    ids = np.array([0, 0, 0, 1, 1, 1, 2])
    assert advantages(BNPO, rewards=rewards, group_ids=ids)[-1] <= 1e6


def test_average_parts_is_the_mean_of_the_parts():
    first, second = binary([1, 3], 4), binary([2, 1], 4)
    parts = np.stack([first["rewards"], second["rewards"]], axis=1)
    after, _ = run(policy.average_parts(BNPO), reward_parts=parts, group_ids=first["group_ids"])
    expected = (advantages(BNPO, **first) + advantages(BNPO, **second)) / 2
    np.testing.assert_allclose(after.advantages[:, 0], expected, rtol=1e-6)
    alphas = [float(run(BNPO, **batch)[0].metrics["beta_alpha"].value) for batch in (first, second)]
    np.testing.assert_allclose(after.metrics["beta_alpha"].value, np.mean(alphas), rtol=1e-6)


def bundle(scores, **more):
    """One bundle of one question, a response a score."""
    rows = len(scores)
    zeros = np.zeros(rows, np.int32)
    return {
        "rewards": np.asarray(scores, np.float32),
        "group_ids": zeros,
        "bundle_ids": zeros,
        "paper_ids": np.arange(rows),
    } | more


def tracked(*values):
    return policy.QuantileState(jnp.asarray(values, jnp.float32), jnp.asarray(True))


PLAIN = {"credit": "uniform", "scale": "none", "levels": (0.2, 0.9)}


def test_risk_worked_example():
    transform = policy.mixed_value_at_risk(**PLAIN)
    actual = advantages(transform, tracked(1.0, 2.0), **bundle([0, 1, 2, 3]))
    np.testing.assert_allclose(actual, [-3.5714, -0.5714, 0, 0], atol=1e-4)


def test_risk_is_never_positive_rises_with_the_score_and_is_flat_above_the_upper_quantile():
    scores = np.linspace(-1, 4, 41)
    actual = advantages(policy.mixed_value_at_risk(**PLAIN), tracked(1.0, 2.0), **bundle(scores))
    assert np.all(actual <= 0) and np.all(np.diff(actual) >= 0) and np.all(actual[scores >= 2] == 0)


def test_without_the_tail_the_objective_is_the_mean():
    scores = np.array([0.5, 1.0, 3.0], np.float32)
    transform = policy.mixed_value_at_risk(
        low=1e-6, high=1 - 1e-6, omega=0.0, credit="uniform", scale="none", levels=(0.1, 0.9)
    )
    np.testing.assert_allclose(advantages(transform, tracked(0.5, 3.0), **bundle(scores)), scores - 3.0, rtol=1e-4)


def test_papers_pair_the_kth_responses_of_a_bundle():
    groups, bundles = np.array([3, 3, 9, 9, 1, 1]), np.array([0, 0, 0, 0, 2, 2])
    papers = np.asarray(jax.jit(policy.bundle_papers)(groups, bundles))
    assert papers[0] == papers[2] and papers[1] == papers[3] and len(set(papers.tolist())) == 4
    fields = {"group_ids": groups, "bundle_ids": bundles, "paper_ids": papers}
    rewards = np.array([1, 0, 1, 0, 1, 0], np.float32)  # scores 2, 0 in one bundle, 1, 0 in the other
    transform = policy.mixed_value_at_risk(**PLAIN)
    actual = advantages(transform, tracked(0.0, 2.0), rewards=rewards, **fields)
    np.testing.assert_allclose(actual * 2.5 * 0.7, [0, -2, 0, -2, -1, -2], atol=1e-4)


def test_a_bundle_of_one_question_is_the_risk_of_that_question():
    """Its own quantiles, linear between the rewards as NumPy has them."""
    rewards = np.array([0.0, 1.0, 0.3, 0.2, 5.0, 6.0, 9.0, 7.0], np.float32)
    ids = np.repeat([4, 2], 4)
    fields = {"rewards": rewards, "group_ids": ids, "bundle_ids": ids, "paper_ids": np.arange(8)}
    expected = []
    for part in (rewards[:4], rewards[4:]):
        low, high = np.quantile(part, [0.2, 0.9])
        raw = (1.5 * -np.maximum(low - part, 0) / 0.2 + (np.clip(part, low, high) - high) / 0.7) / 2.5
        expected.append(raw / part.std(ddof=1) ** 2)
    transform = policy.mixed_value_at_risk(quantiles="bundle")
    np.testing.assert_allclose(advantages(transform, **fields), np.concatenate(expected), rtol=1e-4)


def test_credit_by_score_and_baselines():
    fields = bundle([0, 1, 2, 3])
    score = policy.mixed_value_at_risk(**PLAIN | {"credit": "score"})
    np.testing.assert_allclose(advantages(score, tracked(1.0, 2.0), **fields), [-5.3571, -0.28571, 0, 0], atol=1e-4)
    mean = policy.mixed_value_at_risk(**PLAIN, baseline="bundle_mean")
    raw = np.array([-3.5714, -0.5714, 0, 0])
    np.testing.assert_allclose(advantages(mean, tracked(1.0, 2.0), **fields), raw - raw.mean(), atol=1e-4)
    trapezoid = policy.mixed_value_at_risk(**PLAIN, baseline="tracked")  # risks -0.5714 and 0 at the two levels
    np.testing.assert_allclose(advantages(trapezoid, tracked(1.0, 2.0), **fields), raw + 0.2857, atol=1e-4)
    equal = advantages(policy.mixed_value_at_risk(baseline="bundle_mean"), **bundle([0.1, 0.1, 0.1]))
    assert np.all(equal == 0)


def test_the_tracker_starts_as_the_first_batch_and_rests_where_the_levels_are_met():
    scores = np.random.default_rng(0).normal(size=40)
    transform = policy.mixed_value_at_risk(learning_rate=0.02)
    state = run(transform, **bundle(scores))[1]
    levels = np.arange(0.05, 0.96, 0.05)
    np.testing.assert_allclose(state.values, np.quantile(scores.astype(np.float32), levels), rtol=1e-4, atol=1e-5)
    assert bool(state.started)
    state = policy.QuantileState(np.zeros_like(state.values), state.started)
    terms = policy.Terms(mask=np.ones([40, 1], bool), **bundle(scores))
    state = jax.jit(lambda state: jax.lax.fori_loop(0, 400, lambda _, state: transform.update(terms, state)[1], state))(state)
    below = np.mean(scores[:, None] < np.asarray(state.values), axis=0)
    np.testing.assert_allclose(below, levels, atol=1.5 / 40)


def test_the_tracker_moves_by_the_gap():
    transform = policy.mixed_value_at_risk(levels=(0.2, 0.5, 0.9))
    state = run(transform, tracked(0.1, 0.6, 1.4), **bundle([2, 2, 0, 0, 0, 1, 2, 0]))[1]
    np.testing.assert_allclose(state.values, [0.07, 0.6, 1.4275], rtol=1e-5)
