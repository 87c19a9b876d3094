"""No public name without an example, no example without a public name, no helper without its test file."""

import pathlib

import pytest

from .examples import examples_module, public_names
from .kinds import Helper, LossExample, ScheduleExample, UpdateExample

TESTS = pathlib.Path(__file__).parents[1]


@pytest.mark.parametrize("room", public_names())
def test_every_public_name_has_an_example(room):
    examples = examples_module(room).EXAMPLES
    assert set(examples) == set(public_names()[room])
    for name, example in examples.items():
        assert isinstance(example, LossExample | ScheduleExample | UpdateExample | Helper), name


@pytest.mark.parametrize("room", public_names())
def test_helpers_are_tested_by_name(room):
    for name, example in examples_module(room).EXAMPLES.items():
        if isinstance(example, Helper):
            assert name in (TESTS / example.tested_in).read_text(), f"{example.tested_in} does not mention {name}"
