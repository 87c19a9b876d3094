"""Command-line overrides of a config: `--config.arms.grpo.optimizer.0.learning_rate=0.001`."""

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from ml_collections import ConfigDict, FieldReference

from algax.experiments import configs
from algax.experiments.resolve import nearest

PREFIX = "--config."


def parse(arguments: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs (path, text) from arguments of the form `--config.PATH=VALUE`.

    Raises:
        ValueError: for an argument of another form.
    """
    pairs = []
    for argument in arguments:
        if not argument.startswith(PREFIX) or "=" not in argument:
            raise ValueError(f"unknown argument {argument!r}: an override has the form {PREFIX}NAME=VALUE")
        path, text = argument.removeprefix(PREFIX).split("=", 1)
        pairs.append((path, text))
    return pairs


def _child(node: Any, key: str, path: str) -> tuple[Any, Any]:
    """The key as the container knows it, and the entry under it."""
    if isinstance(node, list | tuple):
        if not key.isdigit() or int(key) >= len(node):
            raise ValueError(f"no entry {key!r} in the list of config.{path}: allowed are 0 to {len(node) - 1}")
        return int(key), node[int(key)]
    if isinstance(node, ConfigDict | Mapping):
        if key not in node:
            raise ValueError(f"no entry {key!r} in config.{path}: {nearest(key, [str(name) for name in node])}")
        entry = (
            node.get_ref(key) if isinstance(node, ConfigDict) and not isinstance(node[key], ConfigDict) else node[key]
        )
        return key, entry
    raise ValueError(f"config.{path} is a {type(node).__name__} and has no entry {key!r}")


def _convert(text: str, old: Any, path: str) -> Any:
    """The value written in `text`, of the type of the value it replaces."""
    if isinstance(old, str):
        return text
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = {"true": True, "false": False}.get(text.lower(), text)
    if old is None:
        return value
    if isinstance(old, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(old, list | tuple) and isinstance(value, list | tuple):
        return list(value)
    if type(value) is not type(old):
        word = f", or the word {configs.HUGGING_FACE!r}" if path == "model" else ""
        raise ValueError(f"config.{path} is {_describe(old)}{word}; got {text!r}")
    return value


def _describe(value: Any) -> str:
    """A short text of a value's kind."""
    if isinstance(value, ConfigDict | Mapping):
        return f"a group with the entries {', '.join(map(str, value))}; set one of them"
    kinds = {bool: "true or false", int: "an integer", float: "a number", list: "a list", tuple: "a list"}
    return kinds.get(type(value), type(value).__name__) + f" (now {value!r})"


def override(config: ConfigDict, path: str, text: str) -> None:
    """Sets one entry of a config, list positions included, keeping its type.

    The word `hf` for `model` puts the model of `config.checkpoint` in its place, see `configs.load_model`.

    Raises:
        ValueError: if there is no such entry (with the nearest names) or the text is of another type.
    """
    if path == "model" and text == configs.HUGGING_FACE:
        configs.load_model(config)
        return
    node: Any = config
    done: list[str] = []
    *parents, last = path.split(".")
    for key in parents:
        _, entry = _child(node, key, ".".join(done))
        node = entry.get() if isinstance(entry, FieldReference) else entry
        done.append(key)
    key, entry = _child(node, last, ".".join(done))
    if isinstance(entry, FieldReference):
        entry.set(text if entry.get_type() is str else _convert(text, entry.get(), path))
    else:
        node[key] = _convert(text, entry, path)
