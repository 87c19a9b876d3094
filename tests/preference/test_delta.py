"""Delta learning: pairs of two models' responses under length-normalised DPO."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import preference

TOKENS = jnp.array([[0, 1, 2, 3], [2, 2, 1, 0]])


def sequences(tokens, lengths):
    mask = jnp.arange(tokens.shape[1] - 1)[None, :] < jnp.asarray(lengths)[:, None]
    return preference.Sequences(tokens[:, :-1], tokens[:, 1:], mask)


def test_no_difference_teaches_nothing():
    terms = preference.delta_pairs(sequences(TOKENS, [3, 2]), sequences(TOKENS, [3, 2]))
    forward = preference.forward(lambda params, inputs: params[inputs])
    params = jnp.asarray(np.random.default_rng(0).normal(size=(4, 4)), jnp.float32)
    reference = forward(jnp.zeros((4, 4)), terms)
    terms = terms.replace(ref_chosen_log_probs=reference.chosen_log_probs, ref_rejected_log_probs=reference.rejected_log_probs)
    loss = preference.length_normalised_dpo(beta=5.0)
    value, gradient = jax.jit(jax.value_and_grad(lambda params: loss(forward(params, terms))))(params)
    np.testing.assert_allclose(value, np.log(2), rtol=1e-6)
    np.testing.assert_allclose(gradient, 0.0, atol=1e-7)
    np.testing.assert_array_equal(terms.chosen_lengths, [3.0, 2.0])


def test_the_loss_does_not_see_a_common_factor_of_log_probs_and_lengths():
    names = ("chosen_log_probs", "rejected_log_probs", "ref_chosen_log_probs", "ref_rejected_log_probs")
    fields = {name: -jnp.arange(1.0, 4.0) * (i + 1) for i, name in enumerate(names)}
    fields |= {"chosen_lengths": jnp.array([2.0, 3.0, 5.0]), "rejected_lengths": jnp.array([4.0, 1.0, 2.0])}
    loss = preference.length_normalised_dpo(beta=5.0)
    plain, scaled = (loss(preference.Terms(**{k: c * v for k, v in fields.items()})) for c in (1.0, 3.0))
    np.testing.assert_allclose(scaled, plain, rtol=1e-6)


def test_rows_must_fit():
    with pytest.raises(ValueError, match="`chosen`"):
        preference.delta_pairs(sequences(TOKENS, [3, 2]), sequences(TOKENS[:1], [3]))
