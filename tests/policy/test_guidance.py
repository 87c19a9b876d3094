"""A teacher's feedback, hints, imitation, thoughts and roles."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import chain, policy

from .compiled import loss_of, update, value_and_gradient

SHAPE = (4, 5)


def normal(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape or SHAPE).astype(np.float32)


def record(**fields):
    settings = {
        "rewards": np.array([1.0, 0.0, 0.0, 1.0], np.float32),
        "group_ids": np.array([2, 2, 9, 9]),
        "old_log_probs": -2 + 0.3 * normal(0),
        "mask": np.arange(5)[None, :] < np.array([[5], [3], [4], [2]]),
        "guided_tokens": np.zeros(SHAPE, bool),
    }
    return policy.Terms(**{**settings, **fields})


def same(actual, expected, **tolerance):
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, b, **(tolerance or {"rtol": 1e-5, "atol": 1e-7}))


LOG_PROBS = -2 + 0.3 * normal(1)

# ----- a teacher's feedback ---------------------------------------------------------------------------------------------


def test_without_teacher_tokens_it_is_grpo_with_dual_clip():
    grpo = chain(policy.group_advantage(), policy.token_ratio(), policy.ppo_clip(dual=3.0), policy.token_mean())
    same(value_and_gradient(policy.thinktuning(), record(), LOG_PROBS), value_and_gradient(grpo, record(), LOG_PROBS))


@jax.jit
def shaped_weights(log_probs, advantages):
    """The weights, and the released code's constant."""
    weights = policy.shaped_weights(log_probs, policy.guidance_shaping(advantages))
    return weights, policy.guidance_shaping(advantages, released=True)


@pytest.mark.parametrize(("advantage", "prob", "weight"), [(4.0, 0.001, 0.5), (0.0, 0.3, 1.0), (-4.0, 0.02, 0.02 / 0.019)])
def test_shaped_weights(advantage, prob, weight):
    weights, released = shaped_weights(np.float32(np.log(prob)), np.float32(advantage))
    np.testing.assert_allclose(weights, weight, rtol=1e-5)
    assert released == np.float32(-1e-3)


def test_guards_of_the_shaped_weight():
    constants = np.array([-0.001, 0.001], np.float32)
    weights = jax.jit(policy.shaped_weights)(np.log(np.array([0.0005, 0.9999], np.float32)), constants)
    np.testing.assert_allclose(weights, [1.0001, 0.9999], rtol=1e-6)


def shaped_record(advantages, old=None):
    old = np.zeros(SHAPE, np.float32) if old is None else old
    guided = np.broadcast_to(np.arange(5) > 0, SHAPE)
    return record(advantages=np.full(SHAPE, advantages, np.float32), guided_tokens=guided, old_log_probs=old)


SHAPED = chain(policy.token_ratio(), policy.ppo_clip(dual=3.0), policy.shape_guidance(), policy.token_mean())


def test_gradient_of_a_guided_token_and_its_behaviour_policy():
    terms = shaped_record(2.0)
    _, gradient = value_and_gradient(SHAPED, terms, LOG_PROBS)
    probs, used = np.exp(LOG_PROBS), np.asarray(terms.mask & terms.guided_tokens)
    expected = -2.0 * probs / (probs + 0.0005) / np.asarray(terms.mask).sum()
    np.testing.assert_allclose(np.asarray(gradient)[used], expected[used], rtol=1e-5)
    other = np.where(terms.guided_tokens, normal(3), 0)
    changed = terms.replace(old_log_probs=other)
    same(value_and_gradient(SHAPED, changed, LOG_PROBS), value_and_gradient(SHAPED, terms, LOG_PROBS))


def test_improbable_guided_tokens_are_not_pushed_down_by_their_weight():
    log_probs = np.full(SHAPE, np.log(0.0005), np.float32)
    terms = shaped_record(-4.0, log_probs)
    dual = chain(policy.token_ratio(), policy.ppo_clip(dual=3.0), policy.token_mean())
    same(value_and_gradient(SHAPED, terms, log_probs), value_and_gradient(dual, terms, log_probs))


