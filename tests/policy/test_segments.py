"""Kinds of tokens: averages of their own, key tokens, dropped thoughts."""

import functools

import jax
import numpy as np
import pytest

from algax import chain, policy

from .compiled import loss_of, update, value_and_gradient


def batch(lengths, advantages):
    lengths = np.asarray(lengths)
    width = lengths.max()
    mask = np.arange(width)[None, :] < lengths[:, None]
    return policy.Terms(
        mask=mask,
        advantages=np.where(mask, np.asarray(advantages)[:, None], 0).astype(np.float32),
        old_log_probs=np.zeros(mask.shape),
        control_tokens=np.broadcast_to(np.arange(width) == 0, mask.shape),
    )


def segmented(coefficients, norm):
    reduction = policy.token_mean() if norm == "batch" else policy.sequence_mean_token_mean()
    return chain(policy.token_ratio(), policy.ppo_clip(), policy.segment_weights(coefficients, norm=norm), reduction)


@pytest.mark.parametrize("alpha", [0.001, 1.0])
def test_loss_of_two_rows_in_both_normalisations(alpha):
    terms = batch([3, 2], [1.0, -1.0])
    coefficients = {"control_tokens": alpha, "rest": 1.0}
    for norm, expected in (("batch", -1 / 3), ("sequence", 0.0)):
        value, _ = value_and_gradient(segmented(coefficients, norm), terms, np.zeros([2, 3]))
        np.testing.assert_allclose(value, expected, atol=1e-6)


@pytest.mark.parametrize("norm", ["batch", "sequence"])
def test_the_loss_against_numpy(norm):
    rng = np.random.default_rng(0)
    terms = batch([5, 3, 1], [0.5, -1.5, 2.0])
    log_probs = rng.normal(size=(3, 5)) * 0.05
    value, _ = value_and_gradient(
        segmented({"control_tokens": 0.2, "rest": 0.7}, norm), terms, log_probs.astype(np.float32)
    )
    losses = -np.exp(log_probs) * np.asarray(terms.advantages)
    mask, control = np.asarray(terms.mask), np.asarray(terms.control_tokens)
    others = mask & ~control
    if norm == "batch":
        expected = 0.2 * losses[control].mean() + 0.7 * losses[others].mean()
    else:
        counts = np.maximum(others.sum(axis=1), 1)
        expected = np.mean(0.2 * losses[:, 0] + 0.7 * np.where(others, losses, 0).sum(axis=1) / counts)
    np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_one_segment_of_all_tokens_is_the_token_mean():
    terms, log_probs = batch([4, 2], [1.0, -0.5]), np.full([2, 4], 0.1)
    plain = chain(policy.token_ratio(), policy.ppo_clip(), policy.token_mean())
    expected = value_and_gradient(plain, terms, log_probs)
    for a, e in zip(value_and_gradient(segmented({"rest": 1.0}, "batch"), terms, log_probs), expected, strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-6)


@pytest.mark.parametrize("norm", ["batch", "sequence"])
def test_doubling_a_coefficient_doubles_the_gradient_of_its_segment_alone(norm):
    terms, log_probs = batch([4, 2], [1.0, -0.5]), np.full([2, 4], 0.1)
    one, two = (
        np.asarray(value_and_gradient(segmented({"control_tokens": alpha, "rest": 1.0}, norm), terms, log_probs)[1])
        for alpha in (0.01, 0.02)
    )
    np.testing.assert_allclose(two[:, 0], 2 * one[:, 0], rtol=1e-6)
    np.testing.assert_array_equal(two[:, 1:], one[:, 1:])


def test_with_equal_lengths_only_the_denominator_changes():
    terms, log_probs = batch([4, 4], [1.0, -0.5]), np.full([2, 4], 0.1)
    plain = chain(policy.token_ratio(), policy.ppo_clip(), policy.sequence_mean_token_mean())
    expected = np.asarray(value_and_gradient(plain, terms, log_probs)[1])
    actual = np.asarray(value_and_gradient(segmented({"control_tokens": 1.0, "rest": 1.0}, "sequence"), terms, log_probs)[1])
    np.testing.assert_allclose(actual[:, 0], expected[:, 0] * 4, rtol=1e-6)
    np.testing.assert_allclose(actual[:, 1:], expected[:, 1:] * 4 / 3, rtol=1e-6)


def test_one_mode_and_equal_correctness_teach_nothing():
    terms = batch([4, 2], [0.0, 0.0]).replace(
        thinking=np.zeros(2, bool), correct=np.ones(2, bool), group_ids=np.zeros(2, int)
    )
    loss = policy.thinkless(kl_coefficient=0.0)
    _, gradient = value_and_gradient(loss, terms, np.full([2, 4], 0.1))
    assert np.all(np.asarray(gradient) == 0)
    mixed = terms.replace(thinking=np.array([True, False]))
    _, gradient = value_and_gradient(loss, mixed, np.full([2, 4], 0.1))
    assert np.all(np.asarray(gradient)[np.asarray(terms.mask)] != 0)


# ----- key tokens of tool calls ----------------------------------------------------------------------------------------------


def key_terms(keys=2, parameters=2, width=12):
    index = np.arange(width)[None, :]
    return policy.Terms(
        mask=np.ones([1, width], bool),
        key_tokens=index < keys,
        parameter_ends=(index >= keys) & (index < keys + parameters),
    )


