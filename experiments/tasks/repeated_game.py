"""Rock, paper, scissors with moves that cost resources: players who revise in different ways meet an opponent with habits."""

from typing import Any

import jax
import jax.numpy as jnp

from algax import measure
from algax.experiments.tasks.answers import answers
from algax.experiments.tasks.task import Task

COSTS, BUDGET = (1.0, 2.0, 3.0), 3.0  # of rock, paper, scissors; of a round
HABIT, CHANGE = 0.8, 0.05  # how often the opponent plays its favourite, and how often it takes another one
REVISIONS = 0.4  # how often a player revises at random
EXTRA = 1.0  # what a spender pays on top


def repeated_game(model: Any, method: str = "evidence", games: int = 64, rounds: int = 40) -> Task:
    """Games of many rounds; what a player answers is the record of its play.

    All players begin with a random move and meet the same opponents.

    Args:
        model: not used.
        method: "evidence" keeps a move that has won and otherwise takes the one that beats what the opponent has just played;
            "random" takes another move in two of five rounds, whatever has happened; "spender" plays by evidence and pays 1
            more in every round.
        games: of a seed, averaged over.
        rounds: of a game, of which the first is discarded, at least 2.

    Returns:
        a task with the metrics of `measure.strategic_play`: `win_rate`, `correction_rate`, `correction_success`, `slope` and
        `over_budget`.

    Raises:
        ValueError: there are too few rounds.
    """
    del model
    if rounds < 2:
        raise ValueError(f"rounds must be at least 2; got {rounds}")
    costs = jnp.array(COSTS)

    def draw(key):
        """The opponent's moves, `[games, rounds]`, and the player's first ones."""
        move_key, first_key, own_key = jax.random.split(key, 3)

        def play(favourite, key):
            keys = jax.random.split(key, 4)
            other = (favourite + jax.random.randint(keys[0], favourite.shape, 1, 3)) % 3
            favourite = jnp.where(jax.random.bernoulli(keys[1], CHANGE, favourite.shape), other, favourite)
            drawn = jax.random.randint(keys[2], favourite.shape, 0, 3)
            return favourite, jnp.where(jax.random.bernoulli(keys[3], HABIT, favourite.shape), favourite, drawn)

        _, moves = jax.lax.scan(play, jax.random.randint(first_key, (games,), 0, 3), jax.random.split(move_key, rounds))
        return {"opponent": moves, "first": jax.random.randint(own_key, (games,), 0, 3)}

    def by_evidence(move, opponent, key):
        del key
        return jnp.where(beats(move, opponent), move, (opponent + 1) % 3)

    def at_random(move, opponent, key):
        del opponent
        revise_key, move_key = jax.random.split(key)
        other = (move + jax.random.randint(move_key, move.shape, 1, 3)) % 3
        return jnp.where(jax.random.bernoulli(revise_key, REVISIONS, move.shape), other, move)

    def player(revise, extra):
        def play(context, key):
            def turn(move, at):
                opponent, key = at
                return revise(move, opponent, key), (beats(move, opponent), costs[move] + extra)

            _, (won, cost) = jax.lax.scan(turn, context["first"], (context["opponent"], jax.random.split(key, rounds)))
            return jnp.concatenate([won.astype(jnp.float32).ravel(), cost.ravel()])

        return play

    methods = {
        "evidence": player(by_evidence, 0.0),
        "random": player(at_random, 0.0),
        "spender": player(by_evidence, EXTRA),
    }

    def judge(answer, context):
        del context
        won, cost = answer.reshape(2, rounds, games)[:, 1:]
        found = jax.vmap(lambda won, cost: measure.strategic_play(won, cost, BUDGET), in_axes=1)(won > 0.5, jnp.round(cost))
        return {name: jnp.mean(value) for name, value in found._asdict().items()}

    return answers(draw, 2 * rounds * games, methods, method, judge)


def beats(move: jax.Array, opponent: jax.Array) -> jax.Array:
    """Whether a move beats another: paper (1) rock (0), scissors (2) paper, rock scissors."""
    return move == (opponent + 1) % 3
