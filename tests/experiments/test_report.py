"""The table and the page of plots, from runs written by hand: what is finished, what is marked, and what stays the same."""

import pathlib

import numpy as np
import pytest
from matplotlib import image

from algax.experiments import configs, files, plots, report, trainer

EXPERIMENT = "updates/orthogonal_gradient"
ARMS = ("orthogonal_gradient", "adamw")


def write_run(runs, name=EXPERIMENT, last=None, judge=True, **changes):
    """A run of the package's config but for `changes`, with metrics up to step `last`."""
    config = configs.plain(configs.load(name)) | changes
    last = config["steps"] if last is None else last
    metrics = {config["metric"], *(claim["metric"] for claim in config["expect"])}
    rows = [
        {"arm": arm, "seed": seed, "step": step} | {metric: 0.1 * place + 0.01 * seed + step / 1e3 for metric in metrics}
        for step in range(0, last + 1, config["evaluate_every"])
        for place, arm in enumerate(config["arms"])
        for seed in range(config["seeds"])
    ]
    folder = runs / name
    folder.mkdir(parents=True)
    files.write_json(folder / "config.json", config)
    files.append_rows(folder / "metrics.jsonl", rows)
    if judge:
        files.write_json(folder / "verdict.json", report.outcome(config, trainer.Result(rows, 1.0, 0)))
    return folder


def sections(runs):
    """The experiments under every heading, with their lines."""
    found, heading = {}, None
    for line in report.table(runs).splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        elif line.startswith("| `"):
            found.setdefault(heading, {})[line.split("`")[1]] = line
        elif line.startswith("`"):
            found[heading] = dict.fromkeys(line.replace("`", "").split(", "), line)
    return found


def test_finished_runs_have_a_table_of_their_own(tmp_path):
    write_run(tmp_path)
    write_run(tmp_path, "schedules/rex", steps=10)
    write_run(tmp_path, "preference/dpo", last=40, judge=False)
    found = sections(tmp_path)
    assert set(found["Results"]) == {EXPERIMENT}
    assert set(found["Partial and changed runs"]) == {"schedules/rex", "preference/dpo"}
    assert set(found["Not run"]) == set(configs.names()) - {EXPERIMENT, "schedules/rex", "preference/dpo"}
    assert "partial: steps=10" in found["Partial and changed runs"]["schedules/rex"]
    assert "partial: step 40 of 300" in found["Partial and changed runs"]["preference/dpo"]
    assert "partial" not in found["Results"][EXPERIMENT]


def test_a_finding_stands_in_the_row_of_a_claim_that_did_not_come_out(tmp_path):
    folder = write_run(tmp_path)
    finding = " ".join(configs.description(EXPERIMENT).split())
    judged = files.read_json(folder / "verdict.json")
    for said, expected in (("reproduced", ""), ("not reproduced", finding), ("inconclusive", finding)):
        files.write_json(folder / "verdict.json", judged | {"verdict": said})
        cells = [cell.strip() for cell in sections(tmp_path)["Results"][EXPERIMENT].split("|")]
        assert cells[6:9:2] == [said, expected]


@pytest.mark.parametrize(
    ("options", "state"),
    [
        ({}, ""),
        ({"last": 100, "judge": False}, "partial: step 100 of 800"),
        ({"last": 100}, "partial: step 100 of 800"),
        ({"judge": False}, "partial: step 800 of 800, not judged"),
        ({"seeds": 2}, "partial: seeds=2"),
        ({"seeds": 8}, "changed: seeds=8"),
        ({"last": 100, "seeds": 2, "judge": False}, "partial: step 100 of 800; partial: seeds=2"),
        ({"devices": {"data": 8}}, ""),
    ],
)
def test_what_is_partial(tmp_path, options, state):
    """A verdict does not make a run finished, and devices do not make it another."""
    assert report.read(EXPERIMENT, write_run(tmp_path, **options)).note == state


def test_a_run_is_as_far_as_its_slowest_arm_and_seed(tmp_path):
    folder = write_run(tmp_path)
    rows = files.read_rows(folder / "metrics.jsonl")
    files.write_rows(
        folder / "metrics.jsonl", [row for row in rows if (row["arm"], row["seed"], row["step"]) != ("adamw", 3, 800)]
    )
    assert report.read(EXPERIMENT, folder).note == "partial: step 750 of 800"
    files.write_rows(folder / "metrics.jsonl", [row for row in rows if row["arm"] != "adamw"])
    assert report.read(EXPERIMENT, folder).note == "partial: step 0 of 800"