def weighted_loss(terms, log_probs, **options):
    loss = chain(policy.log_likelihood(), policy.key_token_weights(**options), policy.token_mean())
    return float(loss_of(loss, terms.replace(log_probs=log_probs)))


def test_key_tokens_weigh_as_many_times_as_they_are_outnumbered():
    transform = policy.key_token_weights()
    weights = update(transform, key_terms())[0].weights[0]
    expected = np.array([4.0] * 2 + [1.0] * 10)
    np.testing.assert_allclose(weights, expected * 12 / 18, rtol=1e-6)
    log_probs = np.random.default_rng(0).normal(size=(1, 12)) - 2
    actual = weighted_loss(key_terms(), log_probs.astype(np.float32))
    np.testing.assert_allclose(actual, -np.sum(expected * log_probs[0]) / 18, rtol=1e-5)


def test_plain_mean_where_there_is_nothing_to_weigh():
    log_probs = (np.random.default_rng(1).normal(size=(1, 12)) - 2).astype(np.float32)
    plain = float(-np.mean(log_probs))
    for terms, options in (
        (key_terms(), {"max_weight": 1.0}),
        (key_terms(keys=0), {}),
        (key_terms(keys=7, parameters=0), {}),
    ):
        np.testing.assert_allclose(weighted_loss(terms, log_probs, **options), plain, rtol=1e-5)
    capped = update(policy.key_token_weights(), key_terms(keys=1, parameters=0))[0].weights[0]
    np.testing.assert_allclose(capped[0] / capped[1], 9.0, rtol=1e-6)


# ----- thoughts ----------------------------------------------------------------------------------------------------

EMPTY = (97, 98)


def spans(rows=6, width=9, seed=0):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(3, width + 1, rows)
    lengths[0] = width
    starts = rng.integers(0, lengths - 1)
    ends = np.array([rng.integers(s, n + 1) for s, n in zip(starts, lengths, strict=True)])
    ends[0] = starts[0]  # an empty thought in a full row: the end is cut
    tokens = np.where(np.arange(width)[None, :] < lengths[:, None], rng.integers(1, 50, (rows, width)), 0)
    return policy.ThoughtSpans(tokens, lengths, starts, ends)


def emptied(batch, row):
    """(tokens, thought) by slicing lists."""
    tokens, start, end = np.asarray(batch.tokens)[row].tolist(), int(batch.starts[row]), int(batch.ends[row])
    tokens = tokens[: int(batch.lengths[row])]
    return (tokens[:start] + list(EMPTY) + tokens[end:])[: batch.tokens.shape[1]]


empty_thoughts = jax.jit(functools.partial(policy.empty_thoughts, empty_tokens=EMPTY))


@pytest.mark.parametrize("drop", ["none", "all", "some"])
def test_emptied_thoughts_against_lists(drop):
    before = spans()
    dropped = {"none": np.zeros(6, bool), "all": np.ones(6, bool), "some": np.arange(6) % 2 == 0}[drop]
    after = jax.device_get(empty_thoughts(before, dropped))
    for row in range(6):
        kept = np.asarray(before.tokens)[row].tolist()[: int(before.lengths[row])]
        expected = emptied(before, row) if dropped[row] else kept
        assert np.asarray(after.tokens)[row].tolist() == expected + [0] * (9 - len(expected))
        assert int(after.lengths[row]) == len(expected)
        inside = after.tokens[row, int(after.starts[row]) : int(after.ends[row])]
        if dropped[row]:
            assert np.asarray(inside).tolist() == list(EMPTY)[: len(inside)]


def test_emptying_an_empty_thought_inserts_one():
    before = policy.ThoughtSpans(np.array([[5, 6, 7, 0]]), np.array([3]), np.array([1]), np.array([1]))
    after = jax.device_get(jax.jit(functools.partial(policy.empty_thoughts, empty_tokens=(9,)))(before, np.array([True])))
    assert np.asarray(after.tokens).tolist() == [[5, 9, 6, 7]] and int(after.lengths[0]) == 4


def test_rates_of_thought_dropout():
    before, key = spans(), jax.random.key(0)
    for rate, drop in ((0.0, np.zeros(6, bool)), (1.0, np.ones(6, bool))):
        actual = jax.jit(policy.thought_dropout(EMPTY, rate=rate))(key, before)
        expected = empty_thoughts(before, drop)
        jax.tree.map(np.testing.assert_array_equal, actual, expected)


def test_the_share_of_dropped_thoughts_is_binomial():
    count, rate = 10_000, 0.3
    row = policy.ThoughtSpans(np.array([[1, 2, 3]]), np.array([3]), np.array([1]), np.array([2]))
    many = jax.tree.map(functools.partial(np.repeat, repeats=count, axis=0), row)
    transform = jax.jit(policy.thought_dropout((9,), rate=rate))
    dropped = np.asarray(transform(jax.random.key(1), many).tokens)[:, 1] == 9
    assert abs(dropped.mean() - rate) < 3 * np.sqrt(rate * (1 - rate) / count)
    again = np.asarray(transform(jax.random.key(1), many).tokens)[:, 1] == 9
    np.testing.assert_array_equal(dropped, again)
