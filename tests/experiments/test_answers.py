"""Tasks whose arms answer at once: what is known, what is asked, and how answers are judged."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import measure, models
from algax.experiments import tasks, trainer
from algax.experiments.configs import answered, plain
from algax.experiments.tasks.answers import answers, on_host

from .toy import module

KEY = jax.random.key(0)


def answer(task, context):
    """What the task's method makes of a problem."""
    return np.asarray(jax.jit(lambda context: task.batch(None, context, 0, KEY).targets[0])(context))


def judged(task, found, context):
    """The metrics of an answer."""
    return jax.device_get(jax.jit(lambda *args: task.evaluate(*args, KEY))(found, context))


def test_one_step_makes_the_answer_the_parameters(monkeypatch):
    def doubled(model, method="doubled"):
        del model
        methods = {
            "doubled": lambda context, key: on_host(lambda x: 2 * x, (3,), context["truth"]),
            "none": lambda context, key: jnp.zeros(3),
        }
        judge = {"error": lambda answer, context: jnp.max(jnp.abs(answer - 2.0 * context["truth"]))}
        draw = lambda key: {"truth": jax.random.normal(key, (3,))}  # noqa: E731
        return answers(draw, 3, methods, method, lambda a, c: {name: of(a, c) for name, of in judge.items()})

    monkeypatch.setattr(tasks, "doubled", doubled, raising=False)
    config = plain(
        answered("tests/doubled", "", "", "doubled", ("doubled", "none"), [("error", "doubled", "lower", "none", 0.0)])
    )
    run = trainer.prepare(config | {"seeds": 2})
    state = run.init(trainer.seed_numbers(2))
    for arm in config["arms"]:
        after, _ = run.train[arm](1, state["arms"][arm], state["context"], state["keys"], np.int32(0))
        expected = 2.0 * np.asarray(state["context"]["truth"]) if arm == "doubled" else np.zeros((2, 3))
        np.testing.assert_allclose(after["params"], expected, rtol=1e-6)
    with pytest.raises(ValueError, match="unknown method 'double': did you mean 'doubled'"):
        doubled(None, "double")


def test_expected_losses_of_sgd_are_those_of_many_runs():
    curves = module("quadratic_curves")
    problem = {"curvature": np.float32([1.0, 0.3]), "squares": np.float32([4.0, 1.0])}
    rates = np.array([0.5, 0.2, 0.9], np.float32)
    found = jax.jit(lambda problem, rates: curves.losses(problem, rates, 0.3))(problem, rates)
    rng, points = np.random.default_rng(0), np.ones((200_000, 1)) * np.array([[2.0, 1.0]])
    curvature, expected = np.array([1.0, 0.3]), []
    for rate in [*rates, None]:
        expected.append(1.0 + np.mean(np.sum(0.5 * curvature * points**2, -1)))
        if rate is not None:
            points = points - rate * (curvature * points + np.sqrt(0.3 * curvature) * rng.normal(size=points.shape))
    np.testing.assert_allclose(found, expected, rtol=5e-3)


def test_curves_of_the_summed_rates_are_continued_from_those_seen():
    """The fit of annealing itself is tested with the law; here both runs must reach it, and the held-out areas its answer."""
    curves, seen, law = module("quadratic_curves"), np.arange(40, 401, 20), measure.PowerLaw(0.5, -0.4, 2.0)
    count = np.arange(400)
    shapes = {"constant": np.full(400, 0.5), "cosine": 0.5 * (0.55 + 0.45 * np.cos(np.pi * count / 400))}
    shapes["held_out"] = 0.5 * (1.0 - np.clip((count - 320) / 80, 0, 1) * 0.9)
    context = {name: np.asarray(law.at(np.cumsum(rates)[seen - 1]), np.float32) for name, rates in shapes.items()}
    task = curves.annealing_curves(None, "forward", steps=400)
    errors = judged(task, answer(task, context), context)
    assert errors["error"] < 1e-3 and errors["final_error"] < 1e-3


def test_a_surface_of_the_kaplan_law_is_predicted(monkeypatch):
    surface = module("loss_surface")
    monkeypatch.setattr(surface, "SEEN", surface.SEEN[::4])
    law = measure.KaplanLaw(3.0, 0.3, 2.0, 0.5, 5.0, 0.8)
    size, batch, steps = np.meshgrid(surface.SIZES, surface.BATCHES, surface.SEEN, indexing="ij")
    context = {"losses": np.asarray(law.after_steps(size, steps, batch), np.float32)}
    task = tasks.loss_surface(None)
    assert judged(task, answer(task, context), context)["error"] < 0.01


