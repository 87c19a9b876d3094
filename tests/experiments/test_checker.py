"""The vectorised checker against the plain one, and the plain one against worked examples."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algax.experiments.tasks import checker
from algax.experiments.tasks.arithmetic import arithmetic_problems
from algax.experiments.tasks.verified import answer_mask

VECTORISED = jax.jit(checker.check, static_argnums=2)
OPERANDS = st.integers(0, 99)
CHARACTERS = st.text(checker.VOCABULARY, min_size=4, max_size=4)


def right(left, operator, second):
    return {"+": left + second, "-": left - second, "*": left * second}[operator]


@st.composite
def cases(draw):
    """A prompt and a completion that is right, nearly right, or any text."""
    left, operator, second = draw(OPERANDS), draw(st.sampled_from("+-*")), draw(OPERANDS)
    answer = str(right(left, operator, second) + draw(st.sampled_from([0, 0, 1, -1, 10])))
    tidy = (draw(st.sampled_from(["", "", "0", "-"])) + answer + ".").ljust(4, draw(st.sampled_from(".7-")))[:4]
    return f"{left:02d}{operator}{second:02d}=", draw(st.sampled_from([tidy, tidy, draw(CHARACTERS)]))


@settings(max_examples=25, deadline=None)
@given(st.lists(cases(), min_size=16, max_size=16))
def test_vectorised_checker_equals_plain_checker(batch):
    prompts = np.stack([checker.encode(prompt) for prompt, _ in batch])
    completions = np.stack([checker.encode(completion) for _, completion in batch])
    expected = [checker.check_text(prompt, completion) for prompt, completion in batch]
    np.testing.assert_array_equal(VECTORISED(prompts, completions, 2), expected)


@pytest.mark.parametrize(
    ("prompt", "completion", "verdict"),
    [
        ("07+48=", "55..", True),
        ("07+48=", "055.", True),
        ("07+48=", "55.9", True),
        ("07+48=", "5555", False),
        ("07+48=", "55-.", False),
        ("07-48=", "-41.", True),
        ("07-48=", "41..", False),
        ("48-48=", "-0..", True),
        ("48-48=", "-...", False),
        ("48-48=", "....", False),
        ("10*10=", "100.", True),
        ("10*10=", "1+0.", False),
    ],
)
def test_worked_examples(prompt, completion, verdict):
    assert checker.check_text(prompt, completion) is verdict
    checked = VECTORISED(checker.encode(prompt)[None], checker.encode(completion)[None], 2)
    assert bool(checked[0]) is verdict


@pytest.mark.parametrize("operators", ["+", "-*"])
def test_every_listed_answer_is_right(operators):
    problems = arithmetic_problems(1, operators)
    prompts, completions = problems.prompts, problems.answers
    assert len({checker.decode(prompt) for prompt in prompts}) == 100 * len(operators)
    assert np.asarray(VECTORISED(prompts, completions, 1)).all()


def test_answer_mask_ends_with_the_first_stop():
    mask = jax.jit(answer_mask)(np.stack([checker.encode("5..."), checker.encode("-41."), checker.encode("1234")]))
    np.testing.assert_array_equal(mask, [[1, 1, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1]])


def test_unknown_characters_and_long_completions_are_refused():
    with pytest.raises(ValueError, match="not in the vocabulary"):
        checker.encode("1a")
    with pytest.raises(ValueError, match="at most 10 tokens"):
        checker.parse_answer(np.zeros((1, 11), np.int32))
