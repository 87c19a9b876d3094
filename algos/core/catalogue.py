"""The catalogue: one record a paper, with the public names that implement it and the experiment that tests its claim."""

from __future__ import annotations

import functools
import tomllib
from importlib import resources
from typing import NamedTuple


class Record(NamedTuple):
    """One paper.

    Attributes:
      id: the record's id, unique.
      title: the paper's title; for a shared piece what it is.
      year: year of publication, 0 for a piece without a paper of its own.
      arxiv: arXiv number, or "".
      room: the room (sub-package) its names are public in.
      names: public names in that room.
      experiment: the experiment that tests its claim (ROOM/ID), or "".
    """

    id: str
    title: str
    year: int
    arxiv: str
    room: str
    names: tuple[str, ...]
    experiment: str = ""


@functools.cache
def catalogue() -> tuple[Record, ...]:
    """Returns the records of `catalogue.toml`, in its order.

    Raises:
      ValueError: a record lacks a field, has an unknown one, or repeats an id.
    """
    text = resources.files(__package__.rpartition(".")[0]).joinpath("catalogue.toml").read_text(encoding="utf-8")
    return parse(text)


def parse(text: str) -> tuple[Record, ...]:
    """Reads records from TOML text; see `catalogue`."""
    records = []
    for entry in tomllib.loads(text).get("record", []):
        unknown, missing = set(entry) - set(Record._fields), set(Record._fields[:-1]) - set(entry)
        if unknown or missing:
            raise ValueError(f"record {entry.get('id')!r}: unknown fields {sorted(unknown)}, missing {sorted(missing)}")
        records.append(Record(**{**entry, "names": tuple(entry["names"])}))
    ids = [record.id for record in records]
    repeated = sorted({i for i in ids if ids.count(i) > 1})
    if repeated:
        raise ValueError(f"record id {repeated[0]!r} is given more than once")
    return tuple(records)
