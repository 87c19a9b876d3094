"""Files of a checkpoint: JSON, the tensors that safetensors files hold, and writing in one piece."""

import contextlib
import importlib
import json
import os
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any, NamedTuple

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"


class Stored(NamedTuple):
    """Where a tensor lies, its shape, and its type in the spelling of safetensors ("F32", "BF16")."""

    path: pathlib.Path
    shape: tuple[int, ...]
    dtype: str


def optional_import(name: str) -> Any:
    """Imports a package of the extra `hf`.

    Raises:
        ImportError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        package = name.partition(".")[0]
        raise ImportError(f"this needs the package {package}: pip install 'algax[hf]'") from error


def read_json(path: pathlib.Path) -> dict[str, Any]:
    """Reads a JSON file that holds a table.

    Raises:
        ValueError: the file is missing or is not such a file.
    """
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(table, dict):
        raise ValueError(f"{path} must hold a JSON table, got {type(table).__name__}")
    return table


def weight_files(directory: pathlib.Path) -> list[pathlib.Path]:
    """Returns the safetensors files of a checkpoint: `model.safetensors`, else those that the index names.

    Raises:
        ValueError: a file is missing, or the index is malformed.
    """
    if (directory / WEIGHTS).is_file():
        return [directory / WEIGHTS]
    if not (directory / INDEX).is_file():
        other = sorted(path.name for path in directory.glob("*.bin")) + sorted(path.name for path in directory.glob("*.pt*"))
        hint = f" (found {', '.join(other)}: convert it to safetensors first)" if other else ""
        raise ValueError(f"{directory} has neither {WEIGHTS} nor {INDEX}{hint}")
    names = read_json(directory / INDEX).get("weight_map")
    if not isinstance(names, dict) or not names or not all(isinstance(name, str) for name in names.values()):
        raise ValueError(f"{directory / INDEX} must have a table `weight_map` from tensor to file name")
    files = sorted(set(names.values()))
    outside = [name for name in files if pathlib.PurePath(name).name != name]
    if outside:
        raise ValueError(f"{directory / INDEX} names files outside its directory: {', '.join(outside)}")
    missing = [name for name in files if not (directory / name).is_file()]
    if missing:
        raise ValueError(f"{directory} lacks files that {INDEX} names: {', '.join(missing)}")
    return [directory / name for name in files]


@contextlib.contextmanager
def open_weights(path: pathlib.Path) -> Iterator[Any]:
    """Opens a safetensors file, whose tensors are then read one by one.

    Raises:
        ValueError: the file is damaged.
    """
    safetensors = optional_import("safetensors")
    try:
        file = safetensors.safe_open(path, framework="numpy")
    except safetensors.SafetensorError as error:
        raise ValueError(f"{path} is not a whole safetensors file: {error}") from error
    with file:
        yield file


def stored_tensors(directory: pathlib.Path) -> dict[str, Stored]:
    """Returns where each tensor of a checkpoint lies, from the headers of its files alone.

    Raises:
        ValueError: a file is missing or damaged, or a tensor is in two files.
    """
    tensors: dict[str, Stored] = {}
    for path in weight_files(directory):
        with open_weights(path) as file:
            for name in file.keys():
                if name in tensors:
                    raise ValueError(f"tensor {name} is both in {tensors[name].path} and in {path}")
                header = file.get_slice(name)
                tensors[name] = Stored(path, tuple(header.get_shape()), header.get_dtype())
    return tensors


class Replacement:
    """Files written under temporary names, which `commit` renames when all of them are whole."""

    def __init__(self, directory: pathlib.Path):
        self.directory = directory
        self.names: list[str] = []

    def __enter__(self) -> "Replacement":
        self.directory.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: Any) -> None:
        for name in self.names:
            self._temporary(name).unlink(missing_ok=True)

    def add(self, name: str) -> pathlib.Path:
        """Returns the temporary path to which the file `name` is to be written."""
        self.names.append(name)
        return self._temporary(name)

    def add_json(self, name: str, table: dict[str, Any]) -> None:
        """Writes a JSON file."""
        self.add(name).write_text(json.dumps(table, indent=2, sort_keys=True) + "\n", encoding="utf-8")

    def add_copy(self, source: pathlib.Path) -> None:
        """Copies a file under its own name."""
        shutil.copyfile(source, self.add(source.name))

    def commit(self) -> None:
        """Gives all files their names, in the order in which they were added."""
        for name in self.names:
            os.chmod(self._temporary(name), 0o644)
            os.replace(self._temporary(name), self.directory / name)

    def _temporary(self, name: str) -> pathlib.Path:
        return self.directory / f".{name}.{os.getpid()}.tmp"
