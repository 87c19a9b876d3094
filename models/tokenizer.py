"""Tokenizers of Hugging Face checkpoints."""

import os
import pathlib
from collections.abc import Iterable, Sequence

import numpy as np

from .huggingface.files import optional_import, read_json


class Tokenizer:
    """The tokenizer of a checkpoint: `tokenizer.json`, and the special tokens that `tokenizer_config.json` names.

    Attributes:
        vocabulary_size: number of tokens; a model's vocabulary may be larger, padded to a round size.
        begin: token that begins a text, or None.
        end: token that ends a text, or None.
        pad: token at padding; `end`, else 0, where the checkpoint names none. The mask says where it is padding.

    Args:
        directory: holds `tokenizer.json` and, if special tokens are named, `tokenizer_config.json`.

    Raises:
        ImportError: the package tokenizers (extra `hf`) is not installed.
        ValueError: `tokenizer.json` is missing, a file is malformed, or a named special token is not in the vocabulary.
    """

    def __init__(self, directory: str | os.PathLike):
        tokenizers = optional_import("tokenizers")
        path = pathlib.Path(directory) / "tokenizer.json"
        if not path.is_file():
            raise ValueError(f"there is no file {path}")
        try:
            self._tokenizer = tokenizers.Tokenizer.from_str(path.read_text(encoding="utf-8"))
        except Exception as error:  # the package raises plain Exception
            raise ValueError(f"{path} is not a tokenizer: {error}") from error
        # The file may ask for both; here lengths are the caller's business.
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.vocabulary_size: int = self._tokenizer.get_vocab_size()
        names = _special_tokens(pathlib.Path(directory) / "tokenizer_config.json")
        self.begin, self.end, pad = (self._special(names, name) for name in ("bos_token", "eos_token", "pad_token"))
        self.pad: int = next((token for token in (pad, self.end) if token is not None), 0)

    def encode(self, text: str, special: bool = False) -> np.ndarray:
        """Returns the `[T]` int32 tokens of a text.

        Args:
            text: any text; special tokens spelt out in it are recognised.
            special: whether the tokens are added that the checkpoint adds around every text, such as Llama's first one.
        """
        return np.asarray(self._tokenizer.encode(text, add_special_tokens=special).ids, np.int32)

    def decode(self, tokens: Iterable[int], special: bool = False) -> str:
        """Returns the text of tokens; ids beyond `vocabulary_size`, which a padded model may sample, are left out.

        Args:
            tokens: ids of at least 0.
            special: whether special tokens are written out too.

        Raises:
            ValueError: an id is negative.
        """
        ids = [int(token) for token in tokens]
        if ids and min(ids) < 0:
            raise ValueError(f"`tokens` must be at least 0, got {min(ids)}")
        return self._tokenizer.decode(ids, skip_special_tokens=not special)

    def encode_batch(
        self, texts: Sequence[str], length: int | None = None, special: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Encodes texts with padding on the left, as a sampler takes prompts.

        Args:
            texts: B texts, at least one.
            length: number T of columns, at least 1; None means that of the longest text.
            special: as in `encode`.

        Returns:
            `[B, T]` int32 tokens and `[B, T]` bool mask, True at real tokens.

        Raises:
            ValueError: there is no text, or one has more than `length` tokens.
        """
        if not texts:
            raise ValueError("`texts` must be at least one text, got none")
        rows = [row.ids for row in self._tokenizer.encode_batch(list(texts), add_special_tokens=special)]
        longest = max(len(row) for row in rows)
        length = max(longest, 1) if length is None else length
        if length < max(longest, 1):
            raise ValueError(f"`length` must be at least {max(longest, 1)}, that of the longest text, got {length}")
        tokens = np.full((len(rows), length), self.pad, np.int32)
        mask = np.arange(length)[None, :] >= length - np.array([len(row) for row in rows])[:, None]
        tokens[mask] = np.concatenate([np.asarray(row, np.int32) for row in rows])
        return tokens, mask

    def _special(self, names: dict[str, str], name: str) -> int | None:
        if name not in names:
            return None
        token = self._tokenizer.token_to_id(names[name])
        if token is None:
            raise ValueError(f"`{name}` must be in the vocabulary, got {names[name]!r}")
        return token


def _special_tokens(path: pathlib.Path) -> dict[str, str]:
    """The special tokens that the file names, each as a text or as a table with the text as `content`."""
    entries = read_json(path) if path.is_file() else {}
    names = {name: entries.get(name) for name in ("bos_token", "eos_token", "pad_token")}
    return {name: value["content"] if isinstance(value, dict) else value for name, value in names.items() if value}
