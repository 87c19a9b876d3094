"""The byte tokenizer, the windows and the split of the library's text."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algax.experiments.tasks import tokenizer
from algax.experiments.tasks.text import library, part, split_windows, windows

TOKENIZER = tokenizer.ByteTokenizer()


@settings(max_examples=25, deadline=None)
@given(st.text(), st.booleans())
def test_round_trip(text, special):
    tokens = TOKENIZER.encode(text, special=special)
    assert TOKENIZER.decode(tokens) == text
    assert len(tokens) == len(text.encode("utf-8")) + 2 * special


def test_special_tokens_and_wrong_tokens():
    assert TOKENIZER.encode("é", special=True).tolist() == [257, 0xC3, 0xA9, 258]
    with pytest.raises(ValueError, match="between 0 and 258; got 259"):
        TOKENIZER.decode([65, 259])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=4), st.integers(1, 9))
def test_windows_predict_every_token_once(texts, length):
    rows = windows(texts, length)
    predicted = rows[:, 1:][rows[:, 1:] != TOKENIZER.pad]
    expected = np.concatenate([TOKENIZER.encode(text, special=True)[1:] for text in texts])
    np.testing.assert_array_equal(predicted, expected)
    assert rows.shape[1] == length + 1


def test_no_file_is_in_two_parts():
    texts = library(["json", "email", "topics.assert"])
    assert {"json.decoder", "email.message", "topics.assert"} <= set(texts)
    parts = {name: {file for file in texts if part(file) == name} for name in ("train", "validation", "test")}
    assert set.union(*parts.values()) == set(texts)
    assert sum(map(len, parts.values())) == len(texts)
    counts = {name: len(rows) for name, rows in split_windows(texts, 64).items()}
    assert counts["train"] > counts["validation"] > 0 and counts["test"] > 0
    total = sum(-(-(len(text.encode("utf-8", "surrogateescape")) + 1) // 64) for text in texts.values())
    assert sum(counts.values()) == total


def test_unknown_domain():
    with pytest.raises(ValueError, match="'jsno' is neither a module"):
        library(["jsno"])
