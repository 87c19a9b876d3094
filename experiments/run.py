"""The command line: `algax run | plan | list | show | plot | report`."""

import argparse
import pathlib
import sys
import traceback
from collections.abc import Sequence

import algax
from algax.experiments import (
    configs,
    diagnose,
    files,
    overrides,
    plan,
    plots,
    processes,
    report,
    resolve,
    schedule_page,
    trainer,
    verdict,
)


def parser() -> argparse.ArgumentParser:
    """The verbs and their options."""
    main_parser = argparse.ArgumentParser(prog="algax", description="Compare training algorithms with their baselines.")
    main_parser.add_argument("--traceback", action="store_true", help="show where an error came from")
    verbs = main_parser.add_subparsers(dest="verb", required=True, metavar="run | plan | list | show | plot | report")
    run = verbs.add_parser(
        "run",
        help="train every arm of an experiment and judge its claims",
        epilog="Any value of the config can be overridden: --config.seeds=8 "
        "--config.arms.grpo.optimizer.0.learning_rate=0.001. The same command resumes a stopped run. With --branch a decay "
        "goes on from a checkpoint of a run at a constant rate: schedules count on from its step, and its files stay as they "
        "are, so that it can itself be continued by its own command.",
    )
    run.add_argument("experiment", metavar="ROOM/ID")
    run.add_argument("--workdir", type=pathlib.Path, help="folder of the run (default: runs/ROOM/ID)")
    run.add_argument(
        "--branch", metavar="FOLDER@STEP[:ARM]", help="go on from another run's checkpoint; needs its own --workdir"
    )
    run.add_argument("--diagnose", action="store_true", help="replay the first step with a gradient that was not finite")
    run.add_argument("--distributed", metavar="HOST:PORT", help="train with other processes; 'auto' on TPU pods and clusters")
    run.add_argument("--processes", type=int, help="number of processes")
    run.add_argument("--process", type=int, help="number of this process, from 0")
    planned = verbs.add_parser("plan", help="show the bytes a device that an experiment needs, without running it")
    planned.add_argument("experiment", metavar="ROOM/ID")
    planned.add_argument("--devices", metavar="data=8,model=2,fully_sharded=true", help="devices to plan for")
    verbs.add_parser("list", help="list the papers and their experiments")
    show = verbs.add_parser("show", help="show a paper's record or an experiment")
    show.add_argument("id", metavar="ID", help="a paper's id or ROOM/ID")
    drawn = verbs.add_parser("plot", help="draw a page of what a room offers")
    drawn.add_argument("room", choices=["schedules"], metavar="schedules", help="the room: every schedule, a panel each")
    drawn.add_argument("--output", type=pathlib.Path, default=pathlib.Path("schedules.png"), help="PNG file to write")
    table = verbs.add_parser("report", help="rebuild the table of all results")
    table.add_argument("--workdir", type=pathlib.Path, default=pathlib.Path("runs"), help="folder of the runs")
    table.add_argument("--output", type=pathlib.Path, help="file to write (default: experiments/RESULTS.md)")
    return main_parser


def changed_config(experiment: str, changes: Sequence[str]) -> dict:
    """The config of an experiment with overrides, as plain values, checked."""
    config_dict = configs.load(experiment)
    for path, text in overrides.parse(changes):
        overrides.override(config_dict, path, text)
    config = configs.plain(config_dict)
    configs.check(config)
    return config


