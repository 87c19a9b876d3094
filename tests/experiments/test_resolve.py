"""Specs by public names, and the errors of wrong ones."""

import jax.numpy as jnp
import optax
import pytest

from algax.experiments import resolve


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"name": "policy.grop"}, "unknown name 'grop' in 'policy.grop': did you mean 'grpo'"),
        ({"name": "polcy.grpo"}, "unknown room 'polcy' in 'polcy.grpo': did you mean 'policy'"),
        ({"name": "experiments.run"}, "unknown room 'experiments'"),
        ({"name": "grpo"}, "must be ROOM.NAME"),
        ({"name": "optax._src"}, "unknown name '_src'"),
        ({"name": "optax.sgd"}, "optax.sgd needs the option 'learning_rate'"),
        ({"name": "optax.sgd", "learning_rate": 1.0, "momentun": 0.9}, "no option 'momentun': did you mean 'momentum'"),
        ({"name": "schedules.rex", "peak": 1.0, "step": 5}, "schedules.rex has no option 'step'"),
        ({"name": "policy.grpo", "low": -1.0}, "low"),
        ({"name": "models.MLP", "features": [3], "activation": "relo"}, "activation. must be one of"),
    ],
)
def test_wrong_specs(spec, message):
    with pytest.raises(ValueError, match=message):
        resolve.resolve(spec)


def test_specs_nest():
    schedule = {"name": "optax.linear_schedule", "init_value": 1.0, "end_value": 0.0, "transition_steps": 2}
    tx = resolve.resolve({"name": "optax.sgd", "learning_rate": schedule})
    state, updates = tx.init(jnp.ones(1)), []
    for _ in range(3):
        update, state = tx.update(jnp.ones(1), state)
        updates.append(float(update[0]))
    assert updates == [-1.0, -0.5, 0.0]


def test_a_list_of_losses_is_a_chain():
    names = ("policy.reward_advantage", "policy.policy_gradient", "policy.token_mean")
    loss = resolve.loss([{"name": name} for name in names])
    assert len(loss.transforms) == 3 and "loss" in loss.writes


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"loss": {"name": "policy.grpo"}}, "needs 'optimizer'"),
        ({"loss": {"name": "policy.grpo"}, "optimizer": {"name": "optax.adam"}}, "must be a list"),
        ({"loss": {"name": "policy.grpo"}, "optimiser": []}, "did you mean 'optimizer'"),
        (
            {"loss": [{"name": "policy.token_ratio"}], "optimizer": [{"name": "optax.sgd", "learning_rate": 1.0}]},
            "loss",
        ),
    ],
)
def test_wrong_arms(spec, message):
    with pytest.raises(ValueError, match=message):
        resolve.arm(spec, lambda params, terms, key: terms)


def test_an_arm_is_an_optax_transformation():
    spec = {"loss": {"name": "policy.grpo"}, "optimizer": [{"name": "optax.sgd", "learning_rate": 1.0}]}
    tx = resolve.arm(spec, lambda params, terms, key: terms)
    assert isinstance(tx, optax.GradientTransformationExtraArgs)
