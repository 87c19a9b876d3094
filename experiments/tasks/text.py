"""Text of Python's own standard library and documentation, read from the interpreter at hand; domains are module paths."""

import pathlib
import pydoc_data.topics
import sysconfig
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.core import meta

import algax
from algax import pretrain
from algax.experiments.tasks.task import Task
from algax.experiments.tasks.tokenizer import ByteTokenizer

TOPICS = "topics"
PARTS = ("train", "validation", "test")


def library(domains: Iterable[str]) -> dict[str, str]:
    """The texts of domains by module path.

    Args:
        domains: module paths such as `json`, which stands for all modules below it, or `email.message`; `topics` is the
            language reference that `help()` shows, a text a topic.

    Raises:
        ValueError: for a domain without texts.
    """
    root = pathlib.Path(sysconfig.get_path("stdlib"))
    texts = {}
    for domain in domains:
        found = {}
        if domain == TOPICS or domain.startswith(f"{TOPICS}."):
            entries = pydoc_data.topics.topics.items()
            found = {f"{TOPICS}.{name}": text for name, text in entries if domain in (TOPICS, f"{TOPICS}.{name}")}
        else:
            path = root.joinpath(*domain.split("."))
            for file in (path.with_suffix(".py"), *path.rglob("*.py")):
                if file.is_file():
                    name = ".".join(file.relative_to(root).with_suffix("").parts)
                    found[name] = file.read_text(encoding="utf-8", errors="surrogateescape")
        if not found:
            raise ValueError(f"domain {domain!r} is neither a module of the standard library nor a help topic")
        texts |= found
    return dict(sorted(texts.items()))


def part(name: str) -> str:
    """The part of the data a file belongs to, by a checksum of its name: 80 % train, 10 % validation, 10 % test."""
    place = zlib.crc32(name.encode()) % 10
    return "validation" if place == 8 else "test" if place == 9 else "train"


def windows(texts: Iterable[str], length: int) -> np.ndarray:
    """Texts cut into rows of `length + 1` tokens: `begin`, the bytes, `end`, filled up with `pad`.

    Rows of one text share a token, so that every token but `begin` is predicted exactly once.
    """
    if length < 1:
        raise ValueError(f"length must be at least 1; got {length}")
    rows = []
    for text in texts:
        tokens = ByteTokenizer().encode(text, special=True)
        for start in range(0, len(tokens) - 1, length):
            row = tokens[start : start + length + 1]
            rows.append(np.pad(row, (0, length + 1 - len(row)), constant_values=ByteTokenizer.pad))
    return np.stack(rows) if rows else np.zeros((0, length + 1), np.int32)


def split_windows(texts: Mapping[str, str], length: int) -> dict[str, np.ndarray]:
    """Windows of every part; no file is in two."""
    return {name: windows([text for file, text in texts.items() if part(file) == name], length) for name in PARTS}


def window_mask(rows: jax.Array) -> jax.Array:
    """`[B, T]` booleans: where a window's predicted tokens are no padding."""
    return rows[:, 1:] != ByteTokenizer.pad


def window_logits(model: Any, params: Any, rows: jax.Array) -> jax.Array:
    """Logits of a window's tokens but the first, `[B, T, V]`."""
    return model.apply(params, rows[:, :-1])


def window_log_probs(model: Any, params: Any, rows: jax.Array) -> jax.Array:
    """Log-probabilities of a window's tokens but the first, `[B, T]`."""
    return algax.Logits(window_logits(model, params, rows)).log_probs(rows[:, 1:])


def mean_nll(log_probs: jax.Array, mask: jax.Array) -> jax.Array:
    """Negative log-likelihood a token, in nats."""
    return -jnp.sum(jnp.where(mask, log_probs, 0.0)) / jnp.sum(mask, dtype=jnp.float32)


def take(rows: np.ndarray, count: int) -> jax.Array:
    """At most `count` rows, evenly spread."""
    return jnp.asarray(rows[np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int))])


def text(
    model: Any,
    domains: tuple[str, ...] = ("json", "email", "topics"),
    length: int = 64,
    batch_size: int = 16,
    held_out: int = 128,
) -> Task:
    """Next-token prediction on bytes of the standard library.

    Args:
        model: a `models.Transformer` over `ByteTokenizer.vocabulary_size` tokens.
        domains: see `library`.
        length: predicted tokens a window.
        batch_size: windows a step, drawn with replacement.
        held_out: windows of each evaluation part at most.

    Returns:
        a task with the metrics `nll` (validation) and `test_nll`, in nats a byte.
    """
    parts = split_windows(library(domains), length)
    for name in PARTS:
        if not len(parts[name]):
            raise ValueError(f"domains {', '.join(domains)} leave no file for the {name} part; name more domains")
    train = jnp.asarray(parts["train"])
    held = {"nll": take(parts["validation"], held_out), "test_nll": take(parts["test"], held_out)}

    def init(key):
        return meta.unbox(model.init(key, train[:1, :-1])), {}

    def batch(params, context, step, key):
        del params, context, step
        rows = train[jax.random.randint(key, (batch_size,), 0, len(train))]
        return pretrain.Terms(inputs=rows, tokens=rows[:, 1:], mask=window_mask(rows))

    def forward(params, terms, key):
        del key
        distribution = algax.Logits(window_logits(model, params, terms.inputs))
        return terms.replace(distribution=distribution, log_probs=distribution.log_probs(terms.tokens))

    def evaluate(params, context, key):
        del context, key
        metrics = {}
        for name, rows in held.items():
            log_probs = window_log_probs(model, params, rows)
            metrics[name] = mean_nll(log_probs, window_mask(rows))
        return metrics

    return Task(init, batch, forward, evaluate)
