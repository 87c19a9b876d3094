"""Every config builds, traces and states claims about metrics it has."""

import functools
import traceback

import jax
import numpy as np
import optax
import pytest

import algax
from algax.experiments import configs, overrides, resolve, trainer


def strictly(function, *arguments):
    """The shapes of what a function returns, under strict promotion of dtypes unless one of Optax's schedules promotes."""
    try:
        with jax.numpy_dtype_promotion("strict"):
            return jax.eval_shape(function, *arguments)
    except jax.dtypes.TypePromotionError as error:
        places = [frame.filename for frame in traceback.extract_tb(error.__traceback__) if "/jax/" not in frame.filename]
        if "/optax/schedules/" not in places[-1]:
            raise
        return jax.eval_shape(function, *arguments)


def traced(config):
    """The shapes of one seed's state and of every arm's metrics after a step."""
    task, arms = trainer.build(config)
    states = strictly(lambda: trainer.init_state(task, arms, trainer.seed_numbers(1)))
    state = jax.eval_shape(lambda tree: jax.tree.map(lambda x: x[0], tree), states)
    first, judged, metrics = jax.ShapeDtypeStruct((), np.int32), {}, {}
    batches = {arm.task: jax.jit(arm.task.batch) for arm in arms.values()}  # traced once for all arms of a task
    for name, arm in arms.items():
        own = state["arms"][name]
        arm = arm._replace(task=arm.task._replace(batch=batches[arm.task]))
        step = functools.partial(trainer.train_steps, arm, lambda terms: terms, 1)
        after, trained = strictly(step, own, state["context"], state["keys"], first)
        assert types_of(after) == types_of(own)
        if arm.judge not in judged:
            judged[arm.judge] = strictly(arm.judge.evaluate, own["params"], state["context"], state["keys"])
        metrics[name] = judged[arm.judge] | trained
    return metrics


def types_of(tree):
    return jax.tree.map(lambda x: (x.shape, x.dtype), tree)


@pytest.mark.parametrize("name", configs.names())
def test_config_builds_and_traces(name, monkeypatch):
    """Promoting no dtypes, but where Optax divides by 1 - decay^count."""

    def bias_correction(*arguments, correct=optax.tree.bias_correction):
        with jax.numpy_dtype_promotion("standard"):
            return correct(*arguments)

    monkeypatch.setattr(optax.tree, "bias_correction", bias_correction)
    config_dict = configs.load(name)
    overrides.override(config_dict, "steps", "3")
    config = configs.plain(config_dict)
    configs.check(config)
    if "warm_steps" in config["task"]:  # changes no shape, and takes as long to trace as the rest
        config["task"]["warm_steps"] = 0
    assert config["experiment"] == name
    for arm, metrics in traced(config).items():
        assert {config["metric"], *(claim["metric"] for claim in config["expect"])} <= set(metrics), arm
        assert all(value.shape == () and value.dtype == np.float32 for value in jax.tree.leaves(metrics))


@pytest.mark.parametrize("name", configs.names())
def test_arms_describe_themselves(name):
    for spec in configs.plain(configs.load(name))["arms"].values():
        assert resolve.loss(spec["loss"]).name in algax.describe(resolve.loss(spec["loss"]))


def test_no_two_experiments_of_the_policy_room_share_a_name():
    room = configs.module("policy")
    assert len(room.VARIANTS) == len(room.METHODS)


def test_unknown_experiments_and_numbers():
    with pytest.raises(ValueError, match="unknown experiment 'policy/grop': did you mean 'policy/grpo'"):
        configs.load("policy/grop")
    config = configs.plain(configs.load("schedules/rex"))
    with pytest.raises(ValueError, match="config.seeds must be at least 1; got 0"):
        configs.check(config | {"seeds": 0})


def test_an_override_of_one_arm_leaves_the_others():
    config = configs.load("updates/orthogonal_gradient")
    overrides.override(config, "arms.adamw.optimizer.0.learning_rate", "0.5")
    arms = configs.plain(config)["arms"]
    assert arms["adamw"]["optimizer"][0]["learning_rate"] == 0.5
    assert arms["orthogonal_gradient"]["optimizer"][1]["learning_rate"] == 0.01


def test_records_name_experiments_that_exist():
    named = {record.experiment for record in algax.catalogue() if record.experiment}
    assert named and named <= set(configs.names()), sorted(named - set(configs.names()))
