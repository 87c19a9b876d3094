"""Reasoning before, after and beside acting."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import pretrain


def piece(*rows):
    width = max(map(len, rows))
    mask = [[1] * len(row) + [0] * (width - len(row)) for row in rows]
    return pretrain.Piece(np.array([row + [0] * (width - len(row)) for row in rows], np.int32), np.array(mask))


STEP = pretrain.ReasoningStep(
    piece([1, 2, 3], [1, 2]),
    piece([4, 2], [4, 3]),
    piece([5], [5]),
    piece([20], [21]),
    piece([30, 31], [32]),
    piece([9], [8, 7]),
)


reasoning_format = jax.jit(pretrain.reasoning_format, static_argnames=("mode", "pad_token"))


@jax.jit
def loss(text):
    table = jnp.asarray(np.random.default_rng(0).normal(size=(40, 40)), jnp.float32)
    forward = pretrain.forward(lambda params, inputs: params[inputs])
    return pretrain.next_token()(forward(table, pretrain.causal_terms(text)))


def losses(texts):
    return {name: float(loss(text)) for name, text in texts.items()}


def test_orders():
    before, after = (jax.device_get(reasoning_format(STEP, mode)["act"]) for mode in ("before", "after"))
    np.testing.assert_array_equal(before.tokens, [[1, 2, 3, 30, 31, 20], [1, 2, 32, 21, 0, 0]])
    np.testing.assert_array_equal(after.tokens, [[1, 2, 3, 20, 30, 31], [1, 2, 21, 32, 0, 0]])
    for text in (before, after):
        np.testing.assert_array_equal(text.learned.astype(int), [[0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 0, 0]])
    beside = jax.device_get(reasoning_format(STEP, pad_token=6))
    np.testing.assert_array_equal(beside["reason"].tokens, [[4, 2, 30, 31], [4, 3, 32, 6]])
    np.testing.assert_array_equal(beside["instruct"].tokens, [[5, 9, 6], [5, 8, 7]])
    np.testing.assert_array_equal(beside["instruct"].learned.astype(int), [[0, 1, 0], [0, 1, 1]])
    with pytest.raises(ValueError, match="`mode`"):
        pretrain.reasoning_format(STEP, "during")


def test_without_its_auxiliary_tasks_it_is_acting_alone():
    alone, beside = reasoning_format(STEP, "none"), reasoning_format(STEP, "auxiliary")
    coefficients = {"act": 1.0, "reason": 0.0, "instruct": 0.0}
    parts = losses(beside)
    assert sum(coefficients[name] * part for name, part in parts.items()) == losses(alone)["act"]
    assert set(parts) == set(coefficients) and set(alone) == {"act"}
    np.testing.assert_array_equal(alone["act"].lengths, beside["act"].lengths)  # as many tokens in use


def test_an_action_before_its_rationale_does_not_depend_on_it():
    other = STEP._replace(rationale=piece([33, 34], [35]))
    for mode, same in (("after", True), ("before", False)):
        acting = jax.jit(lambda step, mode=mode: pretrain.causal_terms(pretrain.reasoning_format(step, mode)["act"]))
        first, second = acting(STEP), acting(other)
        actions = np.isin(np.asarray(first.tokens), (20, 21))
        read = [np.asarray(terms.inputs) for terms in (first, second)]
        reads = np.cumsum(actions[:, ::-1], axis=1)[:, ::-1] > 0  # what is read up to the action
        assert np.array_equal(read[0][reads], read[1][reads]) == same


def test_only_the_first_action_is_taken():
    actions = np.arange(6).reshape(2, 3)
    np.testing.assert_array_equal(pretrain.receding_horizon(actions), [[0], [3]])
    with pytest.raises(ValueError, match="`execute`"):
        pretrain.receding_horizon(actions, execute=4)
