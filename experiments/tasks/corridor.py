"""A corridor with goals near and far: episodes of several turns, cut at a number of turns."""

from typing import Any

import jax
import jax.numpy as jnp

from algax import policy
from algax.core.checks import ScalarOrSchedule
from algax.experiments.tasks.task import Task

NEAR, FAR = (2, 3, 4), (10, 11, 12, 13, 14, 15, 16)  # places of the goals, from 0
NEAR_SHARE = 0.3
PLACES = FAR[-1] + 1


def corridor(
    model: Any,
    cap: ScalarOrSchedule = 20,
    longest: int = 20,
    slip: float = 0.05,
    interactions: int = 1280,
    episodes: int = 40,
    samples_per_prompt: int = 8,
) -> Task:
    """One move a turn, away from the start or back, until the goal is reached; every place has a table of its own.

    A batch takes so many of its groups that their turns, each episode cut at `cap`, are at most `interactions`.

    Args:
        model: a Linen module, one-hot places `[B, 17]` to 2 logits, back and on; a table that starts at 0.
        cap: turns after which an episode ends without a reward, at least 1, or a schedule of them.
        longest: turns of an episode at most, also when the policy is judged.
        slip: probability that a move goes the other way.
        interactions: turns of a batch at most.
        episodes: groups of which a batch is taken; the same goal for all of a group.
        samples_per_prompt: episodes a group.

    Returns:
        a task with the exact metrics `success` within `longest` turns, `near_success` and `far_success`.

    Raises:
        ValueError: a number is out of range.
    """
    if longest < 1 or interactions < longest * samples_per_prompt:
        raise ValueError(f"interactions must be at least a group's {longest} * {samples_per_prompt}; got {interactions}")
    if not 0 <= slip < 0.5:
        raise ValueError(f"slip must be in [0, 0.5); got {slip}")
    goals = jnp.array(NEAR + FAR)
    shares = jnp.array([NEAR_SHARE / len(NEAR)] * len(NEAR) + [(1 - NEAR_SHARE) / len(FAR)] * len(FAR))
    groups = jnp.repeat(jnp.arange(episodes), samples_per_prompt)

    def log_probs(params):
        return jax.nn.log_softmax(model.apply(params, jnp.eye(PLACES)))

    def init(key):
        return jax.tree.map(jnp.zeros_like, model.init(key, jnp.zeros([1, PLACES]))), {}

    def walk(params, key):
        """Places before each move and moves, `[B, longest]`, and the places after them."""
        table = log_probs(params)

        def move(places, key):
            move_key, slip_key = jax.random.split(key)
            moves = jax.random.categorical(move_key, table[places])
            onward = (moves == 1) ^ jax.random.bernoulli(slip_key, slip, moves.shape)
            after = jnp.clip(places + jnp.where(onward, 1, -1), 0, PLACES - 1)
            return after, (places, moves, after)

        _, found = jax.lax.scan(move, jnp.zeros(groups.shape, jnp.int32), jax.random.split(key, longest))
        return tuple(x.T for x in found)

    def batch(params, context, step, key):
        del context
        goal_key, walk_key = jax.random.split(key)
        goal = jax.random.choice(goal_key, goals, (episodes,), p=shares)[groups]
        places, moves, after = walk(params, walk_key)
        there = after == goal[:, None]
        turns = jnp.where(there.any(axis=1), jnp.argmax(there, axis=1) + 1, longest)
        limit = jnp.asarray(cap(step) if callable(cap) else cap, jnp.float32)
        within = jnp.minimum(turns.astype(jnp.float32), limit)
        used = jnp.cumsum(jnp.sum(within.reshape(episodes, -1), axis=1)) <= interactions
        old = jnp.take_along_axis(log_probs(params)[places], moves[..., None], axis=2)[..., 0]
        return policy.Terms(
            inputs=places,
            tokens=moves,
            mask=(jnp.arange(longest)[None] < turns[:, None]) & used[groups][:, None],
            rewards=jnp.where(there.any(axis=1) & (turns.astype(jnp.float32) <= limit), 1.0, 0.0),
            turn_ids=jnp.broadcast_to(jnp.arange(longest)[None], places.shape),
            group_ids=groups,
            old_log_probs=old,
            ref_log_probs=jnp.full(old.shape, jnp.log(0.5)),
        )

    def forward(params, terms, key):
        del key
        table = log_probs(params)[terms.inputs]
        return terms.replace(log_probs=jnp.take_along_axis(table, terms.tokens[..., None], axis=2)[..., 0])

    def evaluate(params, context, key):
        del context, key
        on = jnp.exp(log_probs(params)[:, 1])
        onward = on * (1 - slip) + (1 - on) * slip
        success = reached(onward, goals, longest)
        near = len(NEAR)
        return {
            "success": jnp.sum(shares * success),
            "near_success": jnp.mean(success[:near]),
            "far_success": jnp.mean(success[near:]),
        }

    return Task(init, batch, forward, evaluate)


def reached(onward: jax.Array, goals: jax.Array, turns: int) -> jax.Array:
    """The probability of having reached each of the goals `[G]` within so many turns, from `[17]` chances of a step on."""
    at_goal = jnp.arange(PLACES)[None] == goals[:, None]

    def move(chances, _):
        going = jnp.where(at_goal, 0.0, chances)
        on, back = going * onward[None], going * (1 - onward)[None]
        moved = jnp.pad(on[:, :-1], ((0, 0), (1, 0))) + jnp.pad(back[:, 1:], ((0, 0), (0, 1)))
        moved = moved.at[:, 0].add(back[:, 0]).at[:, -1].add(on[:, -1])
        return moved + jnp.where(at_goal, chances, 0.0), None

    start = jnp.zeros(at_goal.shape).at[:, 0].set(1.0)
    chances, _ = jax.lax.scan(move, start, None, turns)
    return jnp.sum(jnp.where(at_goal, chances, 0.0), axis=1)