def test_append_feedback():
    batch = policy.Feedback(
        tokens=np.array([[1, 2, 0], [3, 4, 5]]),
        mask=np.array([[1, 1, 0], [1, 0, 1]]),
        feedback=np.array([[7, 8], [9, 6]]),
        feedback_mask=np.array([[1, 1], [1, 0]]),
    )
    tokens, mask, guided = jax.jit(policy.append_feedback(1.0))(jax.random.key(0), batch)
    np.testing.assert_array_equal(tokens, [[1, 2, 7, 8, 0], [3, 0, 5, 9, 0]])
    np.testing.assert_array_equal(mask, [[1, 1, 1, 1, 0], [1, 0, 1, 1, 0]])
    np.testing.assert_array_equal(guided, [[0, 0, 1, 1, 0], [0, 0, 0, 1, 0]])
    half = jax.jit(jax.vmap(policy.append_feedback(0.5), in_axes=(0, None)))
    chosen = np.any(half(jax.random.split(jax.random.key(1), 20), batch)[2], axis=2)
    assert np.all(np.sum(chosen, axis=1) == 1) and 0 < np.sum(chosen, axis=0)[0] < 20


# ----- hints ------------------------------------------------------------------------------------------------------------


guided_where_all_fail = jax.jit(policy.guided_where_all_fail)


def test_groups_that_succeed_are_left_alone():
    plain, guided = record(), record(rewards=np.full(4, 0.5, np.float32), old_log_probs=normal(5))
    mixed, used = guided_where_all_fail(plain, guided)
    assert not np.any(used)
    loss = policy.guide_grpo()
    same(value_and_gradient(loss, mixed, LOG_PROBS), value_and_gradient(loss, plain, LOG_PROBS))


def test_groups_that_fail_are_replaced_and_two_failures_have_no_gradient():
    plain = record(rewards=np.array([0.0, 0.0, 0.0, 1.0], np.float32))
    guided = record(rewards=np.array([1.0, 0.0, 0.5, 0.5], np.float32), old_log_probs=normal(5), mask=np.ones(SHAPE, bool))
    mixed, used = jax.device_get(guided_where_all_fail(plain, guided))
    np.testing.assert_array_equal(used, [True, True, False, False])
    np.testing.assert_array_equal(mixed.rewards, [1.0, 0.0, 0.0, 1.0])
    np.testing.assert_array_equal(mixed.mask[:2], guided.mask[:2])
    np.testing.assert_array_equal(mixed.old_log_probs[:2], guided.old_log_probs[:2])
    np.testing.assert_array_equal(mixed.mask[2:], plain.mask[2:])
    failing = plain.replace(rewards=np.zeros(4, np.float32))
    assert not np.any(value_and_gradient(policy.guide_grpo(), guided_where_all_fail(failing, failing)[0], LOG_PROBS)[1])
    with pytest.raises(ValueError, match="`guided`"):
        guided_where_all_fail(plain, guided.replace(old_log_probs=None))


def test_the_ratio_is_taken_against_the_hinted_context():
    terms = policy.Terms(old_log_probs=np.log([[0.8]]), advantages=np.ones([1, 1]))
    given = chain(*policy.guide_grpo().steps[1:])
    value, gradient = value_and_gradient(given, terms, np.log([[0.1]]))
    np.testing.assert_allclose(value, -0.125, rtol=1e-6)
    np.testing.assert_allclose(gradient, [[-0.125]], rtol=1e-6)


# ----- imitation --------------------------------------------------------------------------------------------------------


def with_explanations(**fields):
    """Four rollouts, of which the group 2 is solved, and one explanation for each of the two groups."""
    mask = np.arange(5)[None, :] < np.array([[5], [3], [4], [2], [3], [5]])
    settings = {
        "rewards": np.array([1.0, 0.0, 0.0, 0.0, 9.0, 9.0]),
        "group_ids": np.array([2, 2, 9, 9, 2, 9]),
        "demonstrations": np.array([0, 0, 0, 0, 1, 1]),
        "correct": np.array([1, 0, 0, 0, 1, 1]),
        "old_log_probs": -2 + 0.3 * normal(0, 6, 5),
        "mask": mask,
    }
    return policy.Terms(**{**settings, **fields})


