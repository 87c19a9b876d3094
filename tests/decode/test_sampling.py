"""The sampler against full-context recomputation, on a Transformer and on a table of fixed distributions."""

import functools

import flax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import decode, models

V, B, P, N = 6, 5, 4, 5
CONFIG = models.TransformerConfig(
    vocabulary_size=V, hidden_size=8, num_layers=2, num_heads=2, num_key_value_heads=1, max_length=P + N
)
MODULE = models.Transformer(CONFIG)
FORWARD = jax.jit(MODULE.apply)
PROMPTS = np.random.default_rng(0).integers(0, V, (B, P)).astype(np.int32)
PROMPT_MASK = np.arange(P)[None, :] >= np.array([0, 1, 2, 3, 0])[:, None]
DECODER = models.decoder(MODULE)
TABLE = jnp.log(jnp.array([0.4, 0.3, 0.2, 0.1]))


def draw_params(seed):
    """Parameters so large that the next-token distribution depends on the context."""
    shapes = flax.core.meta.unbox(jax.eval_shape(MODULE.init, jax.random.key(0), PROMPTS))
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: jnp.asarray(rng.normal(0.3, 0.7, leaf.shape), leaf.dtype), shapes)


@pytest.fixture(scope="module")
def params():
    return draw_params(0)


@pytest.fixture(scope="module")
def plain_run():
    """Jitted sampling at a traced temperature."""
    return jax.jit(
        lambda params, key, temperature: decode.sample(
            DECODER, params, PROMPTS, PROMPT_MASK, key, max_new_tokens=N, temperature=temperature
        )
    )


def table_decoder(table):
    """Every next token has the same logits; the cache counts the tokens seen."""
    step = lambda params, tokens, mask, cache: (  # noqa: E731
        jnp.broadcast_to(table, (tokens.shape[0], table.shape[0])),
        cache + jnp.sum(mask, axis=1, dtype=jnp.int32),
    )
    return decode.Decoder(lambda batch_size, length: jnp.zeros(batch_size, jnp.int32), step)


@functools.partial(jax.jit, static_argnums=(2, 3))
def draw(key, logits, temperature, transform):
    full = jax.nn.log_softmax(transform(logits / temperature))
    return full, jax.random.categorical(key, full)


def uncached_sample(params, key, temperature, stop_token, pad_token, transform):
    """Recomputes the whole context for every token; returns tokens, mask and log-probs."""
    context, mask = np.pad(PROMPTS, ((0, 0), (0, N))), np.pad(PROMPT_MASK, ((0, 0), (0, N)))
    log_probs, alive = np.zeros((B, N)), np.ones(B, bool)
    for index in range(N):
        logits = np.asarray(FORWARD(params, context, mask))[:, P + index - 1]
        if temperature == 0:
            full, drawn = np.zeros((B, V)), np.argmax(logits, axis=-1)
        else:
            full, drawn = draw(jax.random.fold_in(key, index), logits, temperature, transform)
        log_probs[:, index] = np.where(alive, np.asarray(full)[np.arange(B), drawn], 0)
        context[:, P + index], mask[:, P + index] = np.where(alive, drawn, pad_token), alive
        alive = alive & (context[:, P + index] != stop_token)
    return context[:, P:], mask[:, P:], log_probs


