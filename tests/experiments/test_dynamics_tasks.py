"""Tasks of scaling and training dynamics: their data, and metrics against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import measure, models
from algax.experiments import tasks
from algax.experiments.tasks.markov import sentences, windows

KEY = jax.random.key(0)


def test_sparse_regression_measures_what_was_learnt():
    task = tasks.sparse_regression(models.DiagonalNetwork(0.5), examples=4, dims=6, nonzero=2, batch_size=4)
    one = tasks.sparse_regression(models.DiagonalNetwork(), examples=4, dims=6, batch_size=1)

    def run(key):
        params, context = task.init(key)
        u = params["params"]["positive"]
        trace = measure.diagonal_net_trace(context["inputs"], u, u)
        drawn = jax.vmap(lambda seed: one.batch(params, context, 0, jax.random.key(seed)).inputs[0])(jnp.arange(30))
        return context, task.evaluate(params, context, key), trace, task.batch(params, context, 0, key), drawn

    context, metrics, trace, terms, drawn = jax.device_get(jax.jit(run)(KEY))
    np.testing.assert_allclose(np.exp(metrics["log_trace"]), trace, rtol=1e-5)
    np.testing.assert_allclose([metrics["l1"], metrics["test_loss"]], [0.0, 1.0], atol=1e-6)
    np.testing.assert_allclose(terms.targets[:, 0], context["inputs"][:, :2].sum(1), rtol=1e-5)
    assert len(set(map(tuple, drawn))) == 4


def test_feature_noise_has_its_features_where_it_says():
    task = tasks.feature_noise(models.PatchNetwork(2), examples=200, dims=8, weak=0.3, presence=0.75)
    weights = np.zeros((2, 2, 8), np.float32)
    weights[1, 0, 0], weights[0, 0, 0] = 10.0, -10.0

    def run(key):
        params, context = task.init(key)
        metrics = task.evaluate({"params": {"weights": jnp.asarray(weights)}}, context, key)
        return context, task.batch(params, context, jnp.int32(203), key), metrics

    context, terms, metrics = jax.device_get(jax.jit(run)(KEY))
    patches, classes = (np.asarray(x) for x in context["train"])
    np.testing.assert_allclose(patches[:, 0, 0], 0.3 * classes, rtol=1e-6)
    np.testing.assert_array_equal(patches[:, 0, 1:], 0.0)
    there = patches[:, 1, 1] == classes
    assert abs(there.mean() - 0.75) < 0.1
    assert np.abs(patches[~there][:, 1]).max() < 0.1 and np.abs(patches[:, 2]).max() < 0.1
    assert np.abs(np.asarray(context["weak"][0])[:, 1]).max() < 0.1
    np.testing.assert_array_equal(terms.inputs[0], patches[3])
    assert metrics["weak_accuracy"] == 1.0 and metrics["train_accuracy"] == 1.0


def test_a_chain_speaks_by_its_table_and_repeats_its_sentences_after_an_epoch():
    task = tasks.markov(models.MLP([5, 3]), vocabulary=3, length=8, context=3, examples=8, batch_size=4)

    def run(key):
        table = 2.0 * jax.random.normal(key, (3, 3, 3))
        params, context = task.init(key)
        batches = jax.lax.map(lambda step: task.batch(params, context, step, key).tokens, jnp.arange(3))
        return jax.nn.softmax(table), sentences(jax.random.split(key, 3000), table, 8), batches

    chances, rows, (first, second, again) = jax.device_get(jax.jit(run)(KEY))
    pairs = rows[:, 2:][(rows[:, :-2] == 1) & (rows[:, 1:-1] == 2)]
    counts = np.bincount(pairs, minlength=3) / len(pairs)
    np.testing.assert_allclose(counts, chances[1, 2], atol=0.05)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, second)


def test_windows_and_the_excess_of_a_uniform_guess():
    seen = jax.jit(lambda tokens: windows(tokens, 2, 2))(np.array([[1, 0, 1]]))
    np.testing.assert_array_equal(np.asarray(seen)[0], [[0, 0, 0, 1], [0, 1, 1, 0], [1, 0, 0, 1]])
    task = tasks.markov(models.MLP([5, 3]), vocabulary=3, length=8, context=3)

    def run(key):
        params, context = task.init(key)
        metrics = task.evaluate(jax.tree.map(jnp.zeros_like, params), context, key)
        return context["test"], jax.nn.log_softmax(context["table"]), metrics

    rows, table, metrics = jax.device_get(jax.jit(run)(KEY))
    np.testing.assert_allclose(metrics["nll"], np.log(3), rtol=1e-5)
    own = table[rows[:, :-2], rows[:, 1:-1], rows[:, 2:]]
    np.testing.assert_allclose(metrics["excess"], np.log(3) + own.mean(), rtol=1e-4)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: tasks.sparse_regression(None, nonzero=41), "nonzero must be between 1 and dims=40; got 41"),
        (lambda: tasks.sparse_regression(None, batch_size=21), "batch_size must be between 1 and examples=20; got 21"),
        (lambda: tasks.feature_noise(None, dims=1), "dims at least 2; got 32 and 1"),
        (lambda: tasks.feature_noise(None, presence=1.5), "presence in .0, 1.; got"),
        (lambda: tasks.markov(None, context=1), "context must be at least 2; got 1"),
        (lambda: tasks.markov(None, batch_size=0), "batch_size must be between 1 and examples=6400; got 0"),
    ],
)
def test_bad_options_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
