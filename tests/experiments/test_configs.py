"""Every config builds, traces and states claims about metrics it has."""

import jax
import pytest

import algax
from algax.experiments import configs, overrides, resolve, trainer


@pytest.mark.parametrize("name", configs.names())
def test_config_builds_and_traces(name):
    config_dict = configs.load(name)
    for path, text in (("seeds", "2"), ("steps", "3")):
        overrides.override(config_dict, path, text)
    config = configs.plain(config_dict)
    configs.check(config)
    if "warm_steps" in config["task"]:  # changes no shape, and takes as long to trace as the rest
        config["task"]["warm_steps"] = 0
    traced = trainer.shapes(config)
    assert config["experiment"] == name
    for arm, metrics in traced["metrics"].items():
        assert {config["metric"], *(claim["metric"] for claim in config["expect"])} <= set(metrics), arm
        assert all(value.shape == (2,) for value in jax.tree.leaves(metrics))
    assert all(leaf.shape[0] == 2 for leaf in jax.tree.leaves(traced["state"]))


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
