"""Whole files and files of rows."""

import math

import pytest

from algax.experiments import files


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    files.write_text(path, "old")
    with pytest.raises(RuntimeError), files.replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_rows_survive_a_cut(tmp_path):
    path = tmp_path / "m.jsonl"
    files.write_rows(path, [{"step": 1, "x": 1.5}])
    files.append_rows(path, [{"step": 2, "x": math.inf}])
    with path.open("a") as file:
        file.write('{"step": 3, "x"')
    rows = files.read_rows(path)
    assert rows[0] == {"step": 1, "x": 1.5} and rows[1]["step"] == 2 and math.isnan(rows[1]["x"]) and len(rows) == 2
