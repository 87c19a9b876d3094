"""The record and the forward pass of the room `unlearn`."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import algax
from algax import unlearn

TOKENS = {kind: jnp.array([[1, 0], [2, -100]]) for kind in ("forget", "retain", "idk")}
MASK = jnp.array([[1, 1], [1, 0]])


def test_forward_fills_in_what_the_inputs_name():
    logits = jnp.asarray(np.random.default_rng(0).normal(size=(2, 2, 3)), jnp.float32)
    fields = {f"{kind}_tokens": tokens for kind, tokens in TOKENS.items()}
    inputs = {"forget": logits, "idk": 2.0 * logits}
    filled = unlearn.forward(lambda params, x: params * x)(0.5, unlearn.Terms(inputs=inputs, forget_mask=MASK, **fields))
    expected = np.asarray(jax.nn.log_softmax(0.5 * logits))
    np.testing.assert_allclose(
        filled.forget_log_probs, [[expected[0, 0, 1], expected[0, 1, 0]], [expected[1, 0, 2], 0]], rtol=1e-6
    )
    assert filled.idk_log_probs is not None and filled.retain_log_probs is None
    np.testing.assert_array_equal(filled.forget_distribution.logits, 0.5 * logits)


@pytest.mark.parametrize("inputs", [jnp.zeros((2, 2, 3)), {"forgotten": jnp.zeros((2, 2, 3))}, {}])
def test_inputs_must_be_a_dict_of_known_names(inputs):
    with pytest.raises(ValueError, match="`inputs`"):
        unlearn.forward(lambda params, x: x)(None, unlearn.Terms(inputs=inputs))


def test_missing_tokens_are_named():
    with pytest.raises(ValueError, match="`retain_tokens`"):
        unlearn.forward(lambda params, x: x)(None, unlearn.Terms(inputs={"retain": jnp.zeros((2, 2, 3))}))


def test_forget_and_retain_batches_of_different_sizes_train_in_micro_batches():
    rng = np.random.default_rng(1)
    sizes = {"forget": (2, 3), "retain": (4, 5)}
    inputs = {kind: jnp.asarray(rng.normal(size=(*size, 2)), jnp.float32) for kind, size in sizes.items()}
    tokens = {f"{kind}_tokens": jnp.asarray(rng.integers(0, 4, size)) for kind, size in sizes.items()}
    terms = unlearn.Terms(inputs=inputs, **tokens, ref_forget_log_probs=jnp.full((2, 3), -1.0))
    params = jnp.asarray(rng.normal(size=(2, 4)), jnp.float32)
    results = []
    for microbatches in (1, 2):
        forward = unlearn.forward(lambda params, x: x @ params)
        tx = algax.gradient(unlearn.npo_retain(), forward, microbatches=microbatches)
        gradient, state = jax.jit(tx.update)(None, tx.init(params), params, terms=terms)
        results.append((gradient, optax.tree.get(state, "metrics")["retain_nll"]))
    np.testing.assert_allclose(results[1][0], results[0][0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(results[1][1], results[0][1], rtol=1e-6)


def test_ce_u_says_what_to_put_first():
    with pytest.raises(ValueError, match="put drop_first_forget_tokens before gradient_ascent"):
        loss = algax.chain(unlearn.gradient_ascent(), unlearn.ce_u())
        tx = algax.gradient(loss, unlearn.forward(lambda params, x: x @ params))
        inputs = {"forget": jnp.zeros((2, 2, 2))}
        terms = unlearn.Terms(inputs=inputs, forget_tokens=jnp.zeros((2, 2), jnp.int32))
        tx.update(None, tx.init(jnp.ones((2, 4))), jnp.ones((2, 4)), terms=terms)
