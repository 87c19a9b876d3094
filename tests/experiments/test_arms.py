"""Arms with tasks and models of their own."""

import jax
import numpy as np
import pytest

from algax.experiments import trainer

from . import toy


def comparison(**wide):
    """Digits with a narrow network, and an arm whose model differs."""
    arm = {"loss": {"name": "supervised.cross_entropy"}, "optimizer": [{"name": "optax.sgd", "learning_rate": 0.1}]}
    return toy.config(
        {"name": "tasks.digits", "batch_size": 8},
        model={"name": "models.MLP", "features": [3, 10]},
        arms={"narrow": arm, "again": arm, "wide": {**arm, **wide}},
        metric="accuracy",
        seeds=2,
    )


def test_an_arm_with_a_model_of_its_own_shares_the_data_but_not_the_parameters():
    config = comparison(model={"features": [5, 10]}, task={"batch_size": 4})
    task, arms = trainer.build(config)
    state = jax.eval_shape(lambda seeds: trainer.init_state(task, arms, seeds), trainer.seed_numbers(2))
    shapes = {name: arm["params"]["params"]["Dense_0"]["kernel"].shape for name, arm in state["arms"].items()}
    assert shapes == {"narrow": (2, 64, 3), "again": (2, 64, 3), "wide": (2, 64, 5)}
    assert arms["again"].judge is task and arms["wide"].judge is not task

    def started(key):
        params, context = task.init(key)
        own, same = arms["wide"].judge.init(key)
        return params, context, own, same, arms["wide"].task.batch(own, context, 0, None)

    params, context, own, same, terms = jax.jit(started)(jax.random.key(0))
    np.testing.assert_array_equal(context["train"], same["train"])
    assert terms.labels.shape == (4,)
    programs = trainer.prepare(config)
    assert programs.evaluate["narrow"] is programs.evaluate["again"] is not programs.evaluate["wide"]
    measured = jax.eval_shape(arms["wide"].judge.evaluate, own, context, None)
    assert measured.keys() == jax.eval_shape(task.evaluate, params, context, None).keys()


def test_a_wrong_option_of_an_arms_model_names_the_arm():
    with pytest.raises(ValueError, match="arm 'wide': models.MLP has no option 'width'"):
        trainer.build(comparison(model={"width": 3}))
