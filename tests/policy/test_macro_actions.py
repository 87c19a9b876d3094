"""Macro actions: where segments begin, how they pool, and advantages over segments against a loop."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import policy

from .compiled import update


def run(transform, **fields):
    return update(transform, policy.Terms(**fields))[0]


def starts(segment_ids, mask):
    """The valid positions of the first row at which a segment begins."""
    positions = np.flatnonzero(mask[0])
    ids = np.asarray(segment_ids)[0, positions]
    return positions[np.flatnonzero(np.diff(ids, prepend=ids[0] - 1))].tolist()


ONES = np.ones([1, 8], bool)


def test_ngrams_with_the_last_token_alone_or_not():
    assert starts(run(policy.ngram_segments(length=3), mask=ONES).segment_ids, ONES) == [0, 3, 6, 7]
    assert starts(run(policy.ngram_segments(length=3, last_alone=False), mask=ONES).segment_ids, ONES) == [0, 3, 6]
    assert starts(run(policy.ngram_segments(length=1), mask=ONES).segment_ids, ONES) == list(range(8))
    assert starts(run(policy.ngram_segments(length=99, last_alone=False), mask=ONES).segment_ids, ONES) == [0]


def test_masked_tokens_take_no_place():
    mask = np.array([[1, 0, 1, 1, 0, 1, 1, 0]], bool)
    assert starts(run(policy.ngram_segments(length=2), mask=mask).segment_ids, mask) == [0, 3, 6]
    log_probs = np.array([[-1.0, 0.0, -2.0, -1.0, 0.0, -1.5, -1.0, 0.0]], np.float32)
    assert starts(run(policy.perplexity_segments(), mask=mask, old_log_probs=log_probs).segment_ids, mask) == [0, 3, 6]


def test_segments_start_before_a_rise_of_the_perplexity():
    perplexity = np.array([[1.7, 1.5, 10.8, 3.1, 2.1, 2.7, 2.3, 1.9]])
    actual = run(policy.perplexity_segments(), mask=ONES, old_log_probs=-np.log(perplexity).astype(np.float32))
    assert starts(actual.segment_ids, ONES) == [0, 1, 4, 7]


def test_random_lengths_are_a_shuffle_of_all():
    mask, options = np.ones([1, 12], bool), {"lengths": (1, 2, 3), "repeats": 1, "last_alone": False}
    draw = jax.jit(lambda key: policy.random_segment_ids(key, jnp.asarray(mask), **options))
    cuts = [starts(draw(jax.random.key(seed)), mask) for seed in range(5)]
    for cut in cuts:
        assert sorted(np.diff(cut)) == [1, 2, 3] and cut[0] == 0  # the rest is one segment
    assert len({tuple(cut) for cut in cuts}) > 1
    for bad in ({"lengths": (0,)}, {"lengths": ()}, {"repeats": 0}):
        with pytest.raises(ValueError, match=f"`{next(iter(bad))}"):
            policy.random_segment_ids(jax.random.key(0), mask, **bad)


@pytest.mark.parametrize("pool", ["equal", "last", "position"])
def test_pools_against_numpy_and_their_weights_sum_to_one(pool):
    mask = np.array([[1, 1, 1, 0, 1, 1, 0]], bool)
    ids = np.array([[4, 4, 4, 9, 4, 2, 2]])
    x = np.array([[1.0, 5.0, -2.0, 99.0, 3.0, 0.5, 99.0]], np.float32)
    first = np.array([1.0, 5.0, -2.0, 3.0])
    weights = {"equal": np.ones(4), "last": np.array([0, 0, 0, 1]), "position": 1 / np.arange(1, 5)}[pool]
    pooled = weights @ first / weights.sum()
    terms = policy.Terms(mask=mask, segment_ids=ids)
    pool_segments = jax.jit(lambda terms, x: policy.pool_segments(terms.prepare(), x, pool))
    expected = [[pooled, pooled, pooled, 0, pooled, 0.5, 0]]
    np.testing.assert_allclose(pool_segments(terms, x), expected, rtol=1e-5)
    np.testing.assert_allclose(pool_segments(terms, np.ones_like(x)), mask.astype(np.float32), rtol=1e-6)


RNG = np.random.default_rng(0)
VALUES, REWARDS = (RNG.normal(size=(2, 7)).astype(np.float32) for _ in range(2))
MASK = np.array([[1, 1, 1, 1, 1, 1, 1], [1, 1, 0, 1, 1, 0, 0]], bool)
FIELDS = {"old_values": VALUES, "token_rewards": REWARDS, "mask": MASK}


@pytest.mark.parametrize("pool", ["equal", "last", "position"])
def test_segments_of_one_token_are_token_gae(pool):
    ids = np.broadcast_to(np.arange(7), (2, 7))
    actual = run(policy.segment_gae(gamma=0.9, trace_decay=0.8, pool=pool), segment_ids=ids, **FIELDS)
    expected = run(policy.generalised_advantage(gamma=0.9, trace_decay=0.8), **FIELDS)
    np.testing.assert_allclose(actual.advantages, expected.advantages, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(np.where(MASK, actual.returns - expected.returns, 0), 0, atol=1e-5)


def test_one_segment_is_a_bandit():
    actual = run(policy.segment_gae(), segment_ids=np.zeros([2, 7], int), **FIELDS)
    for row in range(2):
        pooled = [x[row, MASK[row]].mean() for x in (REWARDS, VALUES)]
        np.testing.assert_allclose(np.asarray(actual.advantages)[row, MASK[row]], pooled[0] - pooled[1], rtol=1e-5)
        np.testing.assert_allclose(np.asarray(actual.returns)[row, MASK[row]], pooled[0], rtol=1e-5)


def test_advantages_over_segments_against_a_loop():
    gamma, decay, ids = 0.9, 0.8, np.array([[3, 3, 5, 5, 5, 1, 0], [3, 3, 5, 5, 5, 1, 0]])
    actual = np.asarray(run(policy.segment_gae(gamma=gamma, trace_decay=decay), segment_ids=ids, **FIELDS).advantages)
    for row in range(2):
        members = [np.flatnonzero((ids[row] == i) & MASK[row]) for i in (3, 5, 1, 0)]
        following, following_value = 0.0, 0.0
        for tokens in reversed([m for m in members if len(m)]):
            value = VALUES[row, tokens].mean()
            following = REWARDS[row, tokens].mean() + gamma * following_value - value + gamma * decay * following
            following_value = value
            np.testing.assert_allclose(actual[row, tokens], following, rtol=1e-4, atol=1e-5)
    assert np.all(actual[~MASK] == 0)


def test_padding_changes_nothing():
    def advantages(width):
        pad = ((0, 0), (0, width))
        fields = {name: np.pad(value, pad, constant_values=0 if value.dtype == bool else 7) for name, value in FIELDS.items()}
        segmented = run(policy.ngram_segments(length=2), mask=fields["mask"]).segment_ids
        return np.asarray(run(policy.segment_gae(), segment_ids=segmented, **fields).advantages)[:, :7]

    np.testing.assert_allclose(advantages(3), advantages(0), rtol=1e-6)
