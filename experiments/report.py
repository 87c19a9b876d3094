"""The table of all experiments and the page of their plots, rebuilt from the runs in a folder."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from algax.experiments import configs, files, plots, trainer, verdict

HEADER = ("experiment", "paper", "claim", "arms", "effect (95 % interval)", "verdict", "seconds", "finding")
TITLE = """# Results

One row an experiment. The effect is the difference between two arms, or between an arm and its own start, in the
claimed direction: the mean over seeds, paired seed by seed. Where a claim did not come out, the config's own words say what
was found. Rebuilt by `algax report` from the runs in `{workdir}`.
"""
PAGE = """
![Every run in a panel: each arm's mean over seeds in its 95 % interval]({page})
"""
PARTIAL = """
## Partial and changed runs

These stopped before their last step, or ran with another config than the package's: they prove nothing about the claim.
"""
NOT_RUN = """
## Not run
"""


class Run(NamedTuple):
    """A run in its folder, or an experiment that has none.

    Attributes:
        config: the run's own; the package's where there is no run.
        rows: of its metrics.
        judged: its verdict, None where it is not finished.
        note: what makes it partial or another than the package's; empty for a finished run of the package's config.
    """

    config: Mapping
    rows: Sequence[Mapping]
    judged: Mapping | None
    note: str

    @property
    def state(self) -> str:
        """The verdict and the note, in a few words."""
        if self.judged is None:
            return self.note
        return f"{self.judged['verdict']} ({self.note})" if self.note else self.judged["verdict"]


def outcome(config: Mapping, result: trainer.Result) -> dict:
    """The content of `verdict.json`: the config's claims judged on the rows of a finished run."""
    claims = [verdict.judge(claim, result.rows, list(config["arms"])) for claim in config["expect"]]
    return {
        "experiment": config["experiment"],
        "verdict": verdict.overall([claim["verdict"] for claim in claims]),
        "claims": claims,
        "seeds": config["seeds"],
        "steps": config["steps"],
        "seconds": round(result.seconds, 1),
        "skipped": skipped(result.rows),
    }


def skipped(rows: Sequence[Mapping]) -> dict[str, int]:
    """How many steps with gradients that are not finite every arm skipped over all seeds, where it did."""
    last = {(row["arm"], row["seed"]): row.get("train/skipped", 0.0) for row in rows}
    counts: dict[str, int] = {}
    for (arm, _), count in last.items():
        counts[arm] = counts.get(arm, 0) + int(count)
    return {arm: count for arm, count in counts.items() if count}


def changes(config: Mapping) -> str:
    """What a run changed from the package's config, e.g. `partial: steps=20`; empty where nothing was."""
    package = configs.plain(configs.load(config["experiment"]))
    values = {name: now for name, (_, now) in trainer.changed(package, config).items()}
    names = sorted(values, key=lambda name: name.count("."))
    if not names:
        return ""
    kind = "partial" if config["steps"] < package["steps"] or config["seeds"] < package["seeds"] else "changed"
    listed = ", ".join(f"{name}={values[name]}" for name in names[:4])
    return f"{kind}: {listed}{', …' if len(names) > 4 else ''}"


def reached(config: Mapping, rows: Sequence[Mapping]) -> int:
    """The last step that every arm has metrics of in every seed; -1 where one has none."""
    last: dict[tuple[str, int], int] = {}
    for row in rows:
        place = row["arm"], row["seed"]
        last[place] = max(row["step"], last.get(place, -1))
    return min(last.get((arm, seed), -1) for arm in config["arms"] for seed in range(config["seeds"]))


def read(name: str, folder: pathlib.Path) -> Run:
    """The run of an experiment in a folder."""
    config = files.read_json(folder / "config.json")
    rows = files.read_rows(folder / "metrics.jsonl")
    if config is None or not rows:
        return Run(configs.plain(configs.load(name)), [], None, "")
    step, changed = reached(config, rows), changes(config)
    judged = files.read_json(folder / "verdict.json")
    if step >= config["steps"] and judged and all(judged[key] == config[key] for key in ("steps", "seeds")):
        return Run(config, rows, judged, changed)
    stopped = f"partial: step {max(step, 0)} of {config['steps']}" + (", not judged" if step >= config["steps"] else "")
    return Run(config, rows, None, f"{stopped}; {changed}" if changed else stopped)


def cells(run: Run) -> tuple[str, ...]:
    """One row of the table."""
    config, judged = run.config, run.judged
    head = (f"`{config['experiment']}`", config["paper"], config["claim"], ", ".join(config["arms"]))
    if judged is None:
        return (*head, "", run.state, "", "")
    effects, seconds = "<br>".join(map(verdict.sentence, judged["claims"])), f"{judged['seconds']:.0f}"
    came_out = judged["verdict"] == verdict.REPRODUCED
    finding = "" if came_out else " ".join(configs.description(config["experiment"]).split())
    return (*head, effects, run.state, seconds, finding)


def _markdown(runs: Sequence[Run]) -> str:
    rows = [HEADER, ("---",) * len(HEADER), *map(cells, runs)]
    return "\n" + "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in rows)


def sort(workdir: pathlib.Path) -> tuple[list[Run], list[Run], list[Run]]:
    """The finished runs in `workdir/ROOM/ID`, those that are partial or changed, and the experiments without a run."""
    runs = [read(name, workdir / name) for name in configs.names()]
    finished = [run for run in runs if run.judged is not None and not run.note]
    return finished, [run for run in runs if run.note], [run for run in runs if not run.rows]


def table(workdir: pathlib.Path, page: str = "RESULTS.png") -> str:
    """The Markdown of all experiments, with the runs found in `workdir/ROOM/ID` and a link to the page of their plots."""
    finished, partial, missing = sort(workdir)
    text = TITLE.format(workdir=workdir) + (PAGE.format(page=page) if finished or partial else "")
    for head, runs in (("", finished), (PARTIAL, partial)):
        text += head + _markdown(runs) if runs else ""
    names = ", ".join(f"`{run.config['experiment']}`" for run in missing)
    return text + (f"{NOT_RUN}\n{names}\n" if missing else "")


def draw(workdir: pathlib.Path, page: pathlib.Path) -> None:
    """Saves the page of plots, finished runs first; nothing where there is no run."""
    finished, partial, _ = sort(workdir)
    panels = [plots.Panel(run.config, run.rows, run.state, not run.note) for run in (*finished, *partial)]
    if panels:
        plots.page(panels, page)


def default_output() -> pathlib.Path:
    """`RESULTS.md` beside this file in a source checkout, else in the current folder."""
    here = pathlib.Path(__file__).resolve().parent
    return (here if (here.parent / "setup.py").exists() else pathlib.Path()) / "RESULTS.md"


def write(workdir: pathlib.Path, output: pathlib.Path | None = None) -> pathlib.Path:
    """Writes the table and, beside it under the same name, the page of plots; returns the path of the table.

    Raises:
        ValueError: if `workdir` is no folder, or the table would have the page's name.
    """
    if not workdir.is_dir():
        raise ValueError(f"no runs: {str(workdir)!r} is no folder; run an experiment first or pass --workdir")
    output = output or default_output()
    page = output.with_suffix(".png")
    if page == output:
        raise ValueError(f"--output is the table, the page of plots lies beside it: {str(output)!r} must not end in .png")
    draw(workdir, page)
    files.write_text(output, table(workdir, page.name))
    return output