MORE = -2 + 0.3 * normal(1, 6, 5)


def test_without_imitation_it_is_grpo():
    terms = with_explanations()
    value, gradient = value_and_gradient(policy.exp_grpo(beta=0.0), terms, MORE)
    rollouts = policy.Terms(
        rewards=terms.rewards[:4], group_ids=terms.group_ids[:4], old_log_probs=terms.old_log_probs[:4], mask=terms.mask[:4]
    )
    expected = value_and_gradient(policy.grpo(kl_coefficient=0.0), rollouts, MORE[:4])
    same((value, gradient[:4]), expected)
    assert not np.any(gradient[4:])


def test_groups_without_success_learn_from_explanations_alone():
    terms = with_explanations(rewards=np.zeros(6), correct=np.zeros(6, int))
    for unsolved in (False, True):
        _, gradient = value_and_gradient(policy.exp_grpo(beta=0.3, unsolved=unsolved), terms, MORE)
        lengths = np.array([3.0, 5.0])
        expected = np.where(terms.mask[4:], -0.3 / 2 / lengths[:, None], 0.0)
        np.testing.assert_allclose(gradient[4:], expected, rtol=1e-6)
        assert not np.any(gradient[:4])


def test_solved_groups_need_no_explanation():
    unsolved = policy.exp_grpo(beta=0.3, unsolved=True)
    _, gradient = value_and_gradient(unsolved, with_explanations(), MORE)
    assert not np.any(gradient[4])
    np.testing.assert_allclose(gradient[5], np.full(5, -0.3 / 2 / 5), rtol=1e-6)
    solved = with_explanations(correct=np.array([1, 0, 0, 1, 0, 0]))
    same(
        value_and_gradient(unsolved, solved, MORE),
        value_and_gradient(policy.exp_grpo(beta=0.0), solved, MORE),
    )


def test_means_of_both_parts():
    terms = with_explanations(advantages=normal(4, 6, 5))
    x, mask = np.asarray(MORE, np.float64), np.asarray(terms.mask)
    rows = (x * mask).sum(axis=1) / mask.sum(axis=1)
    for policy_mean in ("token", "sequence"):
        for mean in ("token", "sequence"):
            weights = policy.imitation_weights(0.4, policy_mean=policy_mean, mean=mean)
            loss = chain(policy.log_likelihood(), weights, policy.token_mean())
            parts = []
            for kind, chosen in ((policy_mean, slice(0, 4)), (mean, slice(4, 6))):
                parts.append(rows[chosen].mean() if kind == "sequence" else x[chosen][mask[chosen]].mean())
            value = loss_of(loss, terms.replace(log_probs=MORE))
            np.testing.assert_allclose(value, -parts[0] - 0.4 * parts[1], rtol=1e-5)


def test_on_rollouts():
    terms = with_explanations()
    after, _ = update(policy.on_rollouts(policy.group_advantage(scale="none")), terms)
    np.testing.assert_allclose(after.advantages[:, 0], [0.5, -0.5, 0, 0, 0, 0], atol=1e-6)
    np.testing.assert_array_equal(after.mask, terms.mask)


# ----- thoughts ---------------------------------------------------------------------------------------------------------

THOUGHTS = np.arange(5)[None, :] < np.array([[2], [1], [3], [1]])


def test_the_thought_counts_less():
    terms, weights = record(thoughts=THOUGHTS), (0.0, 0.5, 1.0)
    weighted = jax.jit(lambda terms: [policy.weighted_action_log_probs(terms.prepare(), LOG_PROBS, w) for w in weights])
    for weight, actual in zip(weights, weighted(terms), strict=True):
        expected = (LOG_PROBS * terms.mask * np.where(THOUGHTS, weight, 1.0)).sum(axis=1)
        np.testing.assert_allclose(actual, expected, rtol=1e-5)


