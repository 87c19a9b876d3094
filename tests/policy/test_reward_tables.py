"""Rewards off tables, and errors of tool calls."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from algax import policy

from .compiled import update


def rewards(transform, **fields):
    fields = {name: jnp.asarray(value) for name, value in fields.items()}
    rows = next(iter(fields.values())).shape[0]
    terms = policy.Terms(mask=jnp.ones([rows, 1], bool), **fields)
    return update(transform, terms)[0].rewards


def test_reward_table_reads_its_flags_in_order():
    table = dict(zip(itertools.product([False, True], repeat=3), range(8), strict=True))
    flags = np.array(list(itertools.product([0, 1], repeat=3)))
    actual = rewards(
        policy.reward_table(("correct", "thinking", "well_formed"), table),
        correct=flags[:, 0],
        thinking=flags[:, 1],
        well_formed=flags[:, 2],
    )
    np.testing.assert_array_equal(actual, np.arange(8))


def test_format_mix():
    fields = {"correct": np.array([1, 1, 0, 0]), "well_formed": np.array([1, 0, 1, 0])}
    np.testing.assert_allclose(rewards(policy.format_mix(), **fields), [1, 0.5, 0.5, 0])
    np.testing.assert_allclose(rewards(policy.format_mix(0.0), **fields), [1, 1, 0, 0])
    np.testing.assert_allclose(rewards(policy.format_mix(1.0), **fields), [1, 0, 1, 0])


def test_penalties_for_reasoning_in_the_wrong_place():
    table = np.array(list(itertools.product([0, 1], repeat=3)))
    base = np.linspace(-1, 1, 8)
    fields = {"rewards": base, "thinking": table[:, 0], "needs_thought": table[:, 1], "well_formed": table[:, 2]}
    actual = rewards(policy.reasoning_penalties(miss=0.3, over=0.1, malformed=1.0), **fields)
    miss, over = (table[:, 0] < table[:, 1]), (table[:, 0] > table[:, 1])
    assert not np.any(miss & over)
    np.testing.assert_allclose(actual, base - 0.3 * miss - 0.1 * over - (1 - table[:, 2]), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(rewards(policy.reasoning_penalties(miss=0.0, over=0.0), **fields), base, rtol=1e-6)
    one = {"rewards": [0.5], "thinking": [1], "needs_thought": [0]}
    np.testing.assert_allclose(rewards(policy.reasoning_penalties(miss=1.0, over=0.1), **one), [0.4], rtol=1e-6)


NAMES = ["a", "b", "c", "z"]
SIGNATURE = {"foo": "abc", "bar": "a"}
# usable, tool, given names, right tool, right names, right values
CALLS = [
    (1, "foo", "ab", "foo", "ba", 1, 1.0),  # the order of parameters does not matter
    (0, "", "a", "foo", "a", 0, -2.0),
    (1, "bar", "a", "foo", "a", 1, -1.5),
    (1, "foo", "zc", "foo", "a", 0, -1.8),
    (1, "foo", "z", "foo", "a", 0, -1.3),
    (1, "foo", "az", "foo", "a", 0, -0.8),
    (1, "foo", "c", "foo", "a", 0, -1.0),
    (1, "foo", "ac", "foo", "a", 0, -0.5),
    (1, "foo", "a", "foo", "ab", 0, -0.5),
    (1, "foo", "a", "foo", "a", 0, -0.25),
    (0, "", "", "foo", "a", 0, -2.0),
    (1, "foo", "azc", "foo", "a", 0, -1.3),
]


def bits(names):
    return [name in names for name in NAMES]


def tool_calls():
    return policy.ToolCalls(
        usable=jnp.array([call[0] for call in CALLS]),
        right_tool=jnp.array([call[1] == call[3] for call in CALLS]),
        predicted=jnp.array([bits(call[2]) for call in CALLS]),
        gold=jnp.array([bits(call[4]) for call in CALLS]),
        signature=jnp.array([bits(SIGNATURE.get(call[1], "")) for call in CALLS]),
        right_values=jnp.array([call[5] for call in CALLS]),
    )


def test_rewards_of_tool_calls():
    errors = policy.tool_errors(tool_calls())
    np.testing.assert_allclose(policy.error_table(errors), [call[6] for call in CALLS], rtol=1e-6)
    assert np.asarray(errors["hallucinated"])[[3, 4, 5, 11]].all() and not bool(errors["hallucinated"][6])


def test_the_first_entry_that_fits_counts():
    errors = {"a": jnp.array([1, 1, 0, 0]), "b": jnp.array([1, 0, 1, 0])}
    table = ((("a", "b"), -3.0), (("b",), -2.0), (("a",), -1.0))
    np.testing.assert_array_equal(policy.error_table(errors, table, otherwise=5.0), [-3, -1, -2, 5])
    with pytest.raises(ValueError, match="`table`"):
        policy.error_table(errors, ((("c",), 1.0),))


def test_tool_errors_refuse_shapes_that_disagree():
    with pytest.raises(ValueError, match="`calls`"):
        policy.tool_errors(tool_calls()._replace(gold=jnp.zeros([12, 3])))
