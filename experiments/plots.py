"""Plots of comparisons: one curve an arm, the mean over seeds in its confidence band."""

import io
import pathlib
import textwrap
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.figure import Figure  # not pyplot, whose backend belongs to the caller

from algax.experiments import files, verdict

COLOURS = ("#0b6e99", "#d9730d", "#448361", "#9065b0", "#c14c8a", "#787774")
MOST_BYTES = 500_000  # of a page of plots
DOTS_PER_INCH, LEAST_DOTS_PER_INCH = 140, 30
STYLE = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 11,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "font.size": 10,
}


def curve(rows: Sequence[Mapping], arm: str, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Steps `[N]` and (mean, low, high) `[N, 3]` of one arm's metric; without a band where there is one seed."""
    values: dict[int, list[float]] = {}
    for row in rows:
        if row["arm"] == arm and metric in row:
            values.setdefault(row["step"], []).append(row[metric])
    bands = []
    for step in sorted(values):
        mean, low, high = verdict.interval(values[step])
        bands.append((mean, low, high) if np.isfinite(low) else (mean, mean, mean))
    return np.array(sorted(values)), np.array(bands)


def metrics_of(config: Mapping) -> list[str]:
    """The metrics worth a panel: the config's own and those of its claims, each once."""
    return list(dict.fromkeys([config["metric"], *(claim["metric"] for claim in config["expect"])]))


def draw(axis, config: Mapping, rows: Sequence[Mapping], metric: str, width: float = 1.8) -> None:
    """Draws one metric of every arm that has it: mean and 95 % band over steps."""
    for index, arm in enumerate(config["arms"]):
        steps, bands = curve(rows, arm, metric)
        if len(steps):
            colour = COLOURS[index % len(COLOURS)]
            axis.plot(steps, bands[:, 0], color=colour, label=arm, linewidth=width)
            axis.fill_between(steps, bands[:, 1], bands[:, 2], color=colour, alpha=0.18, linewidth=0)
    axis.set_ylabel(metric.replace("_", " "))
    axis.margins(x=0.01)
    if metric in config["log_scale"]:
        axis.set_yscale("log")


def plot(config: Mapping, rows: Sequence[Mapping], path: pathlib.Path) -> None:
    """Saves a PNG with one panel a metric; steps across, mean and 95 % band of every arm."""
    names = metrics_of(config)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(5.2 * len(names), 3.6), dpi=120)
        axes = figure.subplots(1, len(names), squeeze=False)
        for axis, metric in zip(axes[0], names, strict=True):
            draw(axis, config, rows, metric)
            axis.set_xlabel("step")
        axes[0][0].legend()
        figure.suptitle(f"{config['experiment']}: mean and 95 % interval of {config['seeds']} seeds", fontsize=11)
        figure.tight_layout()
        with files.replacing(path) as temporary:
            figure.savefig(temporary, format="png")


class Panel(NamedTuple):
    """One run on a page of plots: config, rows, verdict, and whether it is a finished run of the package's config."""

    config: Mapping
    rows: Sequence[Mapping]
    verdict: str
    finished: bool


def page(panels: Sequence[Panel], path: pathlib.Path) -> None:
    """Saves a PNG below 500 kB, of the same bytes for the same runs: a small panel a run, its verdict above it.

    The steps of a panel are those of the run's config, however far it came; a run that is not finished is on grey.
    """
    columns = min(len(panels), 3)
    rows = -(-len(panels) // columns)
    with matplotlib.rc_context(STYLE | {"font.size": 7, "axes.titlesize": 8}):
        figure = Figure(figsize=(3.4 * columns, 2.5 * rows))
        axes = figure.subplots(rows, columns, squeeze=False)
        for axis in axes.flat[len(panels) :]:
            axis.set_axis_off()
        for axis, panel in zip(axes.flat, panels, strict=False):
            draw(axis, panel.config, panel.rows, panel.config["metric"], width=1.2)
            axis.set_xlim(0, panel.config["steps"])
            axis.set_title(f"{panel.config['experiment']}\n{textwrap.shorten(panel.verdict, 48, placeholder=' …')}")
            axis.legend(fontsize=6)
            if not panel.finished:
                axis.set_facecolor("#ececec")
        figure.tight_layout()
        with files.replacing(path) as temporary:
            temporary.write_bytes(_png(figure))


def _png(figure) -> bytes:
    """The PNG of a figure, less sharp where it would be too large."""
    dots = DOTS_PER_INCH
    while True:
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=dots, metadata={"Software": None})
        if buffer.tell() < MOST_BYTES or dots <= LEAST_DOTS_PER_INCH:
            return buffer.getvalue()
        dots = max(LEAST_DOTS_PER_INCH, int(0.9 * dots * MOST_BYTES / buffer.tell()))
