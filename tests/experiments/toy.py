"""A comparison that compiles in no time: a line through noisy points, a loss with state, and, if asked, a step with NaN."""

import importlib

import jax
import jax.numpy as jnp
from flax import struct
from flax.core import meta

import algax
from algax import models, pretrain
from algax.core.terms import data, differentiated, mask
from algax.experiments import configs, tasks
from algax.experiments.tasks.task import Task

NEVER = -1


@struct.dataclass
class Points(algax.Terms):
    """Targets and predictions `[B]`."""

    mask: jax.Array = mask("B")
    targets: jax.Array = data("B")
    predictions: jax.Array = differentiated("B")


def toy(model=None, rows=8, features=3, bad_step=NEVER, bad_row=2):
    """Linear regression on random points; at `bad_step` one input is NaN."""
    del model

    def init(key):
        return {"weights": jax.random.normal(key, (features,))}, {"truth": jnp.arange(features, dtype=jnp.float32)}

    def batch(params, context, step, key):
        del params
        inputs = jax.random.normal(key, (rows, features))
        bad = (jnp.arange(rows) == bad_row) & (step == bad_step)
        targets = inputs @ context["truth"]
        return Points(inputs=jnp.where(bad[:, None], jnp.nan, inputs), targets=targets, mask=jnp.ones(rows, bool))

    def forward(params, terms, key):
        del key
        return terms.replace(predictions=terms.inputs @ params["weights"])

    def evaluate(params, context, key):
        del key
        return {"error": jnp.sum(jnp.square(params["weights"] - context["truth"]))}

    return Task(init, batch, forward, evaluate)


def squared_error():
    """Mean squared error against targets less their running mean, which is the state."""

    def update(terms, mean):
        residuals = terms.predictions - (terms.targets - mean)
        return terms.add_loss(terms.mean(jnp.square(residuals))), 0.9 * mean + 0.1 * terms.batch_mean(terms.targets)

    return algax.loss_transform(
        update, init=lambda: jnp.zeros([], jnp.float32), reads=("predictions", "targets", "mask"), writes=("loss",)
    )


def shrinkage(weight=0.01):
    """The predictions' mean square."""
    return algax.loss_transform(
        lambda terms: terms.add_loss(terms.mean(weight * jnp.square(terms.predictions))),
        reads=("predictions", "mask"),
        writes=("loss",),
    )


def counting(model, rows=8, length=5, vocabulary=16):
    """A Transformer learns to count from random starts."""

    def windows(key):
        starts = jax.random.randint(key, (rows, 1), 0, vocabulary)
        return (starts + jnp.arange(length)[None]) % vocabulary

    def init(key):
        return meta.unbox(model.init(key, jnp.zeros((1, length - 1), jnp.int32))), {}

    def batch(params, context, step, key):
        del params, context, step
        tokens = windows(key)
        return pretrain.Terms(inputs=tokens[:, :-1], tokens=tokens[:, 1:], mask=jnp.ones((rows, length - 1), bool))

    def forward(params, terms, key):
        del key
        distribution = algax.Logits(model.apply(params, terms.inputs))
        return terms.replace(distribution=distribution, log_probs=distribution.log_probs(terms.tokens))

    def evaluate(params, context, key):
        terms = forward(params, batch(params, context, 0, key), key)
        return {"nll": -jnp.mean(terms.log_probs)}

    return Task(init, batch, forward, evaluate)


def register():
    """Makes the names of this file known to configs, among the tasks."""
    for function in (toy, counting, squared_error, shrinkage):
        setattr(tasks, function.__name__, function)


def config(task=(), **changes):
    """One arm of the toy; `task` is a whole spec or options of the toy."""
    register()
    arm = {
        "loss": [{"name": "tasks.squared_error"}, {"name": "tasks.shrinkage"}],
        "optimizer": [{"name": "optax.adam", "learning_rate": 0.05}],
    }
    entries = {
        "experiment": "tests/toy",
        "paper": "none",
        "claim": "none",
        "task": {"name": "tasks.toy", **dict(task)} if "name" not in dict(task) else task,
        "model": {"name": "models.MLP", "features": [1]},
        "arms": {"adam": arm},
        "seeds": 1,
        "steps": 6,
        "evaluate_every": 2,
        "metric": "error",
        "expect": [],
    }
    return configs.plain(configs.comparison(**{**entries, **changes}))


def transformer(**changes):
    """One arm of the counting Transformer."""
    sizes = {"vocabulary_size": 16, "hidden_size": 16, "num_layers": 1, "num_heads": 2, "mlp_size": 32, "max_length": 8}
    shape = {"name": "models.TransformerConfig", "positions": "learned", "mlp": "plain", **sizes}
    adam = [{"name": "optax.adam", "learning_rate": 0.01}]
    entries = {
        "task": {"name": "tasks.counting"},
        "model": {"name": "models.Transformer", "config": shape},
        "arms": {"adam": {"loss": {"name": "pretrain.next_token"}, "optimizer": adam}},
        "metric": "nll",
    }
    return config(**{**entries, **changes})


def table(outputs):
    """A model that is a table."""
    return models.MLP((outputs,), use_bias=False)


def module(name):
    """The module of a task that has its name."""
    return importlib.import_module(f"algax.experiments.tasks.{name}")
