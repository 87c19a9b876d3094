"""Steps with a gradient that is not finite: skipped, counted, and named by a replay."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from ml_collections import ConfigDict

import algax
from algax.experiments import configs, diagnose, guard, report, trainer
from algax.experiments import run as cli

from . import toy

BAD = 3


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of eight steps and two seeds whose fourth step has a NaN in row 5 of its batch."""
    with jax.numpy_dtype_promotion("standard"):
        folder = tmp_path_factory.mktemp("runs")
        config = toy.config({"bad_step": BAD, "bad_row": 5}, steps=8, seeds=2, keep={"last": 1})
        result = trainer.train(config, folder / "bad", progress=False)
        return folder / "bad", config, result


def by_step(rows, name):
    return {row["step"]: row[name] for row in rows if row["seed"] == 1 and name in row}


def test_the_step_is_skipped_counted_and_everything_else_goes_on(run):
    _, config, result = run
    assert by_step(result.rows, "train/skipped") == {2: 0, 4: 1, 6: 1, 8: 1}
    assert report.skipped(result.rows) == {"adam": 2}
    for name in ("error", "train/loss", "train/gradient_norm", "train/update_norm"):
        assert all(np.isfinite(row[name]) for row in result.rows if name in row)
    assert by_step(result.rows, "error")[8] < by_step(result.rows, "error")[4] < by_step(result.rows, "error")[2]


def test_the_parts_of_the_loss_add_up(run):
    rows = [row for row in run[2].rows if row["step"]]
    for row in rows:
        parts = row["train/loss/squared_error"] + row["train/loss/shrinkage"]
        assert row["train/loss/shrinkage"] > 0 and np.isclose(parts, row["train/loss"], rtol=1e-5)


def test_the_checkpoint_before_is_kept_and_the_replay_names_the_cause(run):
    folder, config, _ = run
    assert {path.name for path in (folder / "checkpoints").iterdir() if path.is_dir()} == {"2", "8"}
    text = diagnose.report(config, folder).splitlines()
    assert text[0] == f"arm adam, seed 0, step {BAD} (replayed from the state of step 2):"
    assert text[1:] == [
        "  data: inputs is not finite in row 5",
        "  forward pass: predictions is not finite in row 5",
        "  loss term squared_error: loss is not finite",
        "  gradient of loss term squared_error by predictions is not finite in row 5",
        "  gradient of loss term squared_error by parameters weights",
        "  gradient of loss term shrinkage by predictions is not finite in row 5",
        "  gradient of loss term shrinkage by parameters weights",
    ]


def test_the_command_line_tells_of_skipped_steps_and_names_them(run, monkeypatch, capsys):
    folder, config, _ = run
    monkeypatch.setattr(configs, "load", lambda name: ConfigDict(config))
    assert cli.main(["run", "tests/toy", f"--workdir={folder}"]) == 0
    assert "skipped: adam, 2 steps" in capsys.readouterr().out
    assert cli.main(["run", "tests/toy", f"--workdir={folder}", "--diagnose"]) == 0
    assert "data: inputs is not finite in row 5" in capsys.readouterr().out
    assert cli.main(["run", "tests/toy", f"--workdir={folder}", "--diagnose", "--config.steps=9"]) == 2
    assert "steps was 8 and is 9" in capsys.readouterr().err
    assert cli.main(["run", "tests/toy", f"--workdir={folder}", "--processes=2"]) == 2


def test_nothing_to_diagnose(tmp_path):
    with pytest.raises(ValueError, match="no checkpoints in"):
        diagnose.report(toy.config(), tmp_path)
    trainer.train(toy.config(steps=2), tmp_path, progress=False)
    assert diagnose.report(toy.config(steps=2), tmp_path) == "no step with a gradient that is not finite up to step 2"


def started(task):
    """Parameters, and a batch of the first step."""

    def run(key):
        params, context = task.init(key)
        return params, task.batch(params, context, jnp.int32(0), jax.random.key(1))

    return jax.jit(run)(jax.random.key(0))


def test_a_backward_pass_that_is_not_finite_is_told_from_its_fields():
    """The square root's derivative at 0 is infinite and the inner one 0: their product is NaN while all values are finite."""
    params, terms = started(toy.toy(features=2))

    def forward(params, terms, key):
        del key
        zero = jnp.sqrt(jnp.sum(jnp.square(0.0 * params["weights"])))
        return terms.replace(predictions=terms.inputs @ params["weights"] + zero)

    loss = toy.squared_error()
    state = algax.gradient(loss, forward).init(params)
    findings = diagnose.inspect(loss, forward, params, state, terms, jax.random.key(2))
    assert findings == ["gradient of loss term squared_error by parameters weights (the backward pass of forward)"]


def test_a_transform_at_fault_is_named():
    """A logarithm of a negative advantage: the field it writes, and the row."""
    task = toy.toy()
    params, terms = started(task)
    terms = terms.replace(targets=np.where(np.isin(np.arange(8), [1, 6]), np.float32(-1.0), np.abs(terms.targets)))
    logarithm = algax.loss_transform(
        lambda terms: terms.replace(targets=jnp.log(terms.targets)), reads=("targets",), writes=("targets",), name="logarithm"
    )
    loss = algax.chain(logarithm, toy.squared_error())
    state = algax.gradient(loss, task.forward).init(params)
    findings = diagnose.inspect(loss, task.forward, params, state, terms, jax.random.key(2))
    assert findings[0] == "transform logarithm: targets is not finite in rows 1, 6"
    assert findings[1] == "loss term squared_error: loss is not finite"


def test_guard_is_the_chain_where_gradients_are_finite_and_holds_still_where_not():
    task = toy.toy(bad_step=1)
    params, context = jax.jit(task.init)(jax.random.key(0))
    gradient = algax.gradient(toy.squared_error(), task.forward)
    tx, plain = guard.guarded(gradient, optax.adam(0.1)), optax.chain(gradient, optax.adam(0.1))
    batch, guarded, chained = jax.jit(task.batch), jax.jit(tx.update), jax.jit(plain.update)
    batches = [batch(params, context, np.int32(step), jax.random.key(step)) for step in range(3)]
    state, expected = jax.jit(lambda params: (tx.init(params), plain.init(params)))(params)
    for step in range(3):
        before, (updates, state) = state, guarded(None, state, params, terms=batches[step])
        if step == 1:
            assert not np.any(updates["weights"]) and int(state.first_skipped) == 1
            assert state.gradient.loss_state == before.gradient.loss_state and int(state.gradient.step) == 2
            continue
        wanted, expected = chained(None, expected, params, terms=batches[step])
        np.testing.assert_allclose(updates["weights"], wanted["weights"], rtol=1e-6)
        np.testing.assert_allclose(state.update_norm, np.linalg.norm(wanted["weights"]), rtol=1e-6)
    assert int(state.optimizer.total_notfinite) == 1 and float(state.gradient.loss_state) == float(expected[0].loss_state)
