"""The tokenizer against a vocabulary written by hand."""

import json
import sys

import numpy as np
import pytest
import tokenizers

from algax import models

WORDS = {"<unk>": 0, "<s>": 1, "</s>": 2, "a": 3, "cat": 4, "sat": 5, "down": 6}


@pytest.fixture
def save(tmp_path):
    """A function that writes a word-level tokenizer, which asks for truncation and right padding, and its config."""

    def write(config=None):
        tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(WORDS, unk_token="<unk>"))
        tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
        tokenizer.add_special_tokens(["<s>", "</s>"])
        tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
            single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", 1)]
        )
        tokenizer.enable_truncation(2)
        tokenizer.enable_padding(direction="right", length=6)
        tokenizer.save(str(tmp_path / "tokenizer.json"))
        if config is not None:
            (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
        return tmp_path

    return write


def test_encodes_and_decodes(save):
    tokenizer = models.Tokenizer(save(dict(bos_token="<s>", eos_token={"content": "</s>"}, pad_token=None)))
    assert (tokenizer.vocabulary_size, tokenizer.begin, tokenizer.end, tokenizer.pad) == (7, 1, 2, 2)
    tokens = tokenizer.encode("a cat sat down")
    assert tokens.dtype == np.int32
    np.testing.assert_array_equal(tokens, [3, 4, 5, 6])
    np.testing.assert_array_equal(tokenizer.encode("a dog", special=True), [1, 3, 0])
    np.testing.assert_array_equal(tokenizer.encode("cat</s>"), [4, 2])
    assert tokenizer.encode("").shape == (0,)
    assert tokenizer.decode(np.array([1, 3, 4, 2])) == "a cat"
    assert tokenizer.decode([1, 3, 4, 2], special=True) == "<s> a cat </s>"
    assert tokenizer.decode([3, 99, 4]) == "a cat"
    with pytest.raises(ValueError, match="tokens.*-1"):
        tokenizer.decode([3, -1])


def test_batches_are_padded_on_the_left(save):
    tokenizer = models.Tokenizer(save(dict(pad_token="<unk>")))
    tokens, mask = tokenizer.encode_batch(["a cat", "", "a cat sat"])
    assert tokens.dtype == np.int32 and mask.dtype == bool
    np.testing.assert_array_equal(tokens, [[0, 3, 4], [0, 0, 0], [3, 4, 5]])
    np.testing.assert_array_equal(mask, [[0, 1, 1], [0, 0, 0], [1, 1, 1]])
    tokens, mask = tokenizer.encode_batch(["sat", "a cat"], length=4, special=True)
    np.testing.assert_array_equal(tokens, [[0, 0, 1, 5], [0, 1, 3, 4]])
    np.testing.assert_array_equal(mask, [[0, 0, 1, 1], [0, 1, 1, 1]])
    assert tokenizer.encode_batch([""])[1].shape == (1, 1)
    with pytest.raises(ValueError, match="length.*at least 3.*2"):
        tokenizer.encode_batch(["a", "a cat sat"], length=2)
    with pytest.raises(ValueError, match="texts.*none"):
        tokenizer.encode_batch([])


def test_special_tokens_are_optional_but_must_exist(save):
    tokenizer = models.Tokenizer(save())
    assert (tokenizer.begin, tokenizer.end, tokenizer.pad) == (None, None, 0)
    with pytest.raises(ValueError, match="eos_token.*'<end>'"):
        models.Tokenizer(save(dict(eos_token="<end>")))


def test_bad_files_are_named(save, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="no file.*tokenizer.json"):
        models.Tokenizer(tmp_path)
    save()
    (tmp_path / "tokenizer_config.json").write_text("{")
    with pytest.raises(ValueError, match="tokenizer_config.json is not JSON"):
        models.Tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ValueError, match="tokenizer.json is not a tokenizer"):
        models.Tokenizer(tmp_path)
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ImportError, match=r"tokenizers.*algax\[hf\]"):
        models.Tokenizer(tmp_path)
