"""One page with a panel for every schedule of the room `schedules`: `algax plot schedules`."""

import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import jax
import matplotlib
import numpy as np
from matplotlib.figure import Figure

from algax.experiments import files, plots, resolve

STEPS = 1000
COLUMNS = 4
COSINE = {"name": "optax.cosine_decay_schedule", "init_value": 1.0, "decay_steps": STEPS}
POWER = {"name": "schedules.power", "peak": 1.0, "batch_size": 64, "sequence_length": 4096, "scale": 50.0, "warmup": 50}
SHAPES = ("linear", "cosine", "exponential", "inverse", "inverse_sqrt", "sqrt")

# Per panel the specs of its curves by label; the panel's name is that of the schedule.
PANELS: dict[str, dict[str, Mapping[str, Any]]] = {
    "decay": {shape: {"start": 1.0, "end": 0.1, "steps": STEPS, "shape": shape} for shape in SHAPES},
    "rex": {f"sharpness {sharpness}": {"peak": 1.0, "steps": STEPS, "sharpness": sharpness} for sharpness in (0.0, 0.5, 0.9)},
    "warmup_stable_decay": {"": {"peak": 1.0, "steps": STEPS, "warmup": 50, "decay_steps": 200}},
    "warmup_stable_decay_simplified": {
        "": {"peak": 1.0, "checkpoints": (300, 600, STEPS), "warmup": 50, "decay_fraction": 0.2}
    },
    "warmup_stable_decay_constant": {
        "": {"peak": 1.0, "end": 0.1, "warmup": 50, "stable": 500, "decay_steps": 250},
    },
    "infinite": {
        shape: {
            "peak": 1.0,
            "constant": 0.55,
            "end": 0.1,
            "warmup": 20,
            "cooldown": 500,
            "plateau": 280,
            "anneal": 200,
            "cooldown_shape": shape,
        }
        for shape in ("cosine", "inverse_sqrt")
    },
    "anneal_from": {"": {"start": 700, "constant": 1.0, "end": 0.1, "steps": 300}},
    "rewarmed": {"": {"peak": 1.0, "end": 0.1, "lengths": (500, 300, 200), "warmup_fraction": 0.1}},
    "power": {"": {key: value for key, value in POWER.items() if key != "name"}},
    "with_final_decay": {"": {"schedule": POWER, "start": 800, "steps": 200}},
    "phases": {"": {"pieces": [(300, 0.4), (500, COSINE), (None, 0.2)]}},
    "sampled": {"": {"schedule": COSINE, "every": 125}},
    "staged": {"": {"values": (5.0, 8.0, 10.0), "every": 300}},
    "staged_at": {"": {"boundaries": (200, 700), "values": (4.0, 2.0, 3.0)}},
    "table": {
        "": {
            "values": {
                "name": "schedules.refine",
                "gradient_norms": (1.0 + 4.0 * np.exp(-np.arange(STEPS) / 150.0)).tolist(),
                "method": "adam",
            }
        }
    },
}
TITLES = {"table": "table (of refine)"}


def curves(name: str) -> dict[str, np.ndarray]:
    """The values of a panel's schedules at every step, by label."""
    steps = np.arange(STEPS + 1)
    found = {}
    for label, options in PANELS[name].items():
        schedule: Callable = resolve.resolve({"name": f"schedules.{name}", **options})
        found[label] = np.asarray(jax.jit(jax.vmap(schedule))(steps))
    return found


def draw(path: pathlib.Path) -> pathlib.Path:
    """Saves a PNG with a titled panel for every schedule, steps across; returns where it is."""
    rows = -(-len(PANELS) // COLUMNS)
    with matplotlib.rc_context(plots.STYLE | {"font.size": 7, "axes.titlesize": 8}):
        figure = Figure(figsize=(3.0 * COLUMNS, 2.2 * rows), dpi=120)
        axes = figure.subplots(rows, COLUMNS, squeeze=False)
        for axis in axes.flat[len(PANELS) :]:
            axis.set_axis_off()
        for axis, name in zip(axes.flat, PANELS, strict=False):
            for index, (label, values) in enumerate(curves(name).items()):
                axis.plot(values, color=plots.COLOURS[index % len(plots.COLOURS)], label=label, linewidth=1.3)
            axis.set_title(TITLES.get(name, name))
            axis.set_ylim(bottom=0.0)
            axis.margins(x=0.01)
            if len(PANELS[name]) > 1:
                axis.legend(fontsize=6)
        figure.tight_layout()
        with files.replacing(path) as temporary:
            figure.savefig(temporary, format="png")
    return path
