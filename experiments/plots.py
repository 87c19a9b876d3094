"""Plots of a comparison: one curve an arm, the mean over seeds in its confidence band."""

import pathlib
from collections.abc import Mapping, Sequence

import matplotlib

matplotlib.use("Agg")

import numpy as np  # noqa: E402
from matplotlib import pyplot  # noqa: E402

from algax.experiments import files, verdict  # noqa: E402

COLOURS = ("#0b6e99", "#d9730d", "#448361", "#9065b0", "#c14c8a", "#787774")
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


def plot(config: Mapping, rows: Sequence[Mapping], path: pathlib.Path) -> None:
    """Saves a PNG with one panel a metric; steps across, mean and 95 % band of every arm."""
    names = metrics_of(config)
    with pyplot.rc_context(STYLE):
        figure, axes = pyplot.subplots(1, len(names), figsize=(5.2 * len(names), 3.6), squeeze=False, dpi=120)
        for axis, metric in zip(axes[0], names, strict=True):
            for index, arm in enumerate(config["arms"]):
                steps, bands = curve(rows, arm, metric)
                colour = COLOURS[index % len(COLOURS)]
                axis.plot(steps, bands[:, 0], color=colour, label=arm, linewidth=1.8)
                axis.fill_between(steps, bands[:, 1], bands[:, 2], color=colour, alpha=0.18, linewidth=0)
            axis.set_xlabel("step")
            axis.set_ylabel(metric.replace("_", " "))
            axis.margins(x=0.01)
            if metric in config["log_scale"]:
                axis.set_yscale("log")
        axes[0][0].legend()
        figure.suptitle(f"{config['experiment']}: mean and 95 % interval of {config['seeds']} seeds", fontsize=11)
        figure.tight_layout()
        with files.replacing(path) as temporary:
            figure.savefig(temporary, format="png")
        pyplot.close(figure)
