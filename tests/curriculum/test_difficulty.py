"""Success rates, rankings (`Ranking`), and the window over a ranking (`WindowFeedback`)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import curriculum, policy


def test_utility_has_its_values_and_is_symmetric():
    success = np.array([0.5, 0.0, 1.0, 0.25, 0.75], np.float32)
    utility = jax.jit(curriculum.gaussian_utility)(success)
    np.testing.assert_allclose(utility, [1.0, 0.0439369, 0.0439369, 0.4578334, 0.4578334], atol=1e-6)
    offsets = np.array([0.1, 0.2], np.float32)
    around = jax.jit(lambda success: curriculum.gaussian_utility(success, mu=0.3))
    left, right = around(np.float32(0.3) + offsets), around(np.float32(0.3) - offsets)
    np.testing.assert_allclose(left, right, rtol=1e-5)


def test_a_wide_utility_is_plain_fine_tuning():
    def loss(success, log_probs):
        terms = policy.Terms(rewards=curriculum.gaussian_utility(success, sigma=1e6), log_probs=log_probs)
        return policy.reinforce()(terms)

    value = jax.jit(loss)(np.array([0.0, 0.5, 1.0]), np.array([[-1.0], [-2.0], [-4.5]]))
    np.testing.assert_allclose(value, 2.5, rtol=1e-6)


def test_utility_has_no_gradient_and_checks_its_arguments():
    assert not np.any(jax.jit(jax.grad(lambda x: jnp.sum(curriculum.gaussian_utility(x))))(np.array([0.3, 0.6])))
    with pytest.raises(ValueError, match="`sigma`"):
        curriculum.gaussian_utility(jnp.zeros(1), sigma=0.0)
    with pytest.raises(ValueError, match="`mu`"):
        curriculum.gaussian_utility(jnp.zeros(1), mu=1.5)


def test_zones():
    np.testing.assert_array_equal(jax.jit(curriculum.zones)(np.array([0.0, 1.0, 0.125, 0.875], np.float32)), [2, 0, 1, 1])


HISTORY = np.array([[0.0, 0.5, 1.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]], np.float32)
rank_by_variance, rank_by_lim = jax.jit(curriculum.rank_by_variance), jax.jit(curriculum.rank_by_lim)


def test_scores_of_three_histories():
    np.testing.assert_allclose(rank_by_variance(HISTORY).scores, [0.408248, 0.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(rank_by_lim(HISTORY).scores, [0.724138, 0.0, 0.0], atol=1e-6)


def test_constant_histories_score_nothing():
    constant = np.broadcast_to(np.array([0.3, 0.7, 1.0], np.float32)[:, None], (3, 7))
    ranking = rank_by_variance(constant)
    np.testing.assert_array_equal(ranking.scores, 0.0)
    np.testing.assert_array_equal(ranking.order, [0, 1, 2])
    np.testing.assert_array_equal(rank_by_lim(np.ones([2, 3], np.float32)).scores, 0.0)


def test_standard_deviation_and_variance_rank_alike():
    history = np.random.default_rng(0).random((20, 6))
    ranking = rank_by_variance(history.astype(np.float32))
    np.testing.assert_allclose(ranking.scores, np.std(history, axis=1), rtol=1e-5)
    np.testing.assert_array_equal(ranking.order, np.argsort(-np.var(history, axis=1), kind="stable"))


def test_ties_keep_the_order_of_the_pool():
    rng = np.random.default_rng(1)
    row = rng.integers(0, 9, 7) / 8
    history = np.stack([rng.permutation(row) for _ in range(12)])
    np.testing.assert_array_equal(rank_by_variance(history.astype(np.float32)).order, np.arange(12))


def test_rankings_check_their_history():
    for rank in (curriculum.rank_by_variance, curriculum.rank_by_lim):
        with pytest.raises(ValueError, match="`history`"):
            rank(jnp.zeros(3))


def test_repeat_prompts_fills_a_batch_with_groups_of_their_own():
    np.testing.assert_array_equal(curriculum.repeat_prompts(jnp.array([4, 9]), 5), [4, 9, 4, 9, 4])
    copies = curriculum.repeat_prompts(jnp.array([4]), 3)
    np.testing.assert_array_equal(copies, [4, 4, 4])
    # One prompt, three groups: equal rewards within a copy give nothing, whatever the other copies got.
    samples = np.repeat(np.arange(copies.shape[0]), 2)
    terms = policy.Terms(mask=np.ones([6, 1], bool), rewards=np.array([1.0, 1.0, 0.0, 0.0, 1.0, 0.0]), group_ids=samples)
    group = policy.group_advantage(scale="none")
    advantages = jax.jit(group.update)(terms, group.init())[0].advantages
    np.testing.assert_allclose(np.asarray(advantages)[:, 0], [0.0, 0.0, 0.0, 0.0, 0.5, -0.5])
    with pytest.raises(ValueError, match="`batch_size`"):
        curriculum.repeat_prompts(jnp.array([4]), 0)
    with pytest.raises(ValueError, match="`indices`"):
        curriculum.repeat_prompts(jnp.zeros([0], int), 2)


def seen(reward, concentration, where=True):
    return curriculum.WindowFeedback(*(np.array([x]) for x in (np.float32(reward), np.float32(concentration), where)))


def test_the_window_moves_as_the_paper_says_and_never_back():
    window = curriculum.gaussian_window(range(5))
    # tanh(2 (0.4 - 0.5)) + tanh(0.6) = 0.339674 of 500
    update = jax.jit(window.update)
    np.testing.assert_allclose(update(np.float32(0.0), seen(0.8, 0.3)), 169.837, atol=2e-3)
    np.testing.assert_allclose(update(np.float32(7.0), seen(0.0, 0.0)), 7.0)
    update = jax.jit(curriculum.gaussian_window(range(5), low=-1000.0).update)
    np.testing.assert_allclose(update(np.float32(0.0), seen(0.0, 0.0)), -380.797, atol=2e-3)
    np.testing.assert_allclose(update(np.float32(3.0), seen(np.nan, np.nan, False)), 3.0)


def test_the_window_is_symmetric_around_its_centre_and_follows_the_order():
    order = [3, 0, 4, 1, 2]
    window = curriculum.gaussian_window(order, std=1.5)
    by_rank = np.asarray(jax.jit(window.weights)(np.float32(2.0)))[np.asarray(order)]
    expected = np.exp(-((np.arange(5) - 2.0) ** 2) / 4.5)
    np.testing.assert_allclose(by_rank, expected / expected.sum(), rtol=1e-5)
    np.testing.assert_allclose(by_rank, by_rank[::-1], rtol=1e-6)


def test_a_wide_window_is_uniform():
    window = curriculum.gaussian_window(range(4), std=1e9)
    np.testing.assert_allclose(jax.jit(window.weights)(np.float32(3.0)), 0.25, rtol=1e-6)
