"""Finding the way on a grid, learned from an expert's paths, with and without naming the room before a step."""

from typing import Any

import jax
import jax.numpy as jnp

import algax
from algax import pretrain
from algax.experiments.tasks.task import Task

SIDE, ROOM = 9, 3  # cells of a side of the grid, and of a room
CELLS, ROOMS, HORIZON = SIDE**2, (SIDE // ROOM) ** 2, 3
MOVES = ((1, 0), (-1, 0), (0, 1), (0, -1))
ACT, REASON, INSTRUCT = 1, 2, 3  # what a prompt asks for, tokens; 0 is padding
CELL = 4
GOAL, NAME = CELL + CELLS, CELL + 2 * CELLS
MOVE = NAME + ROOMS
VOCABULARY = MOVE + len(MOVES)
TRAJECTORIES, TESTED = 500, 256
SLIP, WRONG, SPARE = 0.1, 0.5, 4  # chances of a random move, and of a wrong name off the expert's path; steps to spare


def expert(cells: jax.Array, goals: jax.Array) -> jax.Array:
    """The expert's moves from cells `[..., 2]` to goals `[..., 2]`, along the first axis before the second; any at a goal."""
    way = goals - cells
    first, second = jnp.where(way[..., 0] > 0, 0, 1), jnp.where(way[..., 1] > 0, 2, 3)
    return jnp.where(way[..., 0] != 0, first, second)


def moved(cells: jax.Array, moves: jax.Array) -> jax.Array:
    """The cells after moves; the grid's edges stop them."""
    return jnp.clip(cells + jnp.asarray(MOVES)[moves], 0, SIDE - 1)


def on_path(cells: jax.Array, starts: jax.Array, goals: jax.Array) -> jax.Array:
    """Whether cells `[B, 2]` are on the expert's paths from starts to goals."""
    low, high = jnp.minimum(starts, goals), jnp.maximum(starts, goals)
    between = (cells >= low) & (cells <= high)
    along_first = (cells[:, 1] == starts[:, 1]) & between[:, 0]
    return along_first | ((cells[:, 0] == goals[:, 0]) & between[:, 1])


def _number(cells):
    return cells[..., 0] * SIDE + cells[..., 1]


def _name(cells):
    rooms = cells // ROOM
    return NAME + rooms[..., 0] * (SIDE // ROOM) + rooms[..., 1]


def _piece(*tokens):
    """Tokens `[B]` or `[B, n]` one after the other; 0 is no token."""
    joined = jnp.concatenate([x.reshape(len(x), -1) for x in tokens], axis=1).astype(jnp.int32)
    return pretrain.Piece(joined, joined > 0)


def reasoning_step(cells: jax.Array, goals: jax.Array, horizon: int) -> pretrain.ReasoningStep:
    """What is taught in cells `[B, 2]` on the way to goals `[B, 2]`, where the expert is not there yet."""
    asked = jnp.ones(len(cells), jnp.int32)
    moves, seen, now = [], [], cells
    for _ in range(HORIZON):
        there = jnp.all(now == goals, axis=1)
        moves.append(jnp.where(there, 0, MOVE + expert(now, goals)))
        now = jnp.where(there[:, None], now, moved(now, expert(now, goals)))
        seen.append(CELL + _number(now))
    here, goal = CELL + _number(cells), GOAL + _number(goals)
    return pretrain.ReasoningStep(
        act_prompt=_piece(ACT * asked, here, goal),
        reason_prompt=_piece(REASON * asked, here, goal),
        instruction_prompt=_piece(INSTRUCT * asked, here, *seen),
        actions=_piece(*moves[:horizon]),
        rationale=_piece(_name(cells)),
        instruction=_piece(goal),
    )


def reasoned_steps(model: Any, mode: str = "none", batch_size: int = 16) -> Task:
    """Paths from the first of nine rooms to any cell: 500 of an expert, and the model's own, in which a tenth of moves slip.

    The rationale of a step is the room's name. Off the expert's path a name that the model says is wrong half of the time: it
    was not there to see. The model sees how often each token has come, and the last one if it is a name or a move.

    Args:
        model: a Linen module, `[..., 192]` to logits `[..., 179]`.
        mode: of `pretrain.reasoning_format`; the auxiliary mode learns the next three moves, of which the first is taken.
        batch_size: steps a batch, drawn with replacement.

    Returns:
        a task with the metrics `success` (share of goals that greedy paths reach with four steps to spare) and `fall` (success
        on paths of up to 6 moves less that on those of 10 and more).
    """
    horizon = HORIZON if mode == "auxiliary" else 1

    def drawn(key, count):
        start_key, goal_key = jax.random.split(key)
        starts = jax.random.randint(start_key, (count, 2), 0, ROOM)
        return starts, jax.random.randint(goal_key, (count, 2), 0, SIDE)

    def init(key):
        train_key, test_key, model_key = jax.random.split(key, 3)
        starts, goals = drawn(train_key, TRAJECTORIES)
        path = jax.lax.scan(lambda now, _: (moved(now, expert(now, goals)), now), starts, None, length=2 * SIDE - 2)[1]
        lengths = jnp.sum(jnp.abs(goals - starts), axis=1)
        context = {"paths": path, "goals": goals, "lengths": lengths, "test": drawn(test_key, TESTED)}
        return model.init(model_key, jnp.zeros([1, ROOMS + len(MOVES) + VOCABULARY])), context

    def batch(params, context, step, key):
        del params, step
        row_key, place_key = jax.random.split(key)
        moving = (context["lengths"] > 0).astype(jnp.float32)
        rows = jax.random.choice(row_key, TRAJECTORIES, (batch_size,), p=moving / jnp.sum(moving))
        places = jax.random.randint(place_key, (batch_size,), 0, context["lengths"][rows])
        steps = reasoning_step(context["paths"][places, rows], context["goals"][rows], horizon)
        texts = list(pretrain.reasoning_format(steps, mode).values())
        width = max(text.tokens.shape[1] for text in texts)
        texts = [jax.tree.map(lambda x, w=width: jnp.pad(x, ((0, 0), (0, w - x.shape[1]))), text) for text in texts]
        return pretrain.causal_terms(jax.tree.map(lambda *parts: jnp.concatenate(parts), *texts))

    def logits(params, last, counts):
        said = jax.nn.one_hot(last - NAME, ROOMS + len(MOVES))
        return model.apply(params, jnp.concatenate([said, counts], axis=-1))

    def forward(params, terms, key):
        del key
        counts = jnp.cumsum(jax.nn.one_hot(terms.inputs, VOCABULARY), axis=1)
        distribution = algax.Logits(logits(params, terms.inputs, counts))
        return terms.replace(distribution=distribution, log_probs=distribution.log_probs(terms.tokens))

    def act(params, cells, goals, off_path, key):
        """Moves `[B]` that the model writes greedily, maybe after a name."""
        prompt = jnp.stack([jnp.full(len(cells), ACT), CELL + _number(cells), GOAL + _number(goals)], axis=1)
        counts, last, written = jnp.sum(jax.nn.one_hot(prompt, VOCABULARY), axis=1), prompt[:, -1], []
        wrong_key, name_key = jax.random.split(key)
        wrong = off_path & (jax.random.uniform(wrong_key, off_path.shape) < WRONG)
        names = jax.random.randint(name_key, last.shape, NAME, NAME + ROOMS)
        for _ in range(2):
            last = jnp.argmax(logits(params, last, counts), axis=-1)
            named = (last >= NAME) & (last < MOVE)
            last = jnp.where(named & wrong, names, last)
            counts = counts + jax.nn.one_hot(last, VOCABULARY)
            written.append(last)
        plan = jnp.stack([jnp.where(written[0] < MOVE, written[1], written[0]), written[1]], axis=1)
        return jnp.clip(pretrain.receding_horizon(plan)[:, 0] - MOVE, 0, len(MOVES) - 1)

    def evaluate(params, context, key):
        starts, goals = context["test"]
        lengths = jnp.sum(jnp.abs(goals - starts), axis=1)

        def step(state, inputs):
            cells, there = state
            number, key = inputs
            act_key, slip_key, move_key = jax.random.split(key, 3)
            moves = act(params, cells, goals, ~on_path(cells, starts, goals), act_key)
            slips = jax.random.uniform(slip_key, moves.shape) < SLIP
            moves = jnp.where(slips, jax.random.randint(move_key, moves.shape, 0, len(MOVES)), moves)
            going = ~there & (number < lengths + SPARE)
            cells = jnp.where(going[:, None], moved(cells, moves), cells)
            return (cells, jnp.all(cells == goals, axis=1)), None

        most = 2 * SIDE - 2 + SPARE
        inputs = jnp.arange(most), jax.random.split(key, most)
        (_, there), _ = jax.lax.scan(step, (starts, lengths == 0), inputs)
        short, long = (jnp.mean(there, where=of, dtype=jnp.float32) for of in (lengths <= 6, lengths >= 10))
        return {"success": jnp.mean(there, dtype=jnp.float32), "fall": short - long}

    return Task(init, batch, forward, evaluate)
