"""The arithmetic vocabulary and the checker that rewards a sampled answer, in the graph and in plain Python.

A prompt is `operand operator operand =` with operands of a fixed number of digits (`"07+48="`); a completion is the
answer in decimal digits, led by `-` where negative, closed by the stop token `.` (`"55."`).
"""

import re

import jax
import jax.numpy as jnp
import numpy as np

VOCABULARY = "0123456789+-*=."
PLUS, MINUS, TIMES, EQUALS, STOP = (VOCABULARY.index(character) for character in "+-*=.")
MAX_DIGITS = 9


def encode(text: str) -> np.ndarray:
    """Token ids of a text over the arithmetic vocabulary.

    Raises:
        ValueError: for a character outside the vocabulary.
    """
    unknown = sorted(set(text) - set(VOCABULARY))
    if unknown:
        raise ValueError(f"characters {unknown} are not in the vocabulary {VOCABULARY!r}")
    return np.array([VOCABULARY.index(character) for character in text], np.int32)


def decode(tokens) -> str:
    """The text of token ids."""
    return "".join(VOCABULARY[int(token)] for token in tokens)


def parse_answer(tokens: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Reads completions as integers.

    Args:
        tokens: `[..., T]` token ids, T at most 10.

    Returns:
        (valid, value), both `[...]`: valid where the tokens up to the first stop are an optional minus and at least one
        digit; value is that integer, 0 where invalid.
    """
    length = tokens.shape[-1]
    if length > MAX_DIGITS + 1:
        raise ValueError(f"a completion has at most {MAX_DIGITS + 1} tokens, so that it fits 32 bits; got {length}")
    stopped = jnp.cumsum(tokens == STOP, axis=-1, dtype=jnp.int32) > 0
    negative = tokens[..., 0] == MINUS
    sign = jnp.zeros_like(stopped).at[..., 0].set(negative)
    digit = ~stopped & ~sign
    ends = stopped[..., -1]
    valid = ends & jnp.all(~digit | (tokens < 10), axis=-1) & jnp.any(digit, axis=-1)
    value = jnp.zeros(tokens.shape[:-1], jnp.int32)
    for position in range(length):
        value = jnp.where(valid & digit[..., position], value * 10 + tokens[..., position], value)
    return valid, jnp.where(negative, -value, value)


def parse_prompt(tokens: jax.Array, digits: int) -> jax.Array:
    """The right answers of prompts.

    Args:
        tokens: `[..., 2 * digits + 2]` token ids.
        digits: of each operand, 1 to 4.

    Returns:
        `[...]` int32 answers.
    """
    left = jnp.zeros(tokens.shape[:-1], jnp.int32)
    right = left
    for position in range(digits):
        left = left * 10 + tokens[..., position]
        right = right * 10 + tokens[..., digits + 1 + position]
    operator = tokens[..., digits]
    return jnp.where(operator == PLUS, left + right, jnp.where(operator == MINUS, left - right, left * right))


def check(prompts: jax.Array, completions: jax.Array, digits: int) -> jax.Array:
    """Whether completions answer their prompts, as `[...]` booleans; see `parse_prompt` and `parse_answer`."""
    valid, value = parse_answer(completions)
    return valid & (value == parse_prompt(prompts, digits))


def check_text(prompt: str, completion: str) -> bool:
    """The same verdict in plain Python on texts: the reference the vectorised checker is tested against."""
    answer = re.fullmatch(r"(-?[0-9]+)\..*", completion)
    left, operator, right = re.fullmatch(r"([0-9]+)([-+*])([0-9]+)=", prompt).groups()
    right_answer = {"+": int(left) + int(right), "-": int(left) - int(right), "*": int(left) * int(right)}[operator]
    return answer is not None and int(answer.group(1)) == right_answer