def test_a_verdict_of_another_config_is_not_used(tmp_path):
    folder = write_run(tmp_path)
    judged = files.read_json(folder / "verdict.json")
    files.write_json(folder / "verdict.json", judged | {"seeds": 9})
    run = report.read(EXPERIMENT, folder)
    assert run.judged is None and run.state == "partial: step 800 of 800, not judged"


def test_files_are_the_same_bytes_until_a_run_changes(tmp_path):
    write_run(tmp_path / "runs")
    output = tmp_path / "RESULTS.md"
    contents = []
    for _ in range(2):
        report.write(tmp_path / "runs", output)
        contents.append((output.read_bytes(), output.with_suffix(".png").read_bytes()))
    assert contents[0] == contents[1] and "(RESULTS.png)" in contents[0][0].decode()
    write_run(tmp_path / "runs", "preference/dpo", last=20, judge=False)
    report.write(tmp_path / "runs", output)
    assert output.read_bytes() != contents[0][0] and output.with_suffix(".png").read_bytes() != contents[0][1]
    assert {path.name for path in tmp_path.iterdir()} == {"runs", "RESULTS.md", "RESULTS.png"}


def drawn(monkeypatch, runs):
    """The axes of the page."""
    figures = []

    class Kept(plots.Figure):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            figures.append(self)

    monkeypatch.setattr(plots, "Figure", Kept)
    report.draw(runs, runs / "page.png")
    monkeypatch.undo()
    return {axis.get_title(): axis for axis in figures[0].axes if axis.axison}


def test_page_has_a_panel_a_run_with_every_arm_and_the_verdict(tmp_path, monkeypatch):
    write_run(tmp_path)
    write_run(tmp_path, "schedules/rex", last=20, judge=False)
    axes = drawn(monkeypatch, tmp_path)
    verdict = report.read(EXPERIMENT, tmp_path / EXPERIMENT).judged["verdict"]
    assert list(axes) == [f"{EXPERIMENT}\n{verdict}", "schedules/rex\npartial: step 20 of 40"]
    finished, partial = axes.values()
    assert [line.get_label() for line in finished.lines] == list(ARMS)
    for place, (line, band) in enumerate(zip(finished.lines, finished.collections, strict=True)):
        steps = np.arange(0, 801, 50)
        np.testing.assert_array_equal(line.get_xdata(), steps)
        np.testing.assert_allclose(line.get_ydata(), 0.1 * place + 0.025 + steps / 1e3, rtol=1e-6)
        # Of 0, .01, ..., .05 the standard deviation is .018708; t at 97.5 % with 5 degrees of freedom is 2.571.
        heights = band.get_paths()[0].vertices[:, 1]
        np.testing.assert_allclose(heights.min(), 0.1 * place + 0.025 - 2.571 * 0.018708 / np.sqrt(6), rtol=1e-3)
    assert finished.get_facecolor() != partial.get_facecolor()
    assert partial.get_xlim() == (0, 40)


def test_an_arm_without_metrics_yet_is_left_out(tmp_path, monkeypatch):
    folder = write_run(tmp_path, last=0, judge=False)
    rows = files.read_rows(folder / "metrics.jsonl")
    files.write_rows(folder / "metrics.jsonl", [row for row in rows if row["arm"] != "adamw"])
    (axis,) = drawn(monkeypatch, tmp_path).values()
    assert [line.get_label() for line in axis.lines] == ["orthogonal_gradient"]


def test_a_page_that_would_be_too_large_is_less_sharp(tmp_path, monkeypatch):
    run = report.read(EXPERIMENT, write_run(tmp_path))
    panels = [plots.Panel(run.config, run.rows, "reproduced", True)] * 2
    sizes = []
    for most in (plots.MOST_BYTES, 16_000):
        monkeypatch.setattr(plots, "MOST_BYTES", most)
        plots.page(panels, tmp_path / "page.png")
        assert (tmp_path / "page.png").stat().st_size < most
        sizes.append(image.imread(tmp_path / "page.png").shape)
    assert sizes[0][0] > sizes[1][0] and sizes[0][1] > sizes[1][1]


def test_without_runs_there_is_no_page(tmp_path):
    (tmp_path / "runs").mkdir()
    report.write(tmp_path / "runs", tmp_path / "RESULTS.md")
    assert not (tmp_path / "RESULTS.png").exists()
    assert ".png" not in (tmp_path / "RESULTS.md").read_text()


def test_a_table_cannot_be_the_page(tmp_path):
    with pytest.raises(ValueError, match="must not end in .png"):
        report.write(tmp_path, pathlib.Path("RESULTS.png"))
