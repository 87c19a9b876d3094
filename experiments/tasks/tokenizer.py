"""A byte tokenizer: every text has an encoding, every encoding its text."""

from collections.abc import Iterable

import numpy as np


class ByteTokenizer:
    """UTF-8 bytes as tokens 0 to 255, then the special tokens."""

    pad = 256
    begin = 257
    end = 258
    vocabulary_size = 259

    def encode(self, text: str, special: bool = False) -> np.ndarray:
        """Tokens of a text, with `begin` and `end` around it if `special`."""
        tokens = np.frombuffer(text.encode("utf-8", errors="surrogateescape"), np.uint8).astype(np.int32)
        return np.concatenate([[self.begin], tokens, [self.end]]).astype(np.int32) if special else tokens

    def decode(self, tokens: Iterable[int]) -> str:
        """The text of tokens; special tokens are left out.

        Raises:
            ValueError: for a number that is no token.
        """
        values = [int(token) for token in tokens]
        wrong = [value for value in values if not 0 <= value < self.vocabulary_size]
        if wrong:
            raise ValueError(f"a token is between 0 and {self.vocabulary_size - 1}; got {wrong[0]}")
        return bytes(value for value in values if value < 256).decode("utf-8", errors="surrogateescape")
