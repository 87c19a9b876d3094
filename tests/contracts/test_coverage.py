"""No public name without an example, no example without a public name, no helper without its test file."""

import pathlib

import pytest

from .examples import cases, examples_module, label, public_names
from .kinds import BatchExample, CurriculumExample, Helper, LossExample, ScheduleExample, UpdateExample

TESTS = pathlib.Path(__file__).parents[1]
METHODS = (LossExample, ScheduleExample, UpdateExample, CurriculumExample, BatchExample)


@pytest.mark.parametrize("room", public_names())
def test_every_public_name_has_an_example(room):
    examples = examples_module(room).EXAMPLES
    assert set(examples) == set(public_names()[room])
    for name, example in examples.items():
        assert isinstance(example, (*METHODS, Helper)), name


@pytest.mark.parametrize("room", public_names())
def test_helpers_are_tested_by_name(room):
    for name, example in examples_module(room).EXAMPLES.items():
        if isinstance(example, Helper):
            assert name in (TESTS / example.tested_in).read_text(), f"{example.tested_in} does not mention {name}"


@pytest.mark.parametrize("case", [case for kind in METHODS for case in cases(kind)], ids=label)
def test_bad_hyperparameters_are_refused_by_name(case):
    case.factory(**case.example.kwargs)
    for kwargs in case.example.bad:
        with pytest.raises((ValueError, TypeError)) as error:
            case.factory(**kwargs)
        assert any(f"`{name}" in str(error.value) for name in kwargs), error.value