@pytest.mark.parametrize(
    ("temperature", "stop_token", "pad_token", "transform"),
    [(0.7, None, 0, None), (1.5, 2, 4, decode.top_k(4))],
)
def test_cached_equals_full_context(params, temperature, stop_token, pad_token, transform):
    options = dict(stop_token=stop_token, pad_token=pad_token, logits_transform=transform)
    run = jax.jit(
        lambda params, key: decode.sample(
            DECODER, params, PROMPTS, PROMPT_MASK, key, max_new_tokens=N, temperature=temperature, **options
        )
    )
    stopped = False
    for seed in range(4):
        samples = run(params, jax.random.key(seed))
        tokens, mask, log_probs = uncached_sample(
            params, jax.random.key(seed), temperature, stop_token, pad_token, transform or jax.nn.identity
        )
        np.testing.assert_array_equal(samples.tokens, tokens)
        np.testing.assert_array_equal(samples.mask, mask)
        np.testing.assert_allclose(samples.log_probs, log_probs, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(samples.lengths, mask.sum(axis=1))
        stopped |= not mask.all()
    assert stopped == (stop_token is not None)


@pytest.fixture(scope="module")
def table_samples():
    run = jax.jit(
        lambda key: decode.sample(
            table_decoder(TABLE),
            None,
            jnp.zeros((400, 1), jnp.int32),
            jnp.ones((400, 1), bool),
            key,
            max_new_tokens=8,
            stop_token=2,
            pad_token=3,
        )
    )
    return run, run(jax.random.key(0))


def test_stop_mask_pad_and_lengths(table_samples):
    assert isinstance(table_samples[1], decode.Samples)
    _, samples = table_samples
    for row, mask, log_probs, length in zip(*map(np.asarray, samples), strict=True):
        stops = np.flatnonzero(row == 2)
        assert length == (stops[0] + 1 if stops.size else 8)
        np.testing.assert_array_equal(mask, np.arange(8) < length)
        assert np.all(row[length:] == 3) and np.all(log_probs[length:] == 0)
        np.testing.assert_allclose(log_probs[:length], np.asarray(TABLE)[row[:length]], rtol=1e-5)
    assert samples.tokens.dtype == jnp.int32 and samples.lengths.dtype == jnp.int32 and samples.mask.dtype == bool
    assert len(set(np.asarray(samples.lengths))) == 8


def test_frequencies_are_the_distribution(table_samples):
    _, samples = table_samples
    drawn = np.asarray(samples.tokens)[np.asarray(samples.mask)]
    frequencies = np.bincount(drawn, minlength=4) / drawn.size
    np.testing.assert_allclose(frequencies, [0.4, 0.3, 0.2, 0.1], atol=5 * np.sqrt(0.25 / drawn.size))


def test_key_decides_everything(table_samples):
    run, samples = table_samples
    np.testing.assert_array_equal(run(jax.random.key(0)).tokens, samples.tokens)
    assert np.any(np.asarray(run(jax.random.key(1)).tokens) != np.asarray(samples.tokens))


def test_shorter_run_is_a_prefix_and_one_token_works(params, plain_run):
    run = jax.jit(lambda params, key: decode.sample(DECODER, params, PROMPTS, PROMPT_MASK, key, max_new_tokens=1))
    one = run(params, jax.random.key(0))
    assert [array.shape for array in one] == [(B, 1)] * 3 + [(B,)]
    whole = plain_run(params, jax.random.key(0), jnp.float32(1))
    np.testing.assert_array_equal(one.tokens[:, 0], whole.tokens[:, 0])


def test_zero_temperature_is_greedy_static_or_traced(params, plain_run):
    static = jax.jit(
        lambda params, key: decode.sample(
            DECODER, params, PROMPTS, PROMPT_MASK, key, max_new_tokens=N, temperature=0, stop_token=None
        )
    )
    expected, _, _ = uncached_sample(params, None, 0, None, 0, None)
    for samples in (static(params, jax.random.key(1)), plain_run(params, jax.random.key(0), jnp.float32(0))):
        np.testing.assert_array_equal(samples.tokens, expected)
        np.testing.assert_array_equal(samples.log_probs, np.zeros((B, N)))


def test_vmap_over_seeds_equals_a_loop(plain_run):
    keys = jax.random.split(jax.random.key(7), 2)
    seeds = [draw_params(seed) for seed in range(2)]
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *seeds)
    together = jax.device_get(jax.jit(jax.vmap(plain_run, in_axes=(0, 0, None)))(stacked, keys, jnp.float32(1)))
    for index, params in enumerate(seeds):
        for both, single in zip(together, plain_run(params, keys[index], jnp.float32(1)), strict=True):
            np.testing.assert_allclose(both[index], single, rtol=1e-4, atol=1e-5)
    assert np.any(together.tokens[0] != together.tokens[1])


def test_bad_arguments_are_named(params):
    def run(prompts=PROMPTS, mask=PROMPT_MASK, **options):
        options = {"max_new_tokens": N, **options}
        return jax.eval_shape(lambda: decode.sample(DECODER, params, prompts, mask, jax.random.key(0), **options))

    with pytest.raises(ValueError, match=r"prompts.*\[B, P\].*\(4,\)"):
        run(prompts=PROMPTS[0])
    with pytest.raises(TypeError, match="prompts.*float32"):
        run(prompts=PROMPTS.astype(np.float32))
    with pytest.raises(ValueError, match="prompt_mask"):
        run(mask=PROMPT_MASK[:2])
    with pytest.raises(ValueError, match="max_new_tokens.*1.*0"):
        run(max_new_tokens=0)
    with pytest.raises(ValueError, match="temperature.*-1"):
        run(temperature=-1.0)
    with pytest.raises(ValueError, match="stop_token.*6.*6"):
        run(stop_token=V)
    with pytest.raises(ValueError, match="pad_token.*-1"):
        run(pad_token=-1)
    with pytest.raises(ValueError, match="length.*max_length"):
        run(max_new_tokens=N + 2)
