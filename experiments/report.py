"""The table of all experiments, rebuilt from the runs in a folder."""

import pathlib
from collections.abc import Mapping

from algax.experiments import configs, files, trainer, verdict

HEADER = ("experiment", "paper", "claim", "arms", "effect (95 % interval)", "verdict", "seconds")
TITLE = """# Results

One row an experiment. The effect is the difference between two arms, or between an arm and its own start, in the
claimed direction: the mean over seeds, paired seed by seed. Rebuilt by `algax report` from the runs in `{workdir}`.
"""


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
    }


def changes(config: Mapping) -> str:
    """What a run changed from the package's config, e.g. ` (partial: steps=20)`; empty where nothing was."""
    package = configs.plain(configs.load(config["experiment"]))
    default, values = trainer.flatten(package), trainer.flatten(config)
    names = [name for name in {**default, **values} if default.get(name) != values.get(name)]
    if not names:
        return ""
    names.sort(key=lambda name: name.count("."))
    kind = "partial" if config["steps"] < package["steps"] or config["seeds"] < package["seeds"] else "changed"
    listed = ", ".join(f"{name}={values.get(name)}" for name in names[:4])
    return f" ({kind}: {listed}{', …' if len(names) > 4 else ''})"


def row(name: str, folder: pathlib.Path) -> tuple[str, ...]:
    """The cells of one experiment, from its run's folder."""
    default = configs.plain(configs.load(name))
    config = files.read_json(folder / "config.json") or default
    judged = files.read_json(folder / "verdict.json")
    cells = (f"`{name}`", default["paper"], default["claim"], ", ".join(config["arms"]))
    if judged is None:
        steps = [entry["step"] for entry in files.read_rows(folder / "metrics.jsonl")]
        state = f"partial: step {max(steps)} of {config['steps']}" if steps else "not run"
        return (*cells, "", state, "")
    state = judged["verdict"] + changes(config)
    return (*cells, "<br>".join(map(verdict.sentence, judged["claims"])), state, f"{judged['seconds']:.0f}")


def table(workdir: pathlib.Path) -> str:
    """The Markdown table of all experiments, with the runs found in `workdir/ROOM/ID`."""
    rows = [HEADER, ("---",) * len(HEADER), *(row(name, workdir / name) for name in configs.names())]
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |" for cells in rows]
    return TITLE.format(workdir=workdir) + "\n" + "\n".join(lines) + "\n"


def default_output() -> pathlib.Path:
    """`RESULTS.md` beside this file in a source checkout, else in the current folder."""
    here = pathlib.Path(__file__).resolve().parent
    return (here if (here.parent / "setup.py").exists() else pathlib.Path()) / "RESULTS.md"


def write(workdir: pathlib.Path, output: pathlib.Path | None = None) -> pathlib.Path:
    """Writes the table in one piece and returns its path.

    Raises:
        ValueError: if `workdir` is no folder.
    """
    if not workdir.is_dir():
        raise ValueError(f"no runs: {str(workdir)!r} is no folder; run an experiment first or pass --workdir")
    output = output or default_output()
    files.write_text(output, table(workdir))
    return output
