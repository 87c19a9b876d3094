"""Toys with closed forms: the river valley, the two chains, and digits of different scales."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import algax
from algax import models, supervised, updates
from algax.experiments import tasks
from algax.experiments.tasks import mean_output, with_inputs


def test_river_valley_gradient_and_parts():
    task = tasks.river_valley(None, slope=0.05, curvature=20.0, noise=1.0)
    loss = mean_output()

    def run(params):
        terms = task.batch(params, {}, 0, jax.random.key(1))
        slopes = jax.value_and_grad(lambda params: loss(task.forward(params, terms, None)))(params)
        return terms.inputs[0], *slopes, task.evaluate(params, {}, None)

    noise, value, gradient, found = jax.device_get(jax.jit(run)({"x": np.float32(0.3), "y": np.float32(0.7)}))
    hill = 10.0 * (0.7 - np.sin(0.3)) ** 2
    np.testing.assert_allclose(value, hill - 0.05 * 0.3 + 0.7 * noise, rtol=1e-5)
    np.testing.assert_allclose(gradient["x"], -0.05, rtol=1e-6)
    np.testing.assert_allclose(gradient["y"], 20.0 * (0.7 - np.sin(0.3)) + noise, rtol=1e-5)
    np.testing.assert_allclose([found["river"], found["hill"], found["loss"]], [-0.015, hill, hill - 0.015], rtol=1e-5)


def test_hills_settle_where_theory_says():
    """At a constant rate the hill loss is eta s^2 / (2 (2 - eta g)), 0.225 for eta 0.09."""
    task = tasks.river_valley(None, slope=0.0)
    tx = optax.chain(algax.gradient(mean_output(), task.forward), optax.sgd(0.09))

    def one(key):
        params = {"x": jnp.zeros([]), "y": jnp.zeros([])}

        def step(carry, key):
            params, state = carry
            change, state = tx.update(None, state, params, terms=task.batch(params, {}, 0, key))
            params = optax.apply_updates(params, change)
            return (params, state), task.evaluate(params, {}, None)["hill"]

        return jax.lax.scan(step, (params, tx.init(params)), jax.random.split(key, 300))[1][50:]

    hills = jax.jit(lambda key: jax.vmap(one)(jax.random.split(key, 200)))(jax.random.key(0))
    np.testing.assert_allclose(np.mean(np.asarray(hills)), 0.225, rtol=0.05)


def test_chains_follow_one_another():
    task = tasks.shifted_chains(models.MLP((5,), use_bias=False), states=5, first_steps=10, batch_size=4000, replay=0.25)

    def run(key):
        params, context = task.init(key)
        batches = jax.lax.map(lambda step: task.batch(params, context, step, jax.random.key(2)), jnp.array([9, 10]))
        kernel = {"params": {"Dense_0": {"kernel": jnp.log(context["old"])}}}
        return context, batches.inputs, batches.labels, task.evaluate(kernel, context, None)

    context, inputs, labels, found = jax.device_get(jax.jit(run)(jax.random.key(0)))
    np.testing.assert_allclose(np.sum(context["old"], 1), 1.0, rtol=1e-5)
    assert not np.allclose(context["old"], context["new"], atol=0.05)
    before, after = zip(inputs, labels, strict=True)

    def counted(drawn, rows):
        table = np.zeros((5, 5))
        np.add.at(table, (np.argmax(drawn[0][rows], 1), drawn[1][rows]), 1.0)
        return table / table.sum(1, keepdims=True)

    everything = np.arange(4000)
    np.testing.assert_allclose(counted(before, everything), context["old"], atol=0.06)
    np.testing.assert_allclose(counted(after, everything[:1000]), context["old"], atol=0.12)
    np.testing.assert_allclose(counted(after, everything[1000:]), context["new"], atol=0.08)
    old, new = np.asarray(context["old"], np.float64), np.asarray(context["new"], np.float64)
    np.testing.assert_allclose(found["old_loss"], 0.0, atol=1e-6)
    np.testing.assert_allclose(found["new_loss"], np.mean(np.sum(new * np.log(new / old), 1)), rtol=1e-4)
    with pytest.raises(ValueError, match="replay must lie"):
        tasks.shifted_chains(models.MLP((5,)), replay=1.5)


def test_digits_of_different_scales():
    plain = tasks.digits(models.MLP((10,)), batch_size=1300)
    scaled = tasks.digits(models.MLP((10,)), batch_size=1300, least_scale=0.05, largest_scale=5.0)

    def run(key):
        started = [(task, *task.init(key)) for task in (plain, scaled)]
        return [
            (task.batch(params, context, 0, None).inputs, task.evaluate(params, context, None)["train_loss"])
            for task, params, context in started
        ]

    inputs, losses = zip(*jax.device_get(jax.jit(run)(jax.random.key(0))), strict=True)
    assert np.isfinite(losses).all()
    varied = inputs[0].std(0) > 0
    factors = inputs[1].std(0)[varied] / inputs[0].std(0)[varied]
    assert 0.05 <= factors.min() < 0.1 and 2.5 < factors.max() <= 5.0
    np.testing.assert_allclose(inputs[1][:, varied], inputs[0][:, varied] * factors, rtol=1e-3, atol=1e-4)
    with pytest.raises(ValueError, match="least_scale must"):
        tasks.digits(models.MLP((10,)), least_scale=2.0)


def test_inputs_are_handed_on():
    x = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    plain = updates.precondition_by_inputs("kernel")
    wrapped = with_inputs(plain)

    def run(gradient, x):
        expected, _ = plain.update(gradient, plain.init(gradient), inputs=x)
        actual, _ = wrapped.update(gradient, wrapped.init(gradient), terms=supervised.Terms(inputs=x), key=None)
        return expected, actual

    expected, actual = jax.jit(run)({"kernel": np.ones((4, 2), np.float32)}, x)
    np.testing.assert_array_equal(actual["kernel"], expected["kernel"])


def test_adapted_digits_start_from_the_warm_network():
    task = tasks.adapted_digits(models.MLP((8, 10)), rank=2, eta=1.0, warm_steps=3, batch_size=16)

    def run(key):
        params, context = task.init(key)
        terms = task.batch(params, context, 0, None)
        upright = tasks.digits(models.MLP((8, 10)), 16).batch(params, context, 0, None).inputs
        expected = models.MLP((8, 10)).apply(params["base"], terms.inputs)
        gradient = jax.grad(lambda params: jnp.sum(task.forward(params, terms, None).logits))(params)
        logits = task.forward(params, terms, None).logits
        return context, terms.inputs, upright, expected, logits, gradient, task.evaluate(params, context, None)

    context, inputs, upright, expected, logits, gradient, found = jax.device_get(jax.jit(run)(jax.random.key(0)))
    raw = upright * context["scale"][None] + context["mean"][None]
    turned = np.stack([np.rot90(image.reshape(8, 8)).ravel() for image in raw])
    np.testing.assert_allclose(inputs * context["scale"][None] + context["mean"][None], turned, atol=1e-5)
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-5)
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(gradient["base"]))
    assert all(np.any(factors.b) for factors in gradient["adapters"].factors.values())
    assert float(found["change"]) == 0.0
