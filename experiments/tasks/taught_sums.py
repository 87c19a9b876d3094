"""A noisy teacher's worked sums, sampled and filtered by majority: how many questions, and how many wrong solutions."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import algax
from algax import curriculum, pretrain
from algax.experiments.tasks.answers import answers
from algax.experiments.tasks.task import Task

OPERANDS, DIGITS = 3, 8  # of a question, values of an operand
PARTIAL, SLIPS = 2 * DIGITS - 1, (-2, -1, 1, 2, 3)  # values of a sum of two, errors of wrong sums
POOL, VOTES, FEW = 256, 32, 32  # questions, and pairs to train on; solutions sampled to each; questions that are few
STRONG, WEAK = 0.6, 0.3  # accuracies of teachers
STEPS, BATCH, RATE = 300, 64, 5e-3  # of Adam


@functools.partial(jax.jit, static_argnums=2)
def solve(key: jax.Array, questions: jax.Array, accuracy: float) -> jax.Array:
    """A solution `[..., 5]` to each question `[..., 3]`: the operands as they are added, the sum of two of them, and of all.

    The last, counted from the least one that a slip can lead to, is wrong in the other cases, by one of five slips.
    """
    turn_key, right_key, slip_key = jax.random.split(key, 3)
    turns = jax.random.randint(turn_key, (*questions.shape[:-1], 1), 0, OPERANDS)
    places = (jnp.broadcast_to(jnp.arange(OPERANDS), questions.shape) + turns) % OPERANDS
    operands = jnp.take_along_axis(questions, places, axis=-1)
    right = jax.random.bernoulli(right_key, accuracy, turns.shape)
    slip = jnp.where(right, 0, jax.random.choice(slip_key, jnp.array(SLIPS), turns.shape))
    partial = jnp.sum(operands[..., :2], axis=-1, keepdims=True)
    return jnp.concatenate([operands, partial, partial + operands[..., 2:] + slip - SLIPS[0]], axis=-1)


def read(operands: jax.Array, partial: jax.Array) -> jax.Array:
    """What a model sees before each of two sums, one-hot in places of their own: two digits `[B]`, a sum and a digit."""
    first, second, third = jax.nn.one_hot(operands, DIGITS).swapaxes(0, 1)
    before = (jnp.concatenate([first, second], axis=1), jnp.concatenate([jax.nn.one_hot(partial, PARTIAL), third], axis=1))
    widths = [x.shape[1] for x in before]
    padded = jnp.pad(before[0], ((0, 0), (0, widths[1]))), jnp.pad(before[1], ((0, 0), (widths[0], 0)))
    return jnp.stack(padded, axis=1)


def right(questions: jax.Array, sums: jax.Array) -> jax.Array:
    """The share of sums `[B]` that are right, counted as `solve` does."""
    return jnp.mean(sums + SLIPS[0] == jnp.sum(questions, axis=-1), dtype=jnp.float32)


@functools.partial(jax.jit, static_argnums=0)
def teach(model: Any, key: jax.Array, solutions: jax.Array, test: jax.Array) -> jax.Array:
    """The accuracy of a student after 300 batches of 64 solutions, on questions to which it writes both sums greedily."""

    def forward(params, terms, key):
        del key
        logits = model.apply(params, read(terms.inputs, terms.tokens[:, 0]))
        return terms.replace(log_probs=algax.Logits(logits).log_probs(terms.tokens))

    tx = optax.chain(algax.gradient(pretrain.next_token(), forward), optax.adam(RATE))
    model_key, row_key = jax.random.split(key)
    params = model.init(model_key, jnp.zeros([1, 3 * DIGITS + PARTIAL]))

    def step(carry, chosen):
        params, state = carry
        operands, sums = jnp.split(solutions[chosen], [OPERANDS], axis=1)
        terms = pretrain.Terms(inputs=operands, tokens=sums, mask=jnp.ones(sums.shape, bool))
        updates, state = tx.update(None, state, params, terms=terms)
        return (optax.apply_updates(params, updates), state), None

    rows = jax.random.randint(row_key, (STEPS, BATCH), 0, len(solutions))
    params = jax.lax.scan(step, (params, tx.init(params)), rows)[0][0]

    def write(partial, place):
        return jnp.argmax(model.apply(params, read(test, partial))[:, place], axis=-1)

    return right(test, write(write(jnp.zeros(len(test), jnp.int32), 0), 1))


@jax.jit
def collect(key: jax.Array, questions: jax.Array, ids: jax.Array) -> jax.Array:
    """256 solutions `[256, 5]` that agree with the majority of 32, as many to each question as to any other.

    Args:
        key: a PRNG key.
        questions: `[256, 3]`, with repetitions if they are fewer.
        ids: `[256]`, which of them are the same.
    """
    solve_key, choice_key = jax.random.split(key)
    solutions = solve(solve_key, jnp.broadcast_to(questions[:, None], (POOL, VOTES, OPERANDS)), STRONG)
    kept = curriculum.majority_filter(solutions[..., -1])
    # Those that are dropped make room for the others in turn, so that shapes stay.
    turns = jnp.arange(VOTES)[None] % jnp.sum(kept, axis=1, keepdims=True)
    order = jnp.take_along_axis(jnp.argsort(~kept, axis=1), turns, axis=1)
    solutions = jnp.take_along_axis(solutions, order[..., None], axis=1).reshape(POOL * VOTES, -1)
    (chosen,) = jnp.nonzero(curriculum.fair_downsample(choice_key, jnp.repeat(ids, VOTES), POOL), size=POOL)
    return solutions[chosen]


@jax.jit
def voted(key: jax.Array, questions: jax.Array) -> jax.Array:
    """The share of questions `[256, 3]` to which the majority of 32 solutions of the weak teacher is right."""
    sums = solve(key, jnp.broadcast_to(questions[:, None], (POOL, VOTES, OPERANDS)), WEAK)[..., -1]
    first = jnp.argmax(curriculum.majority_filter(sums), axis=1)
    return right(questions, jnp.take_along_axis(sums, first[:, None], axis=1)[:, 0])


def taught_sums(model: Any, method: str = "questions") -> Task:
    """Sums of three digits below 8, which a teacher of accuracy 0.6 adds in any order; the student adds them as they stand.

    Args:
        model: a Linen module, what stands before a sum `[..., 39]` to its logits `[..., 27]`, for the student.
        method: how the 256 pairs come about that the student learns. "questions": one of each of 256, agreeing with the
            majority of 32; "solutions": eight of each of 32; "20 % wrong" and "60 % wrong": those of "questions", in part made
            wrong.

    Returns:
        a task that answers at once, with the metrics `accuracy` (of the student's sums, on the other 256 questions), `right`
        (share of right sums among the pairs) and `weak_right` (share of right majorities of 32 solutions of accuracy 0.3).
    """
    everything = np.stack(np.meshgrid(*[np.arange(DIGITS)] * OPERANDS, indexing="ij"), axis=-1).reshape(-1, OPERANDS)

    def draw(key):
        order_key, vote_key, *keys = jax.random.split(key, 4)
        questions = jax.random.permutation(order_key, jnp.asarray(everything))
        ids = jnp.stack([jnp.arange(POOL), jnp.arange(POOL) % FEW])
        solutions = jax.vmap(lambda key, ids: collect(key, questions[ids], ids))(jnp.stack(keys), ids)
        many, few = solutions
        return {"test": questions[POOL:], "many": many, "few": few, "weak_right": voted(vote_key, questions[:POOL])}

    def taught(problem, key, pairs="many", wrong=0.0):
        spoil_key, slip_key, train_key = jax.random.split(key, 3)
        solutions = problem[pairs]
        if wrong:
            spoilt = curriculum.corrupt_steps(spoil_key, jnp.ones([POOL, 1], bool), outcome_rate=wrong, step_rate=1.0)[:, 0]
            sums = solve(slip_key, solutions[:, :OPERANDS], 0.0)[:, -1]
            solutions = solutions.at[:, -1].set(jnp.where(spoilt, sums, solutions[:, -1]))
        accuracy = teach(model, train_key, solutions, problem["test"])
        return jnp.stack([accuracy, right(solutions[:, :OPERANDS], solutions[:, -1]), problem["weak_right"]])

    methods = {
        "questions": taught,
        "solutions": functools.partial(taught, pairs="few"),
        "20 % wrong": functools.partial(taught, wrong=0.2),
        "60 % wrong": functools.partial(taught, wrong=0.6),
    }
    names = ("accuracy", "right", "weak_right")
    return answers(draw, 3, methods, method, lambda answer, problem: dict(zip(names, answer, strict=True)))
