"""`Logits` and `FactoredLogits` against float64 NumPy, and against each other."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import algax


def oracle(logits, tokens):
    """log p(token) and entropy in float64."""
    logits = np.asarray(logits, np.float64)
    shifted = logits - logits.max(-1, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    entropies = -(np.exp(log_probs) * log_probs).sum(-1)
    return np.take_along_axis(log_probs, np.asarray(tokens)[..., None], -1)[..., 0], entropies


def make(seed=0, shape=(2, 5), hidden=4, vocabulary=7, bias=True):
    rng = np.random.default_rng(seed)
    states = jnp.asarray(rng.normal(size=(*shape, hidden)), jnp.float32)
    kernel = jnp.asarray(rng.normal(size=(hidden, vocabulary)), jnp.float32)
    offset = jnp.asarray(rng.normal(size=vocabulary), jnp.float32) if bias else None
    tokens = jnp.asarray(rng.integers(0, vocabulary, shape))
    logits = jnp.einsum("...d,dv->...v", states, kernel)
    return states, kernel, offset, tokens, logits if offset is None else logits + offset[None, None, :]


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1, 3, 4, 10, 64]), st.booleans())
def test_values_do_not_depend_on_the_chunks(seed, chunk_size, bias):
    states, kernel, offset, tokens, logits = make(seed, bias=bias)
    factored = algax.FactoredLogits(states, kernel, offset, chunk_size=chunk_size)
    for distribution in (algax.Logits(logits), factored):
        log_probs, entropies = oracle(logits, tokens)
        np.testing.assert_allclose(distribution.log_probs(tokens), log_probs, rtol=2e-5, atol=2e-5)
        np.testing.assert_allclose(distribution.entropies(), entropies, rtol=2e-5, atol=2e-5)
        assert distribution.shape == (2, 5) and distribution.vocabulary_size == 7


def objective(distribution, tokens, where=None):
    """A function of both outputs with different cotangents at every position."""
    scale = jnp.arange(tokens.size, dtype=jnp.float32).reshape(tokens.shape)
    return jnp.sum(jnp.sin(distribution.log_probs(tokens, where)) * scale) + jnp.sum(distribution.entropies(where) ** 2 * scale)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("chunk_size", [3, 16])
def test_chunked_gradients_equal_the_dense_ones(chunk_size, bias):
    states, kernel, offset, tokens, _ = make(3, bias=bias)
    where = jnp.asarray(np.random.default_rng(1).random(tokens.shape) < 0.7)

    def factored(args):
        return objective(algax.FactoredLogits(args[0], args[1], args[2], chunk_size=chunk_size), tokens, where)

    def dense(args):
        logits = jnp.einsum("...d,dv->...v", args[0], args[1])
        logits = logits if args[2] is None else logits + args[2][None, None, :]
        return objective(algax.Logits(logits), tokens, where)

    actual, expected = (jax.jit(jax.value_and_grad(fn))((states, kernel, offset)) for fn in (factored, dense))
    jax.tree.map(lambda a, e: np.testing.assert_allclose(a, e, rtol=1e-4, atol=1e-4), actual, expected)


def test_gradient_against_finite_differences_in_float64():
    with jax.enable_x64(True):
        states, kernel, offset, tokens, _ = make(5)
        args = jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), (states, kernel, offset))
        scale = jnp.linspace(-1.0, 1.0, tokens.size).reshape(tokens.shape)

        def value(args):
            distribution = algax.FactoredLogits(*args, chunk_size=4)
            return jnp.sum(distribution.log_probs(tokens) * scale) + jnp.sum(distribution.entropies() * scale)

        direction = jax.tree.map(lambda x: jnp.asarray(np.random.default_rng(0).normal(size=x.shape)), args)
        slope = sum(jax.tree.leaves(jax.tree.map(jnp.vdot, jax.grad(value)(args), direction)))
        step = 1e-6
        ends = [value(jax.tree.map(lambda x, d, s=s: x + s * d, args, direction)) for s in (step, -step)]
        np.testing.assert_allclose((ends[0] - ends[1]) / (2 * step), slope, rtol=1e-7)


@pytest.mark.parametrize("factored", [True, False])
def test_nan_outside_where_contributes_exactly_nothing(factored):
    states, kernel, offset, tokens, logits = make(4)
    where = jnp.asarray([[True] * 5, [False] * 5])
    poison = jnp.where(where[..., None], 0.0, jnp.nan)

    def value(x, kernel):
        distribution = algax.FactoredLogits(x, kernel, offset, chunk_size=4) if factored else algax.Logits(x)
        return objective(distribution, tokens, where)

    x = (states if factored else logits) + poison
    grads = jax.grad(value, argnums=(0, 1))(x, kernel)
    assert np.all(np.asarray(grads[0])[1] == 0) and np.all(np.isfinite(grads[0])) and np.all(np.isfinite(grads[1]))


@pytest.mark.parametrize("mixed", [True, False])
def test_map_of_two_distributions_is_the_kl_divergence(mixed):
    states, kernel, offset, _, logits = make(6)
    _, _, _, _, others = make(7)
    other = algax.Logits(others) if mixed else algax.FactoredLogits(make(7)[0], make(7)[1], make(7)[2])
    distribution = algax.FactoredLogits(states, kernel, offset, chunk_size=3)

    def divergence(log_p, log_q):
        return jnp.sum(jnp.exp(log_p) * (log_p - log_q), axis=-1)

    p, q = (np.asarray(jax.nn.log_softmax(x), np.float64) for x in (logits, others))
    expected = (np.exp(p) * (p - q)).sum(-1)
    np.testing.assert_allclose(distribution.map(divergence, other), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(algax.Logits(logits).map(divergence, other), expected, rtol=1e-4, atol=1e-5)


def test_map_takes_arrays_by_row():
    states, kernel, offset, tokens, logits = make(8)
    weights = jnp.asarray(np.random.default_rng(0).normal(size=(2, 5, 3)), jnp.float32)

    def pick(log_probs, tokens, weights):
        return jnp.take_along_axis(log_probs, tokens[:, None], axis=1) * weights

    expected = oracle(logits, tokens)[0][..., None] * np.asarray(weights)
    for distribution in (algax.Logits(logits), algax.FactoredLogits(states, kernel, offset, chunk_size=4)):
        np.testing.assert_allclose(distribution.map(pick, tokens, weights), expected, rtol=1e-4, atol=1e-5)


def test_bfloat16_hidden_states_give_float32_log_probs():
    states, kernel, offset, tokens, logits = make(9)
    factored = algax.FactoredLogits(states.astype(jnp.bfloat16), kernel, offset)
    assert factored.log_probs(tokens).dtype == jnp.float32
    np.testing.assert_allclose(factored.log_probs(tokens), oracle(logits, tokens)[0], atol=0.1)


def test_no_array_of_the_size_of_the_logits_is_made():
    positions, hidden, vocabulary = 512, 8, 1024
    args = (jnp.ones([positions, hidden]), jnp.ones([hidden, vocabulary]), jnp.zeros([positions], jnp.int32))

    def loss(states, kernel, tokens):
        return jnp.sum(algax.FactoredLogits(states, kernel, chunk_size=32).log_probs(tokens))

    memory = jax.jit(jax.grad(loss, argnums=(0, 1))).lower(*args).compile().memory_analysis().temp_size_in_bytes
    assert memory < positions * vocabulary * 4 / 4  # four times less than the logits alone


def test_misuse_is_named():
    states, kernel, offset, tokens, logits = make()
    with pytest.raises(ValueError, match="`chunk_size` must be an integer >= 1, got 0"):
        algax.FactoredLogits(states, kernel, chunk_size=0)
    with pytest.raises(ValueError, match=r"`kernel` must have shape \[D, V\] with D = 4"):
        algax.FactoredLogits(states, kernel.T)
    with pytest.raises(ValueError, match="`tokens` must have the distribution's shape"):
        algax.Logits(logits).log_probs(tokens[:, :2])
    with pytest.raises(TypeError, match="`tokens` must be integers"):
        algax.Logits(logits).log_probs(tokens.astype(jnp.float32))
