"""Runs every benchmark and prints one table: `python -m algax.experiments.benchmarks [--output FILE]`."""

from __future__ import annotations

import argparse
import os
import pathlib
import platform

import jax

from algax.experiments import files
from algax.experiments.benchmarks import composition, factored_logits, sampling, seeds, updates

BENCHMARKS = {
    "composition": composition.rows,
    "factored_logits": factored_logits.rows,
    "sampling": sampling.rows,
    "seeds": seeds.rows,
    "updates": updates.rows,
}


def machine() -> str:
    """What the figures were measured on."""
    device = jax.devices()[0]
    name = f"{os.cpu_count()} cores of {platform.machine()}" if device.platform == "cpu" else device.device_kind
    return f"{name}, jax {jax.__version__}"


def table(names: list[str]) -> str:
    """The Markdown table of the named benchmarks."""
    lines = [
        f"Measured on {machine()}: interleaved in one process, least of several rounds. Larger ratios are better.",
        "",
        "| benchmark | size | quantity | ours | other | ratio | target |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in names:
        for row in BENCHMARKS[name]():
            lines.append(f"| {' | '.join(row[:5])} | {row.ratio:.2f} | {row.target} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], help="which benchmarks; all when left out")
    parser.add_argument("--output", type=pathlib.Path, help="also write the table to this file")
    options = parser.parse_args()
    text = table(options.names or list(BENCHMARKS))
    print(text)
    if options.output:
        files.write_text(options.output, text)


if __name__ == "__main__":
    main()