def test_a_step_of_the_surface_takes_the_best_rate(monkeypatch):
    surface = module("loss_surface")
    for name, value in {"SEEN": np.array([1]), "SIZES": (3, 256), "BATCHES": (4,)}.items():
        monkeypatch.setattr(surface, name, value)

    def run(key):
        problem = module("quadratic_curves").quadratic(key)
        return problem, surface.surface(problem)

    problem, found = jax.device_get(jax.jit(run)(KEY))
    h, x = (np.asarray(problem[name], np.float64) for name in ("curvature", "squares"))
    tried = np.linspace(0.0, 1.0, 100_001)[:, None]
    after = 0.5 * np.sum(h[:3] * ((1 - tried * h[:3]) ** 2 * x[:3] + tried**2 * h[:3] * surface.NOISE / 4), axis=1).min()
    power, last = -np.log2(h[1] * x[1]), 1e6  # h x = i^-power goes on for ever
    beyond = np.sum(0.5 * np.arange(257.0, last) ** -power) + 0.5 * last ** (1 - power) / (power - 1)
    np.testing.assert_allclose(found[0, 0, 0], after + np.sum(0.5 * h[3:] * x[3:]) + beyond, rtol=1e-3)


def test_attempts_that_are_never_aborted_take_as_long_as_the_formula_says():
    task = tasks.attempts(None, "never")
    median = tasks.attempts(None, "median")

    def run(key):
        _, context = task.init(key)
        found = task.batch(None, context, 0, key).targets[0]
        return context, task.evaluate(found, context, key), median.batch(None, context, 0, key).targets[0]

    context, measured, found = jax.device_get(jax.jit(run)(KEY))
    np.testing.assert_allclose(measured["time"], 60.0, rtol=0.03)  # 20 + 0.5 / 0.5 * 40
    assert measured["formula"] < 0.03
    assert np.isclose(found[0], np.median(context["scores"]))
    good, bad = (context["scores"][context["succeeded"] == right].mean() for right in (True, False))
    assert good > bad


def test_orders_are_judged_by_their_ranks():
    task = tasks.batch_orders(models.MLP([3, 10], activation="tanh"))
    context = {"true": np.random.default_rng(0).normal(size=30).astype(np.float32)}
    correlation = jax.jit(lambda found: task.evaluate(found, context, KEY)["correlation"])
    assert correlation(np.exp(context["true"])) == pytest.approx(1.0)
    assert correlation(-context["true"]) == pytest.approx(-1.0)
    with pytest.raises(ValueError, match="unknown method 'carry'"):
        tasks.batch_orders(models.MLP([3, 10]), "carry")


def test_a_curve_of_decreasing_return_is_continued():
    sizes = module("learning_curve").SIZES
    context = {"curve": np.asarray(95.0 - 300.0 * sizes**-0.8, np.float32)}
    task = tasks.learning_curve(None)
    assert judged(task, answer(task, context), context)["error"] < 0.05
    last = answer(tasks.learning_curve(None, "last"), context)
    np.testing.assert_allclose(last, [95.0 - 300.0 * 400.0**-0.8, 1.0], rtol=1e-5)


def test_answers_are_judged_as_documented():
    boosted = tasks.boosted_network(None)
    signs = np.repeat(np.float32([1.0, -1.0]), [500, 69])
    whole = signs[400:]
    found = judged(boosted, np.concatenate([whole, np.ones(169, np.float32)]), {"signs": signs})
    np.testing.assert_allclose([found["accuracy"], found["half_accuracy"]], [1.0, 100 / 169], rtol=1e-6)
    shift = tasks.domain_shift(models.MLP([10]))
    found = judged(shift, np.float32([0.9, 0.4, 0.7, 0.95, 0.6]), {})
    np.testing.assert_allclose([found["log_depth"], found["new_accuracy"]], [np.log(0.5), 0.6], rtol=1e-5)
    power, tried = tasks.power_rates(None, "fixed"), np.float32([[1.0, 2.0, 1.5], [4.0, 1.0, 1.6]])
    fixed = answer(power, {"tried": tried})
    np.testing.assert_allclose(fixed, [1.5, 1.6], rtol=1e-6)  # the worst cell is 0.6 above its best, not 1 or 3
    assert judged(power, fixed, {"tried": tried})["worst"] == pytest.approx(0.6)


def test_optimizers_are_scored_by_the_time_they_take():
    times = np.float32([[40.0, 100.0, np.inf], [20.0, 200.0, 30.0], [np.inf] * 3, [80.0, 400.0, 60.0], [20.0, 100.0, 30.0]])
    task = tasks.workloads(None, "prodigy")  # the second: as fast as any, half as fast, as fast as any
    score = answer(task, {"times": times})
    np.testing.assert_allclose(score, [(3 + 2 + 3) / 9], rtol=1e-6)
    assert judged(task, score, {}) == {"score": score[0]}


def test_patches_make_convolutions():
    net = tasks.ConvNet(2)

    def convolved(x, layer):
        kernel = layer["kernel"].reshape(3, 3, x.shape[-1], -1)
        out = jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        return jax.nn.relu(out + layer["bias"][None, None, None])

    def run(key):
        images = jax.random.normal(key, (2, 8, 8, 1))
        params = net.init(key, images)["params"]
        hidden = convolved(convolved(images, params["Dense_0"])[:, ::2, ::2], params["Dense_1"]).mean((1, 2))
        expected = hidden @ params["Dense_2"]["kernel"] + params["Dense_2"]["bias"][None]
        return net.apply({"params": params}, images), expected

    found, expected = jax.jit(run)(KEY)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
