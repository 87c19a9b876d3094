"""Batches of sampled responses on which every objective of the room is checked."""

import jax
import jax.numpy as jnp
import numpy as np

from algax import Logits, policy

from ...kinds import LossRoom

LENGTH, VOCABULARY = 6, 7
GROUPS = np.array([5, 5, 5, 90, 90, 90, 90, -2])


def make_terms(rng, rows):
    shape = (rows, LENGTH)
    ids = np.resize(GROUPS, rows)
    rewards = np.where(ids == 5, 0.3, rng.normal(size=rows))  # one group whose rewards are all equal
    lengths = rng.integers(2, LENGTH + 1, rows)
    mask = np.arange(LENGTH)[None, :] < lengths[:, None]
    mask[:, 1] &= np.arange(rows) % 3 > 0  # holes, as tool output leaves them

    def normal(*size):
        return jnp.asarray(rng.normal(size=size), jnp.float32)

    return policy.Terms(
        inputs=jnp.asarray(rng.integers(0, VOCABULARY, shape)),
        tokens=jnp.asarray(rng.integers(0, VOCABULARY, shape)),
        mask=jnp.asarray(mask),
        rewards=jnp.asarray(rewards, jnp.float32),
        token_rewards=normal(*shape),
        group_ids=jnp.asarray(ids),
        truncated=jnp.asarray(rng.random(rows) < 0.4),
        correct=jnp.asarray(rng.random(rows) < 0.5),
        answer_ids=jnp.asarray(rng.integers(0, 3, rows)),
        demonstrations=jnp.asarray(np.arange(rows) % 4 == 3),
        environment_steps=jnp.asarray(rng.integers(0, 4, rows)),
        regularising=jnp.asarray(np.arange(rows) % 4 == 2),
        rehearsal=jnp.asarray(np.arange(rows) % 3 == 1),
        old_log_probs=-2.0 + normal(*shape),
        behaviour_log_probs=-2.0 + normal(*shape),
        ref_log_probs=-2.0 + normal(*shape),
        old_values=normal(*shape),
        old_entropies=jnp.abs(normal(*shape)),
        reward_parts=normal(rows, 3),
        bundle_ids=jnp.asarray(np.where(np.resize(GROUPS, rows) == -2, 3, 8)),
        paper_ids=jnp.asarray(np.resize([0, 1, 2, 0, 1, 2, 7, 4], rows)),
        has_answer=jnp.asarray(rng.random(rows) < 0.8),
        consistent=jnp.asarray(rng.random(rows) < 0.5),
        well_formed=jnp.asarray(rng.random(rows) < 0.8),
        embeddings=normal(rows, 5),
        step_ends=jnp.asarray(rng.random(shape) < 0.5),
        separators=jnp.asarray(rng.random(shape) < 0.2),
        step_values=jnp.asarray(rng.random(shape), jnp.float32),
        prompt_values=jnp.asarray(rng.random(rows), jnp.float32),
        segment_ids=jnp.asarray(np.arange(LENGTH)[None, :] // rng.integers(1, 4, (rows, 1))),
        guided_tokens=jnp.asarray((np.arange(rows) % 3 == 1)[:, None] & (np.arange(LENGTH) < 3)[None, :]),
        prefix_ids=jnp.asarray(np.arange(rows) % 3 // 2),
        thoughts=jnp.asarray(np.arange(LENGTH)[None, :] < rng.integers(1, 4, (rows, 1))),
        turn_ids=jnp.asarray(np.arange(LENGTH)[None, :] // 2 + np.zeros([rows, 1], int)),
        turn_correct=jnp.asarray(rng.random((rows, 3)) < 0.3),
        turn_answers=jnp.asarray(rng.integers(-1, 3, (rows, 3))),
        turn_rewards=jnp.asarray(rng.normal(size=(rows, 3)), jnp.float32),
        turn_failed=jnp.asarray(rng.random((rows, 3)) < 0.3),
        budgets=jnp.asarray(np.resize([2, 4], rows)),
        thinking=jnp.asarray(rng.random(rows) < 0.5),
        needs_thought=jnp.asarray(rng.random(rows) < 0.5),
        control_tokens=jnp.asarray(np.arange(LENGTH)[None, :] == rng.integers(0, 2, (rows, 1))),
        key_tokens=jnp.asarray(rng.random(shape) < 0.2),
        parameter_ends=jnp.asarray(rng.random(shape) < 0.2),
        ref_distribution=Logits(normal(*shape, VOCABULARY)),
        old_distribution=Logits(normal(*shape, VOCABULARY)),
        token_scores=normal(*shape),
    )


def make_params(rng):
    table = rng.normal(size=(VOCABULARY, VOCABULARY))
    return {"table": jnp.asarray(table, jnp.float32), "values": jnp.asarray(rng.normal(size=VOCABULARY), jnp.float32)}


def one_hot(params, inputs):
    return jax.nn.one_hot(inputs, VOCABULARY, dtype=params["table"].dtype)


forward = policy.forward(
    lambda params, inputs: one_hot(params, inputs) @ params["table"],
    lambda params, inputs: one_hot(params, inputs) @ params["values"],
)


def extreme_log_ratios(terms):
    even = jnp.arange(terms.old_log_probs.size).reshape(terms.old_log_probs.shape) % 2 == 0
    signs = jnp.where(even, jnp.float32(1e4), jnp.float32(-1e4))
    return terms.replace(old_log_probs=signs, behaviour_log_probs=-signs, ref_log_probs=signs)


ROOM = LossRoom(
    terms=make_terms,
    params=make_params,
    forward=forward,
    degenerate={
        "equal rewards": lambda terms: terms.replace(rewards=jnp.full_like(terms.rewards, 0.1)),
        "groups of one": lambda terms: terms.replace(group_ids=jnp.arange(terms.rewards.shape[0])),
        "extreme log-ratios": extreme_log_ratios,
    },
)
