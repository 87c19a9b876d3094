"""Masked tokens, masked thoughts, templates and verbalizers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import pretrain

KEY = jax.random.key(1)
COLUMNS = np.tile(np.arange(100), (50, 1))
WIDE = jax.device_get(jax.jit(pretrain.token_batch)(np.full((50, 100), 7, np.int32), COLUMNS < 90, COLUMNS >= 10))


def close(share, probability, count):
    return abs(share - probability) < 4 * np.sqrt(probability * (1 - probability) / count)


def test_shares_of_masked_random_and_unchanged_tokens():
    changed = jax.jit(pretrain.masked_language(3, 1000, rate=0.5))(KEY, WIDE)
    chosen, tokens = np.asarray(changed.learned), np.asarray(changed.tokens)
    assert not chosen[:, :10].any() and not chosen[:, 90:].any()
    assert close(chosen[:, 10:90].mean(), 0.5, 4000)
    picked = tokens[chosen]
    assert close((picked == 3).mean(), 0.8, len(picked)) and close((picked == 7).mean(), 0.101, len(picked))
    assert (tokens[~chosen] == 7).all() and (np.asarray(changed.targets) == 7).all()


def test_nothing_chosen_is_no_loss():
    changed = jax.device_get(jax.jit(pretrain.masked_language(3, 10, rate=0.0))(KEY, WIDE))
    assert not changed.learned.any()
    terms = pretrain.Terms(log_probs=-np.ones((50, 100), np.float32), tokens=changed.targets, mask=changed.learned)
    assert float(jax.jit(pretrain.next_token())(terms)) == 0.0


def test_forced_tokens_are_chosen():
    tokens, draws = np.array([[4, 5, 6]], np.int32), (np.full((1, 3), 0.9), np.zeros((1, 3)), np.zeros((1, 3), np.int32))
    eligible, force = np.array([[True, True, False]]), np.array([[False, True, True]])
    corrupt = jax.jit(lambda *arrays, force: pretrain.corrupt_tokens(*arrays, rate=0.5, mask_token=1, force=force))
    corrupted, chosen = corrupt(tokens, eligible, draws, force=force)
    np.testing.assert_array_equal(corrupted, [[4, 1, 6]])
    np.testing.assert_array_equal(chosen, [[False, True, False]])


def test_templates():
    assert pretrain.render(["{text_a}", "?", "{label}", ",", "{text_b}"], {"text_a": "a b", "label": "No"}) == "a b ? No ,"
    assert pretrain.render(["{text_a}", "{text_b}", "It was {label} ."], {"text_a": "x", "label": "good"}) == "x It was good ."
    with pytest.raises(TypeError, match="parts"):
        pretrain.render("{text_a}", {})


def test_one_word_a_class_is_the_softmax_of_the_words():
    logits = np.random.default_rng(0).normal(size=(3, 12)).astype(np.float32)
    words = np.array([[4, -1], [9, -1], [2, -1]])
    verbalize = jax.jit(pretrain.verbalize, static_argnums=2)
    expected = np.exp(logits.astype(np.float64))[:, [4, 9, 2]]
    expected /= expected.sum(axis=1, keepdims=True)
    for reduce in ("mean_logit", "mass"):
        np.testing.assert_allclose(verbalize(logits, words, reduce), expected, rtol=1e-5)
    # class -> word -> class
    confident = 20 * np.eye(12, dtype=np.float32)[words[:, 0]]
    assert np.argmax(verbalize(confident, words), axis=1).tolist() == [0, 1, 2]


def test_masked_thoughts_change_only_what_is_read_of_the_response():
    same = jax.jit(pretrain.masked_thought(0.0, mask_token=1, vocabulary_size=9))(KEY, WIDE)
    jax.tree.map(np.testing.assert_array_equal, same, WIDE)
    for replace_rate in (0.0, 1.0):
        transform = pretrain.masked_thought(0.4, mask_token=1, vocabulary_size=1000, replace_rate=replace_rate)
        changed = jax.device_get(jax.jit(transform)(KEY, WIDE))
        np.testing.assert_array_equal(changed.targets, WIDE.targets)
        np.testing.assert_array_equal(changed.learned, WIDE.learned)
        moved = changed.tokens != WIDE.tokens
        assert not moved[:, :10].any() and not moved[:, 90:].any()
        assert close(moved[:, 10:90].mean(), 0.4 * (1 - replace_rate / 1000), 4000)
        assert replace_rate or set(changed.tokens[moved]) == {1}


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
    draw = jax.jit(jax.vmap(transform, in_axes=(0, None)))
    shares = np.mean(np.asarray(draw(jax.random.split(KEY, 30), WIDE).tokens)[:, :, 10:90] == 1, axis=(1, 2))
    assert max(shares) < 0.44 and np.ptp(shares) > 0.2 and abs(np.mean(shares) - 0.2) < 4 * 0.4 / np.sqrt(12 * 30)
