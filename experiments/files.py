"""Files of a run: written to a temporary name and renamed, so that a killed run leaves whole files."""

import contextlib
import json
import math
import os
import pathlib
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any


@contextlib.contextmanager
def replacing(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A temporary path beside `path` that takes its place when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(descriptor)
    temporary = pathlib.Path(name)
    try:
        yield temporary
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: pathlib.Path, text: str) -> None:
    """Writes a text file in one piece."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def finite(value: Any) -> Any:
    """The value with null in place of numbers that JSON does not have (infinities and NaN)."""
    if isinstance(value, dict):
        return {key: finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_json(path: pathlib.Path, value: Any) -> None:
    """Writes a JSON file in one piece."""
    write_text(path, json.dumps(finite(value), indent=2) + "\n")


def read_json(path: pathlib.Path) -> Any:
    """Reads a JSON file; None where there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def from_json(row: dict) -> dict:
    """The inverse of `finite` for a row: null as NaN."""
    return {name: math.nan if value is None else value for name, value in row.items()}


def append_rows(path: pathlib.Path, rows: Sequence[dict]) -> None:
    """Appends rows to a JSON-lines file in one write."""
    with path.open("a", encoding="utf-8") as file:
        file.write(_lines(rows))


def _lines(rows: Sequence[dict]) -> str:
    return "".join(json.dumps(finite(row)) + "\n" for row in rows)


def read_rows(path: pathlib.Path) -> list[dict]:
    """The rows of a JSON-lines file, null as NaN; a last line cut short by a crash is left out."""
    if not path.exists():
        return []
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            break
        rows.append(from_json(row))
    return rows


def write_rows(path: pathlib.Path, rows: Sequence[dict]) -> None:
    """Writes a JSON-lines file in one piece."""
    write_text(path, _lines(rows))
