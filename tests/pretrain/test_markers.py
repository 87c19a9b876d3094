"""Prompts and answers with markers, laid out by hand."""

import jax
import jax.numpy as jnp
import numpy as np

from algax import pretrain

PROMPT, ANSWER, FIELDS = [11, 12], [21, 22], [[31, 32], [41], [51, 52]]
BEGIN, END = [1], [2, 3]


def padded(rows, width):
    tokens = np.array([row + [0] * (width - len(row)) for row in rows])
    return tokens, np.array([[True] * len(row) + [False] * (width - len(row)) for row in rows])


def batch(rows):
    pieces = (padded([PROMPT] * rows, 3), padded([ANSWER] * rows, 2))
    tokens, mask = padded(FIELDS, 2)
    fields = np.broadcast_to(tokens, (rows, 3, 2)), np.broadcast_to(mask, (rows, 3, 2))
    return pretrain.MarkedText(*(pretrain.Piece(*piece) for piece in (*pieces, fields)))


def lists(list_dropout, field_dropout, rows=1):
    """What stands between the prompt and the targets; the targets are always the same."""
    transform = jax.jit(pretrain.markers(BEGIN, END, list_dropout=list_dropout, field_dropout=field_dropout))
    result = transform(jax.random.key(0), batch(rows))
    everything = BEGIN + FIELDS[0] + FIELDS[1] + FIELDS[2] + END
    found = []
    for tokens, mask, learned in zip(*map(np.asarray, (result.tokens, result.mask, result.learned)), strict=True):
        assert tokens[learned].tolist() == everything + ANSWER  # without the markers it is the answer
        read = tokens[mask & ~learned].tolist()
        assert read[:2] == PROMPT
        found.append(read[2:])
    return found


def test_all_and_none():
    assert lists(0.0, 0.0) == [BEGIN + FIELDS[0] + FIELDS[1] + FIELDS[2] + END]
    assert lists(1.0, 0.0) == lists(0.0, 1.0) == [[]]


def test_shares_and_order():
    found = lists(0.4, 0.5, rows=600)
    allowed = [[x for i, field in enumerate(FIELDS) if subset >> i & 1 for x in field] for subset in range(8)]
    allowed = [BEGIN + some + END if some else [] for some in allowed]
    assert all(one in allowed for one in found) and all(one in found for one in allowed)
    share = np.mean([bool(one) for one in found])  # a list, and not all three fields dropped
    assert abs(share - 0.6 * 7 / 8) < 4 * np.sqrt(0.25 / 600)


def test_buckets():
    assert jnp.digitize(jnp.array([9, 10, 50]), jnp.array([10, 50])).tolist() == [0, 1, 2]  # of lengths
    rng = np.random.default_rng(0)
    scores, groups = rng.permutation(21).astype(np.float32), rng.permutation(np.repeat([3, 5], [13, 8]))
    found = np.asarray(jax.jit(pretrain.group_buckets)(scores, groups))
    for group, size in ((3, 13), (5, 8)):
        ordered = found[groups == group][np.argsort(scores[groups == group])]
        assert ordered.tolist() == [4 * rank // size for rank in range(size)]
