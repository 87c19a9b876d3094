"""Rates of topics by hand, and an order from easy to hard."""

import jax
import jax.numpy as jnp
import numpy as np

from algax import curriculum


def after(*perplexities):
    """The rates of three topics after some measurements; NaN is none."""
    topics = curriculum.topic_mixture((1.0, 1.0, 2.0), step_size=0.5)
    state = topics.init()
    for values in perplexities:
        state = topics.update(state, curriculum.TopicPerplexities(jnp.array(values), ~jnp.isnan(jnp.array(values))))
    assert isinstance(state, curriculum.TopicState)
    return np.asarray(topics.weights(state))


def test_topics_that_got_worse_grow():
    np.testing.assert_allclose(after(), [0.25, 0.25, 0.5])
    np.testing.assert_allclose(after([10.0, 10.0, 10.0]), [0.25, 0.25, 0.5])  # nothing to compare with
    # Changes of -20 %, +10 % and 0: factors 0.5, 1.25 and 1.
    found = after([10.0, 10.0, 10.0], [8.0, 11.0, 10.0])
    np.testing.assert_allclose(found, np.array([0.125, 0.3125, 0.5]) / 0.9375, rtol=1e-6)
    assert abs(found.sum() - 1) < 1e-6 and (found > 0).all()
    np.testing.assert_allclose(after([10.0, 20.0, 30.0], [9.0, 18.0, 27.0]), [0.25, 0.25, 0.5], rtol=1e-6)


def test_what_was_not_measured_stays():
    once = after([10.0, 10.0, 10.0], [12.0, np.nan, np.nan])
    np.testing.assert_allclose(once, np.array([0.375, 0.25, 0.5]) / 1.125, rtol=1e-6)
    # The second topic is compared with when it was last measured: changes of 0, +10 % and 0.
    later = after([10.0, 10.0, 10.0], [12.0, np.nan, np.nan], [12.0, 11.0, np.nan])
    np.testing.assert_allclose(later, np.array([0.375, 0.375, 0.5]) / 1.25, rtol=1e-6)


def test_easy_to_hard():
    """Documents in the order of their perplexity, in buckets that are shuffled within."""
    scores = jnp.asarray(np.random.default_rng(0).permutation(40), jnp.float32)

    def ordered(sizes):
        return np.asarray(scores[jnp.argsort(scores)[curriculum.phase_order(jax.random.key(0), sizes)]])

    buckets = ordered([10] * 4).reshape(4, 10)
    for number, bucket in enumerate(buckets):
        assert sorted(bucket) == list(range(10 * number, 10 * number + 10)) and list(bucket) != sorted(bucket)
    assert (np.diff(buckets.mean(axis=1)) > 0).all()
    whole = ordered([40])  # one bucket is a plain shuffle
    assert sorted(whole) == list(range(40)) and abs(np.corrcoef(whole, np.arange(40))[0, 1]) < 0.5
