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
    params, context = jax.jit(task.init)(KEY)
    metrics = jax.jit(task.evaluate)(params, context, KEY)
    u = params["params"]["positive"]
    np.testing.assert_allclose(jnp.exp(metrics["log_trace"]), measure.diagonal_net_trace(context["inputs"], u, u), rtol=1e-5)
    np.testing.assert_allclose([metrics["l1"], metrics["test_loss"]], [0.0, 1.0], atol=1e-6)
    terms = jax.jit(task.batch)(params, context, jnp.int32(0), KEY)
    np.testing.assert_allclose(terms.targets[:, 0], context["inputs"][:, :2].sum(1), rtol=1e-5)
    one = tasks.sparse_regression(models.DiagonalNetwork(), examples=4, dims=6, batch_size=1)
    drawn = {tuple(np.asarray(one.batch(params, context, jnp.int32(0), jax.random.key(i)).inputs[0])) for i in range(30)}
    assert len(drawn) == 4


def test_feature_noise_has_its_features_where_it_says():
    task = tasks.feature_noise(models.PatchNetwork(2), examples=200, dims=8, weak=0.3, presence=0.75)
    params, context = jax.jit(task.init)(KEY)
    patches, classes = (np.asarray(x) for x in context["train"])
    np.testing.assert_allclose(patches[:, 0, 0], 0.3 * classes, rtol=1e-6)
    np.testing.assert_array_equal(patches[:, 0, 1:], 0.0)
    there = patches[:, 1, 1] == classes
    assert abs(there.mean() - 0.75) < 0.1
    assert np.abs(patches[~there][:, 1]).max() < 0.1 and np.abs(patches[:, 2]).max() < 0.1
    assert np.abs(np.asarray(context["weak"][0])[:, 1]).max() < 0.1
    terms = jax.jit(task.batch)(params, context, jnp.int32(203), KEY)
    np.testing.assert_array_equal(terms.inputs[0], patches[3])
    weights = jnp.zeros((2, 2, 8)).at[1, 0, 0].set(10.0).at[0, 0, 0].set(-10.0)
    metrics = jax.jit(task.evaluate)({"params": {"weights": weights}}, context, KEY)
    assert metrics["weak_accuracy"] == 1.0 and metrics["train_accuracy"] == 1.0


def test_a_chain_speaks_by_its_table_and_repeats_its_sentences_after_an_epoch():
    table = 2.0 * jax.random.normal(KEY, (3, 3, 3))
    rows = np.asarray(sentences(jax.random.split(KEY, 3000), table, 8))
    pairs = rows[:, 2:][(rows[:, :-2] == 1) & (rows[:, 1:-1] == 2)]
    counts = np.bincount(pairs, minlength=3) / len(pairs)
    np.testing.assert_allclose(counts, jax.nn.softmax(table[1, 2]), atol=0.05)
    task = tasks.markov(models.MLP([5, 3]), vocabulary=3, length=8, context=3, examples=8, batch_size=4)
    params, context = jax.jit(task.init)(KEY)
    first, second, again = (task.batch(params, context, jnp.int32(step), KEY).tokens for step in (0, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, second)


def test_windows_and_the_excess_of_a_uniform_guess():
    np.testing.assert_array_equal(windows(jnp.array([[1, 0, 1]]), 2, 2)[0], [[0, 0, 0, 1], [0, 1, 1, 0], [1, 0, 0, 1]])
    task = tasks.markov(models.MLP([5, 3]), vocabulary=3, length=8, context=3)
    params, context = jax.jit(task.init)(KEY)
    metrics = jax.jit(task.evaluate)(jax.tree.map(jnp.zeros_like, params), context, KEY)
    np.testing.assert_allclose(metrics["nll"], np.log(3), rtol=1e-5)
    rows = np.asarray(context["test"])
    own = np.asarray(jax.nn.log_softmax(context["table"]))[rows[:, :-2], rows[:, 1:-1], rows[:, 2:]]
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
