"""Masked tokens, masked thoughts, templates and verbalizers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import pretrain

KEY = jax.random.key(1)
WIDE = pretrain.token_batch(
    jnp.full((50, 100), 7), jnp.arange(100)[None, :] < jnp.full((50, 1), 90), jnp.arange(100)[None, :] >= jnp.full((50, 1), 10)
)


def close(share, probability, count):
    return abs(share - probability) < 4 * np.sqrt(probability * (1 - probability) / count)


def test_shares_of_masked_random_and_unchanged_tokens():
    changed = pretrain.masked_language(3, 1000, rate=0.5)(KEY, WIDE)
    chosen, tokens = np.asarray(changed.learned), np.asarray(changed.tokens)
    assert not chosen[:, :10].any() and not chosen[:, 90:].any()
    assert close(chosen[:, 10:90].mean(), 0.5, 4000)
    picked = tokens[chosen]
    assert close((picked == 3).mean(), 0.8, len(picked)) and close((picked == 7).mean(), 0.101, len(picked))
    assert (tokens[~chosen] == 7).all() and (np.asarray(changed.targets) == 7).all()


def test_nothing_chosen_is_no_loss():
    changed = pretrain.masked_language(3, 10, rate=0.0)(KEY, WIDE)
    assert not changed.learned.any()
    terms = pretrain.Terms(log_probs=-jnp.ones((50, 100)), tokens=changed.targets, mask=changed.learned)
    assert float(pretrain.next_token()(terms)) == 0.0


def test_forced_tokens_are_chosen():
    tokens, ones = jnp.array([[4, 5, 6]]), jnp.ones((1, 3))
    draws = ones * 0.9, ones * 0.0, jnp.zeros((1, 3), jnp.int32)
    eligible, force = jnp.array([[True, True, False]]), jnp.array([[False, True, True]])
    corrupted, chosen = pretrain.corrupt_tokens(tokens, eligible, draws, rate=0.5, mask_token=1, force=force)
    np.testing.assert_array_equal(corrupted, [[4, 1, 6]])
    np.testing.assert_array_equal(chosen, [[False, True, False]])


def test_templates():
    assert pretrain.render(["{text_a}", "?", "{label}", ",", "{text_b}"], {"text_a": "a b", "label": "No"}) == "a b ? No ,"
    assert pretrain.render(["{text_a}", "{text_b}", "It was {label} ."], {"text_a": "x", "label": "good"}) == "x It was good ."
    with pytest.raises(TypeError, match="parts"):
        pretrain.render("{text_a}", {})


def test_one_word_a_class_is_the_softmax_of_the_words():
    logits = jnp.asarray(np.random.default_rng(0).normal(size=(3, 12)), jnp.float32)
    words = jnp.array([[4, -1], [9, -1], [2, -1]])
    expected = np.exp(np.asarray(logits, np.float64))[:, [4, 9, 2]]
    expected /= expected.sum(axis=1, keepdims=True)
    for reduce in ("mean_logit", "mass"):
        np.testing.assert_allclose(pretrain.verbalize(logits, words, reduce), expected, rtol=1e-5)
    # class -> word -> class
    assert jnp.argmax(pretrain.verbalize(20.0 * jax.nn.one_hot(words[:, 0], 12), words), axis=1).tolist() == [0, 1, 2]


def test_masked_thoughts_change_only_what_is_read_of_the_response():
    same = pretrain.masked_thought(0.0, mask_token=1, vocabulary_size=9)(KEY, WIDE)
    jax.tree.map(np.testing.assert_array_equal, same, WIDE)
    for replace_rate in (0.0, 1.0):
        changed = pretrain.masked_thought(0.4, mask_token=1, vocabulary_size=1000, replace_rate=replace_rate)(KEY, WIDE)
        np.testing.assert_array_equal(changed.targets, WIDE.targets)
        np.testing.assert_array_equal(changed.learned, WIDE.learned)
        moved = np.asarray(changed.tokens != WIDE.tokens)
        assert not moved[:, :10].any() and not moved[:, 90:].any()
        assert close(moved[:, 10:90].mean(), 0.4 * (1 - replace_rate / 1000), 4000)
        assert replace_rate or set(np.asarray(changed.tokens)[moved]) == {1}


def test_the_rate_is_read_at_the_step():
    schedule = pretrain.mask_rate(0.4, 300)
    assert float(schedule(0)) == 0.0
    np.testing.assert_allclose(float(schedule(200)), 0.4 * 200 / 201, rtol=1e-6)
    np.testing.assert_allclose(float(schedule(201)), 0.4, rtol=1e-6)
    transform = jax.jit(pretrain.masked_thought(schedule, mask_token=1, vocabulary_size=9))
    for step in (0, 100):
        changed = transform(KEY, WIDE._replace(step=jnp.int32(step)))
        share = (np.asarray(changed.tokens)[:, 10:90] == 1).mean()
        assert share == 0.0 if step == 0 else close(share, 0.4 * 100 / 201, 4000)
    with pytest.raises(ValueError, match="step"):
        pretrain.masked_thought(schedule, mask_token=1, vocabulary_size=9)(KEY, WIDE)


def test_a_rate_for_each_batch():
    transform = pretrain.masked_thought(0.4, mask_token=1, vocabulary_size=9, random_rate=True)
    shares = [float((transform(key, WIDE).tokens[:, 10:90] == 1).mean()) for key in jax.random.split(KEY, 30)]
    assert max(shares) < 0.44 and np.ptp(shares) > 0.2 and abs(np.mean(shares) - 0.2) < 4 * 0.4 / np.sqrt(12 * 30)
