"""The contracts of schedules, update transforms, curricula and batch transforms, generated from the public names."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint as ocp
import pytest

from algax import Curriculum
from algax.core.contract import ContractError, check_batch_transform, check_curriculum, check_schedule, check_update
from algax.core.contract.updates import example_params

from .examples import cases, label
from .kinds import BatchExample, CurriculumExample, ScheduleExample, UpdateExample


@pytest.mark.parametrize("case", cases(ScheduleExample), ids=label)
def test_schedules(case):
    example = case.example
    schedule = case.factory(**example.kwargs)
    check_schedule(
        schedule, first=example.first, last=example.last, last_step=example.last_step, monotone=example.monotone)


@pytest.mark.parametrize("case", cases(UpdateExample), ids=label)
def test_updates(case):
    check_update(case.factory, case.example.kwargs, case.example.functions, case.example.extra_args)


@pytest.mark.parametrize("case", cases(UpdateExample), ids=label)
def test_update_states_round_trip_through_orbax(case, tmp_path):
    tx = optax.chain(case.factory(**case.example.kwargs), optax.scale(-0.1))
    params = example_params()
    _, state = tx.update(jax.tree.map(jnp.ones_like, params), tx.init(params), params, **case.example.extra_args)
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(tmp_path / "state", {"params": params, "state": state})
        checkpointer.wait_until_finished()
        restored = checkpointer.restore(tmp_path / "state", jax.eval_shape(lambda: {"params": params, "state": state}))
    jax.tree.map(np.testing.assert_array_equal, restored, {"params": params, "state": state})


@pytest.mark.parametrize("case", cases(CurriculumExample), ids=label)
def test_curricula(case):
    check_curriculum(case.factory(**case.example.kwargs), case.example.feedback, case.example.unseen)


@pytest.mark.parametrize("case", cases(BatchExample), ids=label)
def test_batch_transforms(case):
    check_batch_transform(case.factory(**case.example.kwargs), case.example.batch)


# ----- the suite bites --------------------------------------------------------------------------------------------


def test_wrong_schedules_are_refused():
    good = optax.linear_schedule(1.0, 0.0, 10)
    ends = {"first": 1.0, "last": 0.0, "last_step": 10}
    check_schedule(good, **ends, monotone="decreasing")
    for wrong, options, message in (
        (good, ends | {"first": 2.0}, "at step 0"),
        (good, ends | {"last": 0.5}, "at the end"),
        (good, ends | {"monotone": "increasing"}, "not increasing"),
        (lambda step: 1.0 - 0.1 * jnp.asarray(step, jnp.float32), ends, "after the end"),
        (lambda step: jnp.asarray(step) * 0, ends, "float32"),
        (lambda step: jnp.log(jnp.asarray(step, jnp.float32)), ends, "finite"),
    ):
        with pytest.raises(ContractError, match=message):
            check_schedule(wrong, **options)


def stateless(fn):
    return lambda: optax.GradientTransformation(
        lambda params: optax.EmptyState(), lambda updates, state, params=None: (jax.tree.map(fn, updates), state))


def forgets_its_dtype():
    def update(updates, state, params=None):
        return updates, state.astype(jnp.bfloat16)

    return optax.GradientTransformation(lambda params: jnp.zeros([]), update)


def test_wrong_updates_are_refused():
    check_update(stateless(lambda x: 2 * x))
    for wrong, message in (
        (stateless(lambda x: x.astype(jnp.float32)), "the update changed its structure or types"),
        (stateless(lambda x: x.ravel()), "the update changed its structure or types"),
        (stateless(lambda x: x / jnp.zeros([], x.dtype)), "not finite"),
        (forgets_its_dtype, "the state changed its structure or types"),
    ):
        with pytest.raises(ContractError, match=message):
            check_update(wrong)


FEEDBACK = {"seen": jnp.array([True, False, True]), "reward": jnp.array([1.0, 0.0, 0.5])}
UNSEEN = FEEDBACK | {"reward": jnp.array([1.0, jnp.nan, 0.5])}


def bandit(normalise=True, guard=True):
    def update(state, feedback):
        reward = jnp.where(feedback["seen"], feedback["reward"], 0.0) if guard else feedback["reward"]
        return state + reward

    return Curriculum(lambda: jnp.zeros([3]), lambda state: jax.nn.softmax(state) if normalise else jnp.exp(state), update)


def test_curricula_right_and_wrong():
    check_curriculum(bandit(), FEEDBACK, UNSEEN)
    with pytest.raises(ContractError, match="sum to 1"):
        check_curriculum(bandit(normalise=False), FEEDBACK, UNSEEN)
    with pytest.raises(ContractError, match="unseen arms"):
        check_curriculum(bandit(guard=False), FEEDBACK, UNSEEN)
    grows = bandit()._replace(update=lambda state, feedback: jnp.concatenate([state, state]))
    with pytest.raises(ContractError, match="the state changed"):
        check_curriculum(grows, FEEDBACK, UNSEEN)


def test_batch_transforms_right_and_wrong():
    batch = {"tokens": jnp.arange(12).reshape(3, 4)}

    def shuffle(key, batch):
        return jax.tree.map(lambda x: jax.random.permutation(key, x, axis=1), batch)

    check_batch_transform(shuffle, batch)
    with pytest.raises(ContractError, match="eight other keys"):
        check_batch_transform(lambda key, batch: batch, batch)
    calls = []

    def counts(key, batch):
        calls.append(None)
        return jax.tree.map(lambda x: x + len(calls), batch)

    with pytest.raises(ContractError, match="eager against compiled"):
        check_batch_transform(counts, batch)
