"""The search for learning rates on a quadratic, whose losses are known."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import schedules


@functools.partial(jax.jit, static_argnums=2, donate_argnums=0)
def descend(state, learning_rate, steps):
    """Gradient descent with momentum on w^2 / 2; it donates what it gets."""

    def step(state, _):
        loss = 0.5 * jnp.sum(jnp.square(state["w"]))
        velocity = 0.5 * state["velocity"] + state["w"]
        return {"w": state["w"] - learning_rate * velocity, "velocity": velocity, "count": state["count"] + 1}, loss

    return jax.lax.scan(step, state, length=steps)


def start():
    state = {"w": np.array([1.0, -2.0], np.float32), "velocity": np.zeros(2, np.float32), "count": np.zeros([], np.int32)}
    return jax.tree.map(jnp.asarray, state)


def search(**options):
    options = {"steps": 140, "key": jax.random.key(0), "candidates": 5, "stage_steps": 40, "trial_steps": 16} | options
    return schedules.auto_learning_rates(descend, start(), 1e-3, 1.0, **options)


def test_the_state_is_that_of_a_plain_run_with_the_rates_found():
    found = search()
    assert isinstance(found, schedules.Search) and isinstance(found.stages[0], schedules.Stage)
    assert [(stage.start, stage.steps) for stage in found.stages] == [(0, 40), (40, 80), (120, 20)]
    plain = start()
    for stage in found.stages:
        plain, _ = descend(plain, stage.learning_rate, stage.steps)
    jax.tree.map(np.testing.assert_array_equal, found.state, plain)
    assert int(found.state["count"]) == 140
    rates = np.concatenate([np.full(stage.steps, np.float32(stage.learning_rate)) for stage in found.stages])
    np.testing.assert_array_equal(found.learning_rates, rates)
    np.testing.assert_array_equal(schedules.table(found.learning_rates)(100), rates[100])


def test_every_stage_takes_the_rate_of_least_forecast():
    for stage in search().stages:
        assert len(stage.tried) == len(stage.predicted) == 5 and all(1e-3 <= rate <= 1.0 for rate in stage.tried)
        assert stage.learning_rate == stage.tried[int(np.argmin(stage.predicted))]
    first = search(steps=40).stages[0]
    _, trial = descend(start(), first.tried[2], 16)
    forecast, _ = schedules.exponential_forecast(trial, 40, mask=schedules.prune_outliers(trial))
    np.testing.assert_allclose(first.predicted[2], forecast, rtol=1e-4)
    final = 0.5 * float(jnp.sum(jnp.square(search(steps=40).state["w"])))
    assert final < 0.5 * float(jnp.sum(jnp.square(descend(start(), 0.01, 40)[0]["w"])))


def test_validation_losses_are_used_in_full_stages():
    calls = []

    def validate(state):
        calls.append(int(state["count"]))
        return jnp.sum(jnp.square(state["w"]))

    found = search(steps=120, stage_steps=40, trial_steps=16, longest_stage=80, candidates=2, validate=validate)
    assert calls == 2 * [40, *range(42, 73, 2)]
    assert [stage.steps for stage in found.stages] == [40, 80]


def test_rates_that_diverge_score_worst():
    @functools.partial(jax.jit, static_argnums=2)
    def train(state, learning_rate, steps):
        return state, jnp.where(learning_rate > 0.01, jnp.nan, 1.0) * jnp.ones(steps)

    options = {"steps": 20, "key": jax.random.key(1), "candidates": 4, "stage_steps": 20, "trial_steps": 16}
    stage = schedules.auto_learning_rates(train, {}, 1e-3, 1.0, **options).stages[0]
    scores = dict(zip(stage.tried, stage.predicted, strict=True))
    assert stage.learning_rate <= 0.01
    assert all((score == 1e6) == (rate > 0.01) for rate, score in scores.items())


def test_proposals():
    rates, losses = [0.01, 0.1, 1.0], [1.0, 0.2, 1.5]
    exploiting = schedules.propose_rate(rates, losses, 0.01, 1.0, kappa=0.0)
    assert 0.05 < exploiting < 0.2
    exploring = schedules.propose_rate(rates, losses, 0.01, 1.0, kappa=1e6)
    assert min(abs(np.log(exploring / rate)) for rate in rates) > 0.8  # as far from all of them as it gets
    from sklearn.gaussian_process import GaussianProcessRegressor, kernels

    x = np.log(np.asarray(rates) / 0.01)[:, None] / np.log(100)
    kernel = kernels.Matern(0.3, "fixed", nu=2.5)
    process = GaussianProcessRegressor(kernel, alpha=1e-4, optimizer=None, normalize_y=True).fit(x, losses)
    grid = np.linspace(0, 1, 1001)
    mean, deviation = process.predict(grid[:, None], return_std=True)
    best = 0.01 * 100 ** grid[np.argmin(mean - 2.0 * deviation)]
    np.testing.assert_allclose(schedules.propose_rate(rates, losses, 0.01, 1.0, kappa=2.0), best, rtol=1e-9)


def test_without_scikit_learn(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "sklearn.gaussian_process", None)
    with pytest.raises(ImportError, match=r"algax\[experiments\]"):
        schedules.propose_rate([0.1], [1.0], 0.01, 1.0)


def test_wrong_arguments():
    for options, message in (
        ({"steps": 0}, "`steps` must"),
        ({"candidates": 0}, "`candidates` must"),
        ({"trial_steps": 15}, "`trial_steps` must"),
        ({"trial_steps": 41}, "`trial_steps` must"),
        ({"longest_stage": 39}, "`longest_stage` must"),
    ):
        with pytest.raises(ValueError, match=message):
            search(**options)
    with pytest.raises(ValueError, match="`high` must"):
        schedules.propose_rate([0.1], [1.0], 0.5, 0.1)
    with pytest.raises(ValueError, match="`losses` must be one"):
        schedules.propose_rate([0.1], [], 0.01, 0.1)
    with pytest.raises(TypeError, match="`train` must"):
        schedules.auto_learning_rates(None, start(), 0.01, 0.1, steps=1, key=jax.random.key(0))
    with pytest.raises(ValueError, match=r"`train` must return losses of shape \[16\]"):
        schedules.auto_learning_rates(
            lambda state, rate, steps: (state, jnp.ones(3)),
            {},
            0.1,
            1.0,
            steps=20,
            key=jax.random.key(0),
            stage_steps=20,
            trial_steps=16,
        )
