"""Prompts of a generator of tasks, and what is read off its answers."""

import pytest

from algax import pretrain

CONTEXT = "  The sky is blue.\nGrass is not.  "
TASK = pretrain.GeneratedTask("Read this: The sky is blue.\nGrass is not. What is blue?", "The sky")


def test_prompt():
    expected = "<|tasktype|>\nnatural language inference\n<|context|>\nThe sky is blue.\nGrass is not.\n<|task|>\n"
    assert pretrain.task_prompt("nli", CONTEXT) == pretrain.task_prompt("natural language inference", CONTEXT) == expected
    with pytest.raises(ValueError, match="`task_type`.*'exqa'"):
        pretrain.task_prompt("poetry", CONTEXT)


def test_round_trip():
    text = pretrain.render_task(TASK, CONTEXT)
    assert text == "Read this: {{context}} What is blue?\n<|pipe|>\nThe sky"
    assert pretrain.parse_task(text, CONTEXT) == TASK
    without = pretrain.GeneratedTask("What is up?", "The sky")
    assert pretrain.parse_task(pretrain.render_task(without, CONTEXT), CONTEXT) == without


def test_what_has_not_two_parts_is_dropped():
    assert pretrain.parse_task("What is blue?", CONTEXT) is None
    assert pretrain.parse_task("What?<|pipe|>The sky<|pipe|>", CONTEXT) is None
    both = pretrain.parse_task(" Say it. <|pipe|> {{context}} ", CONTEXT)
    assert both == ("Say it.", "The sky is blue.\nGrass is not.")
    with pytest.raises(ValueError, match="`task`"):
        pretrain.render_task(TASK._replace(response="a<|pipe|>b"), CONTEXT)
