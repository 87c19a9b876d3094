"""Countdown: the vectorised checker against Python's own arithmetic."""

import re

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algax.experiments.tasks import checker, countdown, countdown_problems

CHECK = jax.jit(countdown_problems("+-").check)


def right(prompt, completion):
    """The verdict in plain Python on texts."""
    written = re.fullmatch(r"([0-9])[-+*]([0-9])[-+*]([0-9])\.", completion)
    numbers, target = prompt.split("=")
    return written is not None and sorted(written.groups()) == sorted(numbers) and eval(completion[:-1]) == int(target)


@st.composite
def cases(draw):
    """A prompt and a completion that is right, nearly right, or any text."""
    numbers = draw(st.lists(st.sampled_from("123456789"), min_size=3, max_size=3))
    signs = draw(st.lists(st.sampled_from("+-*"), min_size=2, max_size=2))
    text = numbers[0] + signs[0] + numbers[1] + signs[1] + numbers[2]
    target = max(0, min(99, eval(text) + draw(st.sampled_from([0, 0, 0, 1]))))
    given = draw(st.sampled_from([sorted(numbers), sorted(numbers), list("123")]))
    other = draw(st.text(checker.VOCABULARY, min_size=6, max_size=6))
    return "".join(given) + f"={target:02d}", draw(st.sampled_from([text + ".", text + ".", text + "+", other]))


@settings(max_examples=25, deadline=None)
@given(st.lists(cases(), min_size=16, max_size=16))
def test_the_vectorised_checker_equals_the_plain_one(batch):
    prompts, completions = (np.stack([checker.encode(text) for text in part]) for part in zip(*batch, strict=True))
    np.testing.assert_array_equal(CHECK(prompts, completions), [right(*case) for case in batch])


@pytest.mark.parametrize(
    ("prompt", "completion", "verdict"),
    [
        ("359=07", "3+9-5.", True),
        ("359=07", "9-5+3.", True),
        ("359=07", "3+9-6.", False),
        ("359=07", "3-5+9+", False),
        ("234=14", "2+3*4.", True),
        ("234=20", "2+3*4.", False),
        ("234=02", "2*3-4.", True),
        ("234=09", "4+2+3.", True),
        ("234=09", "45+.23", False),
    ],
)
def test_worked_examples(prompt, completion, verdict):
    assert right(prompt, completion) is verdict
    assert bool(CHECK(checker.encode(prompt), checker.encode(completion))) is verdict


@pytest.mark.parametrize("operators", ["+-", "+-*"])
def test_every_worked_answer_is_right_and_no_problem_comes_twice(operators):
    problems = countdown_problems(operators)
    assert len({checker.decode(prompt) for prompt in problems.prompts}) == len(problems.prompts)
    for prompt, answer in zip(problems.prompts, problems.answers, strict=True):
        assert right(checker.decode(prompt), checker.decode(answer))
    digits = [len(set(checker.decode(prompt)[:3])) - 1 for prompt in problems.prompts]
    np.testing.assert_array_equal(problems.kinds, digits)


def test_wrong_operators_are_refused():
    for operators in ("+", "+/"):
        with pytest.raises(ValueError, match="at least two of '\\+-\\*'; got"):
            countdown(None, operators=operators)
