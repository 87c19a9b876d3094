"""Prefixes and mixtures."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from algax import curriculum, pretrain

KEY = jax.random.key(2)
TEXT = jax.device_get(
    jax.jit(pretrain.token_batch)(np.array([[11, 12, 13], [21, 22, 0]], np.int32), np.array([[1, 1, 1], [1, 1, 0]]))
)
PREFIX, PREFIX_MASK = np.array([[5, 6], [7, 0]], np.int32), np.array([[1, 1], [1, 0]], bool)


@functools.partial(jax.jit, static_argnames=("bos_token", "eos_token", "learn_prefix", "width"))
def prepended(text, prefix, mask, **options):
    return pretrain.prepend(text, prefix, mask, **options)


def prepend(*arrays, **options):
    return jax.device_get(prepended(*arrays, **options))


@jax.jit
def meco(mask):
    return pretrain.meco(TEXT, PREFIX, mask, bos_token=1, eos_token=2)


def test_bos_prefix_text_eos():
    full = prepend(TEXT, PREFIX, PREFIX_MASK, bos_token=1, eos_token=2)
    np.testing.assert_array_equal(full.tokens, [[1, 5, 6, 11, 12, 13, 2], [1, 7, 21, 22, 2, 0, 0]])
    np.testing.assert_array_equal(full.learned.astype(int), [[0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 1, 0, 0]])
    np.testing.assert_array_equal(full.mask.sum(axis=1), [7, 5])
    learned = prepend(TEXT, PREFIX, PREFIX_MASK, learn_prefix=True)
    np.testing.assert_array_equal(learned.learned.astype(int), [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])


def test_a_condition_costs_no_loss_tokens():
    conditioned = prepend(TEXT, PREFIX, PREFIX_MASK)
    np.testing.assert_array_equal(conditioned.learned.sum(axis=1), TEXT.learned.sum(axis=1))
    cut = prepend(TEXT, PREFIX, PREFIX_MASK, width=3)
    np.testing.assert_array_equal(cut.tokens, [[5, 6, 11], [7, 21, 22]])


def test_corrupted_texts_keep_their_targets():
    corrupted = TEXT._replace(tokens=TEXT.tokens + 50)
    full = prepend(corrupted, PREFIX, PREFIX_MASK)
    np.testing.assert_array_equal(full.targets, [[5, 6, 11, 12, 13], [7, 21, 22, 0, 0]])
    np.testing.assert_array_equal(full.tokens[0], [5, 6, 61, 62, 63])


def test_dropped_prefixes():
    none, all_kept = jax.jit(lambda key, mask: [pretrain.drop_prefix(key, mask, rate) for rate in (1.0, 0.0)])(KEY, PREFIX_MASK)
    unchanged = prepend(TEXT, PREFIX, none, width=3)
    jax.tree.map(np.testing.assert_array_equal, unchanged, TEXT)
    np.testing.assert_array_equal(all_kept, PREFIX_MASK)
    many, fields = np.ones((4000, 4), bool), np.tile(np.array([[0, 0, 1, 1]]), (4000, 1))

    @jax.jit
    def drop(key, many):
        return pretrain.drop_prefix(key, many, 0.3), pretrain.drop_prefix(key, many, 0.3, field_ids=fields)

    whole, single = jax.device_get(drop(KEY, many))
    assert (whole == whole[:, :1]).all() and abs(whole[:, 0].mean() - 0.7) < 4 * np.sqrt(0.21 / 4000)
    assert (single[:, 0] == single[:, 1]).all() and (single[:, 2] == single[:, 3]).all()
    assert abs((single[:, 0] & single[:, 2]).mean() - 0.49) < 4 * np.sqrt(0.25 / 4000)


@jax.jit
def loss_of(batch):
    """Under a fixed table of bigrams."""
    table = jnp.asarray(np.random.default_rng(0).normal(size=(64, 64)), jnp.float32)
    return pretrain.next_token()(pretrain.forward(lambda params, inputs: params[inputs])(table, pretrain.causal_terms(batch)))


def test_metadata_are_read_and_not_learned():
    full, plain = jax.device_get((meco(PREFIX_MASK), meco(np.zeros_like(PREFIX_MASK))))
    np.testing.assert_array_equal(full.learned.sum(axis=1), plain.learned.sum(axis=1))
    relabelled = full._replace(targets=np.where(full.learned, full.targets, np.int32(9)))
    assert float(loss_of(full)) == float(loss_of(relabelled))
    assert float(loss_of(full)) != float(loss_of(full._replace(targets=full.targets + 1)))
    nothing = full._replace(learned=np.zeros_like(full.learned))
    assert float(loss_of(nothing)) == 0.0


def test_domains():
    assert pretrain.url_domain("https://en.wikipedia.org/wiki/X") == "en.wikipedia.org"
    assert pretrain.url_domain("example.com/a?u=http://b/c") == "example.com"
    assert pretrain.url_domain("http://example.com") == "example.com"


def test_a_mixture_of_one_is_that_transform():
    transform = pretrain.masked_thought(0.5, mask_token=1, vocabulary_size=9)
    mixed = pretrain.mixture([transform], [0.3])
    jax.tree.map(np.testing.assert_array_equal, *jax.jit(lambda key, text: (mixed(key, text), transform(key, text)))(KEY, TEXT))


def test_rows_are_taken_at_their_rates():
    batches = [{"x": np.full((6000, 2), value), "step": jnp.int32(4)} for value in range(3)]
    choose_rows = jax.jit(pretrain.choose_rows)
    taken = choose_rows(KEY, np.array([1.0, 0.0, 3.0], np.float32), batches)
    rows = np.asarray(taken["x"])
    assert (rows[:, 0] == rows[:, 1]).all() and not (rows == 1).any() and int(taken["step"]) == 4
    assert abs((rows[:, 0] == 2).mean() - 0.75) < 3 * np.sqrt(0.75 * 0.25 / 6000)
    transforms = [lambda key, batch, value=value: batch * 0 + value for value in range(2)]
    mixed = np.asarray(jax.jit(pretrain.mixture(transforms, (1.0, 4.0)))(KEY, np.zeros((6000, 1), np.float32)))
    assert abs(mixed.sum() / 6000 - 0.8) < 3 * np.sqrt(0.16 / 6000)
    with pytest.raises(ValueError, match="`batches`"):
        pretrain.choose_rows(KEY, np.ones(2), batches)


def test_the_last_tenth_has_no_metadata():
    shares = curriculum.mixture_schedule([(0, (1.0, 0.0)), (36_000, (0.0, 1.0))])
    metadata, plain = jax.device_get((meco(PREFIX_MASK), meco(np.zeros_like(PREFIX_MASK))))
    choose_rows = jax.jit(pretrain.choose_rows)
    for step, expected in ((35_999, metadata), (36_000, plain)):  # the boundary belongs to the new stage
        taken = choose_rows(KEY, shares(step), (metadata, plain))
        jax.tree.map(np.testing.assert_array_equal, taken, expected)
    rate = optax.warmup_cosine_decay_schedule(0.0, 3e-3, 2000, 40_000, 3e-4)  # knows nothing of stages
    assert abs(float(rate(36_000)) - float(rate(35_999))) < 1e-7