def test_weight_zero_trains_the_action_alone_and_no_imitation_is_plain_ppo():
    terms = record(thoughts=THOUGHTS, rewards=np.ones(4), old_log_probs=LOG_PROBS, demonstrations=np.array([0, 0, 0, 1]))
    _, gradient = value_and_gradient(policy.gtr(thought_weight=0.0, imitation=0.0), terms, LOG_PROBS)
    trained = np.asarray(terms.mask & ~THOUGHTS)[:3]
    np.testing.assert_allclose(gradient[:3], np.where(trained, -1 / 3, 0.0), atol=1e-6)
    assert not np.any(gradient[3])
    _, gradient = value_and_gradient(policy.gtr(imitation=0.6), terms, LOG_PROBS)
    np.testing.assert_allclose(gradient[3], [-0.3, -0.3, 0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(gradient[0], [-1 / 6, -1 / 6, -1 / 3, -1 / 3, -1 / 3], atol=1e-6)


def test_buffer_keeps_the_last_items():
    insert, draw = jax.jit(policy.insert_items), jax.jit(policy.draw_items, static_argnums=2)
    buffer = policy.ring_buffer({"x": np.zeros([], np.int32)}, 5)
    assert isinstance(buffer, policy.RingBuffer)
    for k in range(1, 5):
        buffer = insert(buffer, {"x": np.arange(2, dtype=np.int32) + 2 * k})
        assert buffer.size == min(2 * k, 5)
    np.testing.assert_array_equal(np.sort(buffer.items["x"]), [5, 6, 7, 8, 9])
    assert set(np.asarray(draw(jax.random.key(0), buffer, 200)["x"])) == {5, 6, 7, 8, 9}
    half = insert(policy.ring_buffer(np.zeros(2, np.float32), 8), np.ones([3, 2], np.float32))
    np.testing.assert_array_equal(draw(jax.random.key(1), half, 50), np.ones([50, 2]))
    with pytest.raises(ValueError, match="`items`"):
        policy.insert_items(half, np.ones([9, 2], np.float32))


# ----- roles ------------------------------------------------------------------------------------------------------------


def test_shared_rewards():
    rewards = np.array([[0.2, 1.0], [0.5, -1.0]], np.float32)
    share = jax.jit(policy.shared_rewards)
    np.testing.assert_allclose(share(rewards), [[0.7, 0.0], [0.7, 0.0]], atol=1e-6)
    np.testing.assert_allclose(share(rewards, np.eye(2)), rewards)
    against = np.array([[1.0, -1.0], [-1.0, 1.0]])
    np.testing.assert_allclose(share(rewards, against), [[-0.3, 2.0], [0.3, -2.0]], atol=1e-6)
    with pytest.raises(ValueError, match="`weights`"):
        policy.shared_rewards(rewards, np.eye(3))


def test_exchange_of_roles():
    exchange = jax.jit(lambda step, pair: policy.exchange_roles(step, pair, every=5))
    pair = ({"w": np.zeros(2, np.float32)}, {"w": np.ones(2, np.float32)})
    for step in range(15):
        leading, observing = jax.device_get(exchange(step, pair))
        assert (float(leading["w"][0]), float(observing["w"][0])) == ((1.0, 0.0) if 5 <= step < 10 else (0.0, 1.0))
        np.testing.assert_array_equal(exchange(step, (leading, observing))[0]["w"], pair[0]["w"])


def test_no_gradient_flows_from_one_role_to_the_other():
    def loss(params):
        rewards = policy.shared_rewards(jnp.stack([params["a"], params["b"]]))
        terms = policy.Terms(rewards=rewards[0], log_probs=params["a"][:, None])
        return policy.reinforce()(terms)

    gradient = jax.jit(jax.grad(loss))({"a": np.array([-1.0, -2.0]), "b": np.array([-0.5, -0.3])})
    assert not np.any(gradient["b"])
    np.testing.assert_allclose(gradient["a"], [0.75, 1.15], rtol=1e-6)
