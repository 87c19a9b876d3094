"""Tasks of update transforms, of sparsity and of growth, against what can be written out."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from algax import models, updates
from algax.experiments import tasks
from algax.experiments.tasks.offline_design import OPTIMUM, styblinski_tang

KEY = jax.random.key(0)


def compiled(function, *args):
    """The results, in NumPy, of one program."""
    return jax.device_get(jax.jit(function)(*args))


def test_margins_reach_the_transform_and_separate_the_single_example():
    task = tasks.separation(None, examples=5, spread=0.0)
    moved = {"weights": np.float32([3.0, 1.0])}

    def run(key, moved):
        params, context = task.init(key)
        return *(task.evaluate(p, context, key) for p in (params, moved)), task.batch(moved, context, 0, key)

    start, measured, terms = compiled(run, KEY, moved)
    assert start == {"separated": 0.0, "margin": 0.0}
    np.testing.assert_allclose(terms.inputs, [[0.5, -1.0]] + [[-0.5, -1.0]] * 4)
    seen = []
    spy = optax.GradientTransformationExtraArgs(
        lambda params: (), lambda updates, state, params=None, *, margins, **extra: seen.append(margins) or (updates, state)
    )
    tasks.with_margins(spy).update(moved, (), moved, terms=terms)
    np.testing.assert_allclose(seen[0], [0.5, *[2.5] * 4])
    assert measured["separated"] == 1.0 and measured["margin"] == pytest.approx(0.5 / np.sqrt(10.0))


def test_labels_are_redrawn_every_round_and_judged_in_the_last():
    task = tasks.redrawn_labels(tasks.NormalizedMLP((4, 10)), images=6, rounds=3, round_steps=10, batch_size=64)
    rounds = {0: 0, 9: 0, 10: 1, 29: 2, 500: 2}

    def run(key):
        params, context = task.init(key)
        batches = jax.lax.map(lambda step: task.batch(params, context, step, key), jnp.array([*rounds]))
        scaled = jax.tree_util.tree_map_with_path(lambda path, w: 3.0 * w if "hidden" in str(path) else w, params)
        last = jax.tree.map(lambda x: x[-1], batches)
        outputs = [task.forward(p, last, key).logits for p in (params, scaled)]
        return context, batches.inputs, batches.labels, outputs

    context, inputs, labels, outputs = compiled(run, KEY)
    for number, images, numbers in zip(rounds.values(), inputs, labels, strict=True):
        for image, label in zip(images, numbers, strict=True):
            row = int(np.argmax((context["images"] == image).all(-1)))
            assert label == context["labels"][number, row]
    np.testing.assert_allclose(*outputs, atol=1e-3)  # hidden layers are scale-invariant, but for the norm's epsilon


def test_the_sharpness_of_a_linear_regression_is_that_of_its_inputs():
    model = models.ScaledMLP(width=4, depth=1, outputs=10, parameterization="mup", activation="identity")
    task = tasks.fitted_digits(model, examples=3)

    def run(key):
        params, context = task.init(key)
        flat, unravel = jax.flatten_util.ravel_pytree(params)

        def loss(flat):
            outputs = model.apply(unravel(flat), context["inputs"])
            return 0.5 * jnp.mean(jnp.sum((outputs - context["targets"]) ** 2, -1))

        return task.evaluate(params, context, key), loss(flat), jax.jacfwd(jax.grad(loss))(flat)

    measured, loss, hessian = compiled(run, KEY)
    np.testing.assert_allclose(measured["sharpness"], 4.0 * np.linalg.eigvalsh(hessian)[-1], rtol=1e-2)
    np.testing.assert_allclose(measured["loss"], loss, rtol=1e-5)


def test_designs_are_climbed_from_the_worse_half_and_judged_by_the_truth():
    assert styblinski_tang(np.full(2, -2.903534, np.float32)) == pytest.approx(OPTIMUM, rel=1e-5)
    model = models.MLP((1,), use_bias=False)
    task = tasks.offline_design(model, points=40, designs=3, ascent_steps=2, ascent_rate=0.1)

    def run(key):
        params, context = task.init(key)
        return params, context, task.evaluate(params, context, key)

    params, context, measured = compiled(run, KEY)
    points = 5.0 * np.asarray(context["inputs"], np.float64)
    values = -0.5 * np.sum(points**4 - 16 * points**2 + 5 * points, -1)
    assert np.all(np.diff(values) >= -1e-4) and context["best"] == pytest.approx(values[-1], rel=1e-4)
    kernel = np.asarray(jax.tree.leaves(params)[0], np.float64)[:, 0]
    proposed = 5.0 * np.clip(np.clip(points[-3:] / 5.0 + 0.1 * kernel, -1, 1) + 0.1 * kernel, -1, 1)
    expected = np.mean(-0.5 * np.sum(proposed**4 - 16 * proposed**2 + 5 * proposed, -1))
    np.testing.assert_allclose(measured["value"], (expected - values[-1]) / (OPTIMUM - values[-1]), rtol=1e-3)
    np.testing.assert_allclose(measured["log_norm"], np.log(np.linalg.norm(points.mean(0) / 5.0)), rtol=1e-3)


def test_a_federated_gradient_is_the_negative_mean_of_the_clients_changes():
    task = tasks.federated_digits(models.MLP((10,)), clients=3, local_rate=0.5, local_steps=2, batch_size=4)

    def run(key):
        params, context = task.init(key)
        terms = task.batch(params, context, 0, key)
        gradient = jax.grad(lambda params: jnp.mean(task.forward(params, terms, key).logits))(params)
        return context["classes"], terms.inputs, gradient

    classes, inputs, gradient = compiled(run, KEY)
    np.testing.assert_allclose(classes.sum(-1), 1.0, rtol=1e-5)
    for slope, changes in zip(jax.tree.leaves(gradient), jax.tree.leaves(inputs), strict=True):
        np.testing.assert_allclose(slope, -np.mean(np.asarray(changes), 0), rtol=1e-4, atol=1e-6)
        assert np.abs(changes).max() > 0


def test_activations_are_counted_where_the_second_layer_reads_them():
    task = tasks.sparse_activations(models.MLP((6, 8), activation="relu_squared"))

    def run(key):
        params, frozen = task.init(key)
        return params, frozen, task.evaluate(params, frozen, key)

    params, frozen, measured = compiled(run, KEY)
    layer = params["params"]["Dense_0"]
    rows = np.asarray(frozen["test"])
    one_hot = np.eye(8)[rows[:, :-1]]
    padded = np.concatenate([np.zeros((len(rows), 3, 8)), one_hot], axis=1)
    inputs = np.concatenate([padded[:, i : i + one_hot.shape[1]] for i in range(4)], axis=-1)
    hidden = inputs @ np.asarray(layer["kernel"], np.float64) + np.asarray(layer["bias"])
    np.testing.assert_allclose(measured["sparsity"], np.mean(hidden <= 0), atol=1e-3)


def test_a_network_is_its_small_part_until_it_grows():
    task = tasks.growing_markov(models.MLP((5, 8)), width=2, start=10, ramp=4)

    def run(key):
        params, frozen = task.init(key)
        params = jax.tree.map(lambda w: w + 0.1, params)
        terms = task.batch(params, frozen, jnp.int32(0), key)
        first, second = params["params"]["Dense_0"], params["params"]["Dense_1"]
        small = {name: w[..., :2] for name, w in first.items()}, {**second, "kernel": second["kernel"][:2]}
        small = dict(zip(("Dense_0", "Dense_1"), small, strict=True))
        alone = tasks.growing_markov(models.MLP((2, 8)), width=2).forward({"params": small}, terms, key).log_probs
        at = {step: task.forward(params, terms.replace(step=jnp.int32(step)), key).log_probs for step in (10, 12, 14)}
        return alone, at, tasks.growing_markov(models.MLP((5, 8)), width=2).forward(params, terms, key).log_probs

    alone, at, large = compiled(run, KEY)
    np.testing.assert_allclose(at[10], alone, rtol=1e-5)
    np.testing.assert_allclose(at[14], large, rtol=1e-5)
    assert not np.allclose(at[12], alone) and not np.allclose(at[12], large)
    with pytest.raises(ValueError, match="width must be between 1 and the model's 5; got 6"):
        tasks.growing_markov(models.MLP((5, 8)), width=6)


def test_runs_at_different_steps_move_their_masks_apart():
    tx = updates.rigl(optax.sgd(0.1), {"w": jnp.array([True, True, False, False])}, every=2, until=100, drop_fraction=1.0)
    params, gradient = {"w": np.float32([1.0, 2.0, 0.0, 0.0])}, {"w": np.float32([0.0, 0.0, 3.0, 4.0])}

    def run(params, gradient):
        states = [tx.init(params)]
        states.append(tx.update(gradient, states[0], params)[1])
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)
        _, after = jax.vmap(tx.update, in_axes=(None, 0, None))(gradient, stacked, params)
        return after.masks["w"], [tx.update(gradient, state, params)[1].masks["w"] for state in states]

    after, alone = compiled(run, params, gradient)
    np.testing.assert_array_equal(after, alone)
    assert not np.array_equal(after[0], after[1])
