"""Texts that make a model write tasks about a passage, and what is read off its answers."""

from __future__ import annotations

from typing import NamedTuple

TASKS = {
    "exqa": "extractive question answering",
    "mcqa": "multiple-choice question answering",
    "qg": "question generation",
    "qa": "question answering without choices",
    "ynqa": "yes-no question answering",
    "coref": "coreference resolution",
    "paraphrase": "paraphrase generation",
    "paraphrase_id": "paraphrase identification",
    "sent_comp": "sentence completion",
    "sentiment": "sentiment",
    "summarization": "summarization",
    "text_gen": "text generation",
    "topic_class": "topic classification",
    "wsd": "word sense disambiguation",
    "te": "textual entailment",
    "nli": "natural language inference",
}
PIPE, PLACEHOLDER = "<|pipe|>", "{{context}}"


class GeneratedTask(NamedTuple):
    """A task about a passage.

    Attributes:
      instruction: what is asked, the passage in it.
      response: the answer.
    """

    instruction: str
    response: str


def task_prompt(task_type: str, context: str) -> str:
    """What a generator of tasks reads: a kind of task and a passage.

    Args:
      task_type: one of 16 kinds, such as `"nli"` or `"natural language inference"`.
      context: the passage, stripped of white space at its ends.

    Returns:
      The prompt, whose answer `parse_task` reads.

    Raises:
      ValueError: an unknown kind, with those that are known.

    Source: Nayak et al., "Learning to Generate Instruction Tuning Datasets for Zero-Shot Task Adaptation", 2024,
    arXiv 2402.18334.
    """
    name = TASKS.get(task_type, task_type)
    if name not in TASKS.values():
        raise ValueError(f"`task_type` must be one of {list(TASKS)} or {list(TASKS.values())}, got {task_type!r}")
    return f"<|tasktype|>\n{name}\n<|context|>\n{context.strip()}\n<|task|>\n"


def render_task(task: GeneratedTask, context: str) -> str:
    """What a generator learns to write: the instruction, with a placeholder for its passage, and the response.

    Args:
      task: such as an example of a prompted data set; an instruction without the passage stays as it is.
      context: the passage.

    Returns:
      The text, of which alone is learned; `parse_task` undoes it.

    Raises:
      ValueError: the task holds the mark that separates its parts.

    Source: Nayak et al., 2024, arXiv 2402.18334.
    """
    if PIPE in task.instruction or PIPE in task.response:
        raise ValueError(f"`task` must not hold {PIPE!r}, got {task!r}")
    passage = context.strip()
    instruction = task.instruction.replace(passage, PLACEHOLDER) if passage else task.instruction
    return f"{instruction.strip()}\n{PIPE}\n{task.response.strip()}"


def parse_task(text: str, context: str) -> GeneratedTask | None:
    """Reads a task off what a generator wrote.

    Args:
      text: instruction and response with a mark between them.
      context: the passage, put where the placeholder is.

    Returns:
      The task, or None unless there are exactly two parts.

    Source: Nayak et al., 2024, arXiv 2402.18334. Released code puts the passage into the instruction only.

    Example:
      >>> text = pretrain.render_task(pretrain.GeneratedTask("Is it so? The sky is blue.", "Yes"), "The sky is blue.")
      >>> text
      'Is it so? {{context}}\\n<|pipe|>\\nYes'
      >>> pretrain.parse_task(text, "The sea is green.")
      GeneratedTask(instruction='Is it so? The sea is green.', response='Yes')
    """
    parts = text.split(PIPE)
    if len(parts) != 2:
        return None
    return GeneratedTask(*(part.strip().replace(PLACEHOLDER, context.strip()) for part in parts))
