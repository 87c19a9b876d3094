"""`Logits` and `FactoredLogits` against float64 NumPy, and against each other."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import algax

WHERE = np.random.default_rng(1).random((2, 5)) < 0.7


def oracle(logits, tokens):
    """log p(token) and entropy in float64."""
    logits = np.asarray(logits, np.float64)
    shifted = logits - logits.max(-1, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    entropies = -(np.exp(log_probs) * log_probs).sum(-1)
    return np.take_along_axis(log_probs, np.asarray(tokens)[..., None], -1)[..., 0], entropies


def make(seed=0, shape=(2, 5), hidden=4, vocabulary=7, bias=True):
    rng = np.random.default_rng(seed)
    states = rng.normal(size=(*shape, hidden)).astype(np.float32)
    kernel = rng.normal(size=(hidden, vocabulary)).astype(np.float32)
    offset = rng.normal(size=vocabulary).astype(np.float32) if bias else None
    tokens = rng.integers(0, vocabulary, shape)
    logits = np.einsum("...d,dv->...v", states, kernel)
    return states, kernel, offset, tokens, logits if offset is None else logits + offset[None, None, :]


@functools.partial(jax.jit, static_argnums=4)
def factored_outputs(states, kernel, offset, tokens, chunk_size):
    distribution = algax.FactoredLogits(states, kernel, offset, chunk_size=chunk_size)
    assert distribution.shape == (2, 5) and distribution.vocabulary_size == 7
    return distribution.log_probs(tokens), distribution.entropies()


@jax.jit
def dense_outputs(logits, tokens):
    distribution = algax.Logits(logits)
    assert distribution.shape == (2, 5) and distribution.vocabulary_size == 7
    return distribution.log_probs(tokens), distribution.entropies()


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1, 3, 4, 10, 64]), st.booleans())
def test_values_do_not_depend_on_the_chunks(seed, chunk_size, bias):
    states, kernel, offset, tokens, logits = make(seed, bias=bias)
    log_probs, entropies = oracle(logits, tokens)
    for outputs in (dense_outputs(logits, tokens), factored_outputs(states, kernel, offset, tokens, chunk_size)):
        np.testing.assert_allclose(outputs[0], log_probs, rtol=2e-5, atol=2e-5)
        np.testing.assert_allclose(outputs[1], entropies, rtol=2e-5, atol=2e-5)


def objective(distribution, tokens, where=None):
    """A function of both outputs with different cotangents at every position."""
    scale = jnp.arange(tokens.size, dtype=jnp.float32).reshape(tokens.shape)
    return jnp.sum(jnp.sin(distribution.log_probs(tokens, where)) * scale) + jnp.sum(distribution.entropies(where) ** 2 * scale)


@functools.cache
def dense_gradient(bias):
    states, kernel, offset, tokens, _ = make(3, bias=bias)

    def dense(args):
        logits = jnp.einsum("...d,dv->...v", args[0], args[1])
        logits = logits if args[2] is None else logits + args[2][None, None, :]
        return objective(algax.Logits(logits), tokens, WHERE)

    return jax.jit(jax.value_and_grad(dense))((states, kernel, offset))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("chunk_size", [3, 16])
def test_chunked_gradients_equal_the_dense_ones(chunk_size, bias):
    states, kernel, offset, tokens, _ = make(3, bias=bias)

    def factored(args):
        return objective(algax.FactoredLogits(args[0], args[1], args[2], chunk_size=chunk_size), tokens, WHERE)

    actual, expected = jax.jit(jax.value_and_grad(factored))((states, kernel, offset)), dense_gradient(bias)
    jax.tree.map(lambda a, e: np.testing.assert_allclose(a, e, rtol=1e-4, atol=1e-4), actual, expected)


def test_gradient_against_finite_differences_in_float64():
    with jax.enable_x64(True):
        states, kernel, offset, tokens, _ = make(5)
        args = jax.tree.map(lambda x: x.astype(np.float64), (states, kernel, offset))
        scale = np.linspace(-1.0, 1.0, tokens.size).reshape(tokens.shape)

        @jax.jit
        @jax.value_and_grad
        def evaluate(args):
            distribution = algax.FactoredLogits(*args, chunk_size=4)
            return jnp.sum(distribution.log_probs(tokens) * scale) + jnp.sum(distribution.entropies() * scale)

        direction = jax.tree.map(lambda x: np.random.default_rng(0).normal(size=x.shape), args)
        slope = sum(jax.tree.leaves(jax.tree.map(np.vdot, jax.device_get(evaluate(args)[1]), direction)))
        step = 1e-6
        ends = [float(evaluate(jax.tree.map(lambda x, d, s=s: x + s * d, args, direction))[0]) for s in (step, -step)]
        np.testing.assert_allclose((ends[0] - ends[1]) / (2 * step), slope, rtol=1e-7)


@pytest.mark.parametrize("factored", [True, False])
def test_nan_outside_where_contributes_exactly_nothing(factored):
    states, kernel, offset, tokens, logits = make(4)
    where = np.array([[True] * 5, [False] * 5])
    poison = np.where(where[..., None], 0.0, np.nan).astype(np.float32)

    def value(x, kernel):
        distribution = algax.FactoredLogits(x, kernel, offset, chunk_size=4) if factored else algax.Logits(x)
        return objective(distribution, tokens, where)

    x = (states if factored else logits) + poison
    grads = jax.jit(jax.grad(value, argnums=(0, 1)))(x, kernel)
    assert np.all(np.asarray(grads[0])[1] == 0) and np.all(np.isfinite(grads[0])) and np.all(np.isfinite(grads[1]))


@pytest.mark.parametrize("mixed", [True, False])
def test_map_of_two_distributions_is_the_kl_divergence(mixed):
    states, kernel, offset, _, logits = make(6)
    _, _, _, _, others = make(7)

    def divergence(log_p, log_q):
        return jnp.sum(jnp.exp(log_p) * (log_p - log_q), axis=-1)

    @jax.jit
    def divergences(logits, factors, others, other_factors):
        other = algax.Logits(others) if mixed else algax.FactoredLogits(*other_factors)
        distributions = algax.FactoredLogits(*factors, chunk_size=3), algax.Logits(logits)
        log_softmax = jax.nn.log_softmax(logits), jax.nn.log_softmax(others)
        return [distribution.map(divergence, other) for distribution in distributions], log_softmax

    values, log_softmax = divergences(logits, (states, kernel, offset), others, make(7)[:3])
    p, q = (np.asarray(x, np.float64) for x in log_softmax)
    expected = (np.exp(p) * (p - q)).sum(-1)
    for value in values:
        np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-5)


def test_map_takes_arrays_by_row():
    states, kernel, offset, tokens, logits = make(8)
    weights = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32)

    def pick(log_probs, tokens, weights):
        return jnp.take_along_axis(log_probs, tokens[:, None], axis=1) * weights

    @jax.jit
    def picked(states, kernel, offset, tokens, logits):
        distributions = algax.Logits(logits), algax.FactoredLogits(states, kernel, offset, chunk_size=4)
        return [distribution.map(pick, tokens, weights) for distribution in distributions]

    expected = oracle(logits, tokens)[0][..., None] * weights
    for actual in picked(states, kernel, offset, tokens, logits):
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


def test_bfloat16_hidden_states_give_float32_log_probs():
    states, kernel, offset, tokens, logits = make(9)
    evaluate = jax.jit(lambda states: algax.FactoredLogits(states, kernel, offset).log_probs(tokens))
    log_probs = evaluate(states.astype(jnp.bfloat16))
    assert log_probs.dtype == jnp.float32
    np.testing.assert_allclose(log_probs, oracle(logits, tokens)[0], atol=0.1)


def test_no_array_of_the_size_of_the_logits_is_made():
    positions, hidden, vocabulary = 512, 8, 1024
    args = np.ones([positions, hidden], np.float32), np.ones([hidden, vocabulary], np.float32), np.zeros([positions], np.int32)

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
        algax.Logits(logits).log_probs(tokens.astype(np.float32))
