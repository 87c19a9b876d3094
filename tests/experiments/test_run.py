"""The command line end to end: files, resuming, errors, the table."""

import json
import os
import pathlib
import signal

import pytest

import algax
from algax.experiments import files, report, run, trainer
from algax.experiments.checkpoint import Checkpoints

EXPERIMENT = "updates/orthogonal_gradient"
SMALL = [
    "--config.steps=4",
    "--config.evaluate_every=2",
    "--config.seeds=2",
    "--config.task.modulus=5",
    "--config.model.features=[8,5]",
]


def start(workdir, *more):
    return run.main(["run", EXPERIMENT, f"--workdir={workdir}", *SMALL, *more])


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of runs with one finished small run."""
    import jax

    runs = tmp_path_factory.mktemp("runs")
    with jax.numpy_dtype_promotion("standard"):
        assert start(runs / EXPERIMENT) == 0
    return runs


def test_files_of_a_run(finished, capsys):
    folder = finished / EXPERIMENT
    assert (folder / "plot.png").read_bytes().startswith(b"\x89PNG")
    assert len(list(folder.glob("tensorboard/*/events*"))) == 2
    rows = files.read_rows(folder / "metrics.jsonl")
    assert len(rows) == 2 * 2 * 3 and {row["step"] for row in rows} == {0, 2, 4}
    assert {"arm", "seed", "step", "accuracy", "train_accuracy", "train/loss"} <= set(rows[-1])
    judged = files.read_json(folder / "verdict.json")
    assert judged["verdict"] in ("reproduced", "not reproduced", "inconclusive")
    assert {path.name for path in folder.iterdir()} == {
        "checkpoints", "config.json", "metrics.jsonl", "plot.png", "tensorboard", "verdict.json"
    }  # fmt: skip


def test_arms_start_alike_and_seeds_differ(finished):
    first = [row for row in files.read_rows(finished / EXPERIMENT / "metrics.jsonl") if row["step"] == 0]
    losses = {(row["arm"], row["seed"]): row["loss"] for row in first}
    assert losses["adamw", 0] == losses["orthogonal_gradient", 0] != losses["adamw", 1]


def test_a_finished_run_is_not_trained_again(finished, capsys, monkeypatch):
    before = (finished / EXPERIMENT / "metrics.jsonl").read_text()
    monkeypatch.setattr(trainer, "train_steps", None)
    assert start(finished / EXPERIMENT) == 0
    assert "resumed at step 4 of 4" in capsys.readouterr().out
    assert (finished / EXPERIMENT / "metrics.jsonl").read_text() == before


@pytest.mark.parametrize("stop", ["sigterm", "killed after its rows"])
def test_a_stopped_run_resumes_to_the_same_numbers(finished, tmp_path, monkeypatch, capsys, stop):
    save = Checkpoints.save

    def save_and_stop(self, step, *rest):
        if stop == "sigterm":
            save(self, step, *rest)
            os.kill(os.getpid(), signal.SIGTERM)
        elif step == 4:
            raise KeyboardInterrupt
        else:
            save(self, step, *rest)

    monkeypatch.setattr(Checkpoints, "save", save_and_stop)
    assert start(tmp_path / "run") == (0 if stop == "sigterm" else 130)
    assert not (tmp_path / "run" / "verdict.json").exists()
    monkeypatch.undo()
    assert start(tmp_path / "run") == 0
    assert "resumed at step 2 of 4" in capsys.readouterr().out
    expected = (finished / EXPERIMENT / "metrics.jsonl").read_text()
    assert (tmp_path / "run" / "metrics.jsonl").read_text() == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "updates/orthogonal"], "unknown experiment 'updates/orthogonal': did you mean"),
        (["run", EXPERIMENT, "--config.seed=3"], "no entry 'seed' in config.: did you mean 'seeds'"),
        (["run", EXPERIMENT, "--config.steps=many"], "config.steps is an integer"),
        (["run", EXPERIMENT, "--config.steps=0"], "config.steps must be at least 1; got 0"),
        (["run", EXPERIMENT, "--config.arms.adamw.optimizer.0.name=optax.adamv"], "arm 'adamw': unknown name 'adamv'"),
        (["run", EXPERIMENT, "--seeds=3"], "unknown argument '--seeds=3'"),
        (["show", "nothing"], "no record and no experiment 'nothing'"),
        (["list", "--config.seeds=3"], "unknown arguments"),
    ],
)
def test_errors_are_one_line_and_exit_2(tmp_path, capsys, arguments, message):
    workdir = [f"--workdir={tmp_path / 'run'}"] if arguments[0] == "run" else []
    assert run.main([*arguments, *workdir]) == 2
    output = capsys.readouterr()
    assert message in output.err and output.err.startswith("algax: ")
    assert "Traceback" not in output.err and not (tmp_path / "run" / "metrics.jsonl").exists()


def test_another_config_in_the_same_folder_is_refused(finished, capsys):
    assert start(finished / EXPERIMENT, "--config.seeds=3") == 2
    assert "seeds was 2 and is 3; choose another --workdir" in capsys.readouterr().err
    assert start(finished / EXPERIMENT) == 0


def test_list_and_show(capsys):
    assert run.main(["list"]) == 0
    listed = capsys.readouterr().out
    assert "experiment" in listed.splitlines()[0]
    assert len(listed.splitlines()) == len(algax.catalogue()) + 1
    assert all(record.id in listed and record.title in listed for record in algax.catalogue())
    assert run.main(["show", EXPERIMENT]) == 0
    shown = capsys.readouterr().out
    assert "arm adamw" in shown and "cross_entropy" in shown and f"algax run {EXPERIMENT}" in shown
    record = algax.catalogue()[0]
    assert run.main(["show", record.id]) == 0
    assert record.title in (shown := capsys.readouterr().out) and f"{record.room}.{record.names[0]}" in shown


def test_report(finished, tmp_path, capsys):
    output = tmp_path / "RESULTS.md"
    assert run.main(["report", f"--workdir={finished}", f"--output={output}"]) == 0
    text = output.read_text()
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    rows = {line.split("`")[1]: line for line in lines}
    assert "partial: " in rows[EXPERIMENT] and "steps=4" in rows[EXPERIMENT] and "2501.04697" in rows[EXPERIMENT]
    assert "schedules/rex" not in rows and "`schedules/rex`" in text.split("## Not run")[1]
    assert all(line.count(" | ") == len(report.HEADER) - 1 for line in lines)


def test_report_of_an_unfinished_run(finished, tmp_path):
    folder = tmp_path / EXPERIMENT
    folder.mkdir(parents=True)
    for name in ("config.json", "metrics.jsonl"):
        (folder / name).write_bytes((finished / EXPERIMENT / name).read_bytes())
    rows = files.read_rows(folder / "metrics.jsonl")
    files.write_rows(folder / "metrics.jsonl", [row for row in rows if row["step"] <= 2])
    assert "partial: step 2 of 4" in report.table(tmp_path)


def test_report_without_runs(tmp_path, capsys):
    assert run.main(["report", f"--workdir={tmp_path / 'none'}"]) == 2
    assert "no runs" in capsys.readouterr().err


def test_default_output_is_the_source_checkout():
    assert report.default_output() == pathlib.Path(__file__).parents[2] / "experiments" / "RESULTS.md"


def test_verdict_is_valid_json(finished):
    json.loads((finished / EXPERIMENT / "verdict.json").read_text(), parse_constant=lambda name: pytest.fail(name))