def run_experiment(options: argparse.Namespace, changes: Sequence[str]) -> None:
    """Trains, judges, plots, and prints where everything lies; or diagnoses what a run skipped."""
    experiment, workdir = options.experiment, options.workdir or pathlib.Path("runs") / options.experiment
    if not options.distributed and (options.processes, options.process) != (None, None):
        raise ValueError("--processes and --process need --distributed=HOST:PORT")
    if options.distributed:
        processes.connect(options.distributed, options.processes, options.process)
    branched = [f"{overrides.PREFIX}branch={options.branch}"] if options.branch else []
    config = changed_config(experiment, [*changes, *branched])
    if options.diagnose:
        print(diagnose.report(config, workdir))
        return
    result = trainer.train(config, workdir)
    if not processes.is_first():
        return
    judged = report.outcome(config, result)
    plots.plot(config, result.rows, workdir / "plot.png")
    files.write_json(workdir / "verdict.json", judged)
    if result.resumed_from:
        print(f"resumed at step {result.resumed_from} of {config['steps']}")
    print(f"{experiment}: {config['claim']} ({config['paper']})")
    for claim in judged["claims"]:
        print(f"  {verdict.sentence(claim)}: {claim['verdict']}")
    for arm, count in judged["skipped"].items():
        print(f"skipped: {arm}, {count} steps with a gradient that is not finite; --diagnose names the cause of the first")
    print(f"verdict: {judged['verdict']} ({judged['seeds']} seeds, {judged['steps']} steps, {judged['seconds']} s)")
    print(f"plot:    {workdir / 'plot.png'}\nverdict: {workdir / 'verdict.json'}\nmetrics: {workdir / 'metrics.jsonl'}")


def list_records() -> None:
    """Prints one line a paper."""
    lines = [("id", "year", "room", "experiment", "title")]
    for record in algax.catalogue():
        lines.append((record.id, str(record.year or "-"), record.room, record.experiment or "-", record.title))
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    for line in lines:
        print("  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[-1]]).rstrip())


def show_experiment(experiment: str) -> None:
    """Prints what an experiment compares, how to run it and what to expect."""
    config = configs.plain(configs.load(experiment))
    print(f"{configs.description(experiment)}\n")
    print(f"paper:  {config['paper']}\nclaim:  {config['claim']}\ntask:   {config['task']}\nmodel:  {config['model']}")
    for arm, spec in config["arms"].items():
        print(f"\narm {arm}\n{algax.describe(resolve.loss(spec['loss']))}")
        for update in spec["optimizer"]:
            print(f"optimizer: {update}")
    print()
    for claim in config["expect"]:
        against = "its start" if claim["against"] == verdict.START else claim["against"]
        print(f"expect: {claim['arm']} {claim['metric']} {claim['direction']} than {against} by {claim['least']}")
    print(f"\nalgax run {experiment}")


def show(name: str) -> None:
    """Prints a paper's record, an experiment, or both where they share the name.

    Raises:
        ValueError: if there is neither, with the nearest names.
    """
    records = {record.id: record for record in algax.catalogue()}
    if name in configs.names():
        show_experiment(name)
    elif name in records:
        record = records[name]
        source = ", ".join(filter(None, [str(record.year or ""), record.arxiv and f"arXiv {record.arxiv}"]))
        print(f"{record.id}: {record.title}" + (f" ({source})" if source else ""))
        names = [public if "." in public else f"{record.room}.{public}" for public in record.names]
        print(f"public names: {', '.join(names)}")
        print(f"experiment:   {record.experiment or 'none'}")
    else:
        raise ValueError(f"no record and no experiment {name!r}: {resolve.nearest(name, [*configs.names(), *records])}")


def execute(options: argparse.Namespace, rest: Sequence[str]) -> None:
    """Runs one verb."""
    if rest and options.verb not in ("run", "plan"):
        raise ValueError(f"unknown arguments: {' '.join(rest)}")
    if options.verb == "run":
        run_experiment(options, rest)
    elif options.verb == "plan":
        print(plan.table(changed_config(options.experiment, rest), options.devices))
    elif options.verb == "list":
        list_records()
    elif options.verb == "show":
        show(options.id)
    elif options.verb == "plot":
        print(f"plot: {schedule_page.draw(options.output)}")
    else:
        path = report.write(options.workdir, options.output)
        print(path.read_text(encoding="utf-8") + f"\nwritten to {path}")


def main(arguments: Sequence[str] | None = None) -> int:
    """The entry point: 0, also where SIGTERM stopped a run that can go on; 2 after a user's error, 130 after an interrupt."""
    options, rest = parser().parse_known_args(arguments)
    try:
        execute(options, rest)
    except (ValueError, OSError) as error:
        if options.traceback:
            traceback.print_exc()
        print(f"algax: {error}", file=sys.stderr)
        return 2
    except trainer.Interrupted as error:
        print(f"algax: {error}", file=sys.stderr)
        return 0
    except KeyboardInterrupt:
        print("algax: stopped; the same command resumes from the newest checkpoint", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
