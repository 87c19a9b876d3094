"""Success rates, rankings (`Ranking`), and the window over a ranking (`WindowFeedback`)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import curriculum, policy


def test_utility_has_its_values_and_is_symmetric():
    success = jnp.array([0.5, 0.0, 1.0, 0.25, 0.75])
    utility = curriculum.gaussian_utility(success)
    np.testing.assert_allclose(utility, [1.0, 0.0439369, 0.0439369, 0.4578334, 0.4578334], atol=1e-6)
    offsets = jnp.array([0.1, 0.2])
    left, right = (curriculum.gaussian_utility(0.3 + sign * offsets, mu=0.3) for sign in (1, -1))
    np.testing.assert_allclose(left, right, rtol=1e-5)


def test_a_wide_utility_is_plain_fine_tuning():
    success, log_probs = jnp.array([0.0, 0.5, 1.0]), jnp.array([[-1.0], [-2.0], [-4.5]])
    terms = policy.Terms(rewards=curriculum.gaussian_utility(success, sigma=1e6), log_probs=log_probs)
    np.testing.assert_allclose(policy.reinforce()(terms), 2.5, rtol=1e-6)


def test_utility_has_no_gradient_and_checks_its_arguments():
    assert not np.any(jax.grad(lambda x: jnp.sum(curriculum.gaussian_utility(x)))(jnp.array([0.3, 0.6])))
    with pytest.raises(ValueError, match="`sigma`"):
        curriculum.gaussian_utility(jnp.zeros(1), sigma=0.0)
    with pytest.raises(ValueError, match="`mu`"):
        curriculum.gaussian_utility(jnp.zeros(1), mu=1.5)


def test_zones():
    np.testing.assert_array_equal(curriculum.zones(jnp.array([0.0, 1.0, 0.125, 0.875])), [2, 0, 1, 1])


HISTORY = jnp.array([[0.0, 0.5, 1.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])


def test_scores_of_three_histories():
    np.testing.assert_allclose(curriculum.rank_by_variance(HISTORY).scores, [0.408248, 0.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(curriculum.rank_by_lim(HISTORY).scores, [0.724138, 0.0, 0.0], atol=1e-6)


def test_constant_histories_score_nothing():
    constant = jnp.broadcast_to(jnp.array([0.3, 0.7, 1.0])[:, None], (3, 7))
    ranking = curriculum.rank_by_variance(constant)
    np.testing.assert_array_equal(ranking.scores, 0.0)
    np.testing.assert_array_equal(ranking.order, [0, 1, 2])
    np.testing.assert_array_equal(curriculum.rank_by_lim(jnp.ones([2, 3])).scores, 0.0)


def test_standard_deviation_and_variance_rank_alike():
    history = np.random.default_rng(0).random((20, 6))
    ranking = curriculum.rank_by_variance(jnp.asarray(history, jnp.float32))
    np.testing.assert_allclose(ranking.scores, np.std(history, axis=1), rtol=1e-5)
    np.testing.assert_array_equal(ranking.order, np.argsort(-np.var(history, axis=1), kind="stable"))


def test_ties_keep_the_order_of_the_pool():
    rng = np.random.default_rng(1)
    row = rng.integers(0, 9, 7) / 8
    history = np.stack([rng.permutation(row) for _ in range(12)])
    np.testing.assert_array_equal(curriculum.rank_by_variance(jnp.asarray(history, jnp.float32)).order, np.arange(12))


def test_rankings_check_their_history():
    for rank in (curriculum.rank_by_variance, curriculum.rank_by_lim):
        with pytest.raises(ValueError, match="`history`"):
            rank(jnp.zeros(3))


def test_repeat_prompts_fills_a_batch_with_groups_of_their_own():
    np.testing.assert_array_equal(curriculum.repeat_prompts(jnp.array([4, 9]), 5), [4, 9, 4, 9, 4])
    copies = curriculum.repeat_prompts(jnp.array([4]), 3)
    np.testing.assert_array_equal(copies, [4, 4, 4])
    # One prompt, three groups: equal rewards within a copy give nothing, whatever the other copies got.
    samples = jnp.repeat(jnp.arange(copies.shape[0]), 2)
    terms = policy.Terms(mask=jnp.ones([6, 1], bool), rewards=jnp.array([1.0, 1.0, 0.0, 0.0, 1.0, 0.0]), group_ids=samples)
    group = policy.group_advantage(scale="none")
    advantages = group.update(terms, group.init())[0].advantages
    np.testing.assert_allclose(advantages[:, 0], [0.0, 0.0, 0.0, 0.0, 0.5, -0.5])
    with pytest.raises(ValueError, match="`batch_size`"):
        curriculum.repeat_prompts(jnp.array([4]), 0)
    with pytest.raises(ValueError, match="`indices`"):
        curriculum.repeat_prompts(jnp.zeros([0], int), 2)


def seen(reward, concentration, where=True):
    return curriculum.WindowFeedback(jnp.array([reward]), jnp.array([concentration]), jnp.array([where]))


def test_the_window_moves_as_the_paper_says_and_never_back():
    window = curriculum.gaussian_window(range(5))
    # tanh(2 (0.4 - 0.5)) + tanh(0.6) = 0.339674 of 500
    np.testing.assert_allclose(window.update(jnp.zeros([]), seen(0.8, 0.3)), 169.837, atol=2e-3)
    np.testing.assert_allclose(window.update(jnp.asarray(7.0), seen(0.0, 0.0)), 7.0)
    free = curriculum.gaussian_window(range(5), low=-1000.0)
    np.testing.assert_allclose(free.update(jnp.zeros([]), seen(0.0, 0.0)), -380.797, atol=2e-3)
    np.testing.assert_allclose(free.update(jnp.asarray(3.0), seen(np.nan, np.nan, False)), 3.0)


def test_the_window_is_symmetric_around_its_centre_and_follows_the_order():
    order = [3, 0, 4, 1, 2]
    window = curriculum.gaussian_window(order, std=1.5)
    by_rank = np.asarray(window.weights(jnp.asarray(2.0)))[np.asarray(order)]
    expected = np.exp(-((np.arange(5) - 2.0) ** 2) / 4.5)
    np.testing.assert_allclose(by_rank, expected / expected.sum(), rtol=1e-5)
    np.testing.assert_allclose(by_rank, by_rank[::-1], rtol=1e-6)


def test_a_wide_window_is_uniform():
    np.testing.assert_allclose(curriculum.gaussian_window(range(4), std=1e9).weights(jnp.asarray(3.0)), 0.25, rtol=1e-6)
