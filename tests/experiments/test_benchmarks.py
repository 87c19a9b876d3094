"""Every benchmark runs at a tiny size and refuses to compare programs that compute different things."""

import functools
import importlib
import pkgutil
import types

import numpy as np
import pytest

from algax import decode, policy
from algax.experiments import benchmarks
from algax.experiments.benchmarks import __main__ as command
from algax.experiments.benchmarks import composition, measure, sampling
from algax.experiments.benchmarks import updates as update_rows
from algax.experiments.benchmarks.measure import Row

from ..contracts.examples import examples_module
from ..contracts.kinds import UpdateExample

TINY = {
    "composition": {"cases": tuple(case._replace(size=(min(case.size[0], 16), 8), rounds=1) for case in composition.CASES)},
    "factored_logits": {"sizes": ((64, 8, 32),), "rounds": 1},
    "sampling": {"batch_size": 2, "prompt_length": 3, "new_tokens": 4, "hidden_size": 16, "num_layers": 1, "rounds": 1},
    "seeds": {"steps": 2, "rounds": 1},
    "updates": {"layers": 2, "width": 6, "rounds": 1},
}


@pytest.fixture(scope="module", autouse=True)
def compiled_once():
    """The tests of sampling share the programs that none of them changes."""
    with pytest.MonkeyPatch.context() as patch:
        for way in ("recomputing", "looping"):
            patch.setattr(sampling, way, functools.cache(getattr(sampling, way)))
        yield


def test_every_module_with_rows_is_registered():
    names = [module.name for module in pkgutil.iter_modules(benchmarks.__path__)]
    modules = {name: importlib.import_module(f"{benchmarks.__name__}.{name}") for name in names}
    rows = {name: module.rows for name, module in modules.items() if hasattr(module, "rows")}
    assert rows == command.BENCHMARKS and set(rows) == set(TINY)


@pytest.mark.parametrize("name", TINY)
def test_rows(name):
    rows = command.BENCHMARKS[name](**TINY[name])
    assert rows
    for row in rows:
        assert isinstance(row, Row)
        assert all(isinstance(cell, str) and "|" not in cell for cell in (*row[:5], row.target))
        assert all((row.benchmark, row.size, row.quantity)) and row.ours[0].isdigit() and row.other[0].isdigit()
        assert np.isfinite(row.ratio) and row.ratio > 0
        assert row.target == "" or float(row.target.removeprefix(">= ")) > 0
    assert len({row[:3] for row in rows}) == len(rows)


def test_every_update_transform_is_measured():
    """But for optimizers of Optax under one name."""
    examples = examples_module("updates").EXAMPLES
    named = {name for name, example in examples.items() if isinstance(example, UpdateExample)}
    assert {name.split("(")[0] for name in update_rows.transforms(6)} == named


def test_a_rate_is_the_number_of_tokens_by_the_least_time(monkeypatch):
    seconds = {"cached": 0.5, "recomputing": 2.0, "looping": 1.0}
    monkeypatch.setattr(sampling, "fastest", lambda *arguments: seconds)
    recomputing, looping = sampling.rows(**TINY["sampling"])
    assert recomputing[3:6] == ("16 tokens/s", "4 tokens/s", 4.0)
    assert looping[3:6] == ("16 tokens/s", "8 tokens/s", 2.0)


def test_sampling_that_draws_other_tokens_is_refused(monkeypatch):
    sample = decode.sample

    def shifted(*arguments, **options):
        samples = sample(*arguments, **options)
        return samples._replace(tokens=samples.tokens.at[0, -1].add(1))

    monkeypatch.setattr(decode, "sample", shifted)
    with pytest.raises(ValueError, match="draws other tokens than decode.sample"):
        sampling.rows(**TINY["sampling"])


def test_a_chain_that_computes_something_else_is_refused():
    other = TINY["composition"]["cases"][0]._replace(loss=policy.rloo())
    with pytest.raises(ValueError, match="compute different things"):
        composition.rows((other,))


def test_require_equal_is_relative_to_the_largest_entry():
    measure.require_equal(np.array([100.0, 0.001]), np.array([100.0, 0.0]))
    with pytest.raises(ValueError, match="different things"):
        measure.require_equal(np.array([100.0, 0.1]), np.array([100.0, 0.0]))


def test_fastest_takes_turns_and_leaves_the_first_round_out(monkeypatch):
    now, calls = [0.0], []
    durations = {"a": iter([1.0, 5.0, 4.0]), "b": iter([1.0, 7.0, 8.0])}

    def program(name, value):
        now[0] += next(durations[name])
        calls.append((name, value))

    monkeypatch.setattr(measure, "time", types.SimpleNamespace(perf_counter=lambda: now[0]))
    programs = {name: functools.partial(program, name) for name in durations}
    assert measure.fastest(programs, (3,), rounds=2) == {"a": 4.0, "b": 7.0}
    assert calls == [("a", 3), ("b", 3), ("b", 3), ("a", 3), ("a", 3), ("b", 3)]  # each round begins with the next program


def test_table(monkeypatch, tmp_path, capsys):
    row = Row("this / that", "2 x 3", "time", "1.0 ms", "2.0 ms", 2.0, ">= 1")
    monkeypatch.setattr(command, "BENCHMARKS", {"one": lambda: [row, row._replace(target="")], "two": lambda: [row]})
    monkeypatch.setattr("sys.argv", ["benchmarks", "--output", str(tmp_path / "RESULTS.md")])
    command.main()
    text = (tmp_path / "RESULTS.md").read_text()
    assert capsys.readouterr().out.strip() == text.strip()
    header, rule, *lines = [line for line in text.splitlines() if line.startswith("|")]
    assert lines == [
        "| this / that | 2 x 3 | time | 1.0 ms | 2.0 ms | 2.00 | >= 1 |",
        "| this / that | 2 x 3 | time | 1.0 ms | 2.0 ms | 2.00 |  |",
        "| this / that | 2 x 3 | time | 1.0 ms | 2.0 ms | 2.00 | >= 1 |",
    ]
    assert {line.count("|") for line in (header, rule, *lines)} == {8}
    assert text.startswith("Measured on ") and "jax" in text.splitlines()[0]


def test_the_table_of_one_benchmark(monkeypatch, capsys):
    monkeypatch.setattr(command, "BENCHMARKS", {"one": lambda: [], "two": lambda: pytest.fail("not asked for")})
    monkeypatch.setattr("sys.argv", ["benchmarks", "one"])
    command.main()
    assert "| benchmark |" in capsys.readouterr().out
