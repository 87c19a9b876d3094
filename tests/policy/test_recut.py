"""CURE: where responses may be cut, and the prompts that result."""

import functools

import jax
import numpy as np

from algax import policy

from .compiled import loss_of

INVALID = np.array([1, 4])


def rollouts(rows=6, seed=0):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 9, rows)
    return policy.Rollouts(
        prompts=rng.integers(20, 30, [rows, 5]),
        prompt_mask=np.broadcast_to(np.arange(5)[None, :] >= 2, (rows, 5)),
        responses=rng.integers(0, 8, [rows, 8]),
        response_mask=np.arange(8)[None, :] < lengths[:, None],
        entropies=rng.random([rows, 8]).astype(np.float32),
        group_ids=rng.integers(0, 3, rows),
    )


def brute_force(batch, row, top_k):
    """Positions in order of falling entropy, invalid ones passed over, until top_k are found."""
    found = []
    for t in np.argsort(-np.asarray(batch.entropies)[row], kind="stable"):
        valid = t > 0 and bool(batch.response_mask[row, t]) and int(batch.responses[row, t]) not in INVALID.tolist()
        if valid and len(found) < top_k:
            found.append(int(t))
    return found


def test_critical_positions_by_brute_force():
    batch = rollouts()
    critical_positions = jax.jit(policy.critical_positions, static_argnames="top_k")
    for top_k in (1, 3, 20):
        marked = critical_positions(batch.entropies, batch.responses, INVALID, batch.response_mask, top_k=top_k)
        marked = np.asarray(marked)
        for row in range(6):
            assert sorted(brute_force(batch, row, top_k)) == np.flatnonzero(marked[row]).tolist()


def test_equal_entropies_and_no_mask():
    responses = np.array([[2, 2, 1, 2, 2, 2]])
    marked = jax.jit(functools.partial(policy.critical_positions, top_k=2))(np.zeros([1, 6], np.float32), responses, INVALID)
    assert np.flatnonzero(np.asarray(marked)[0]).tolist() == [1, 3]


def test_recut_prompts_end_before_the_critical_token():
    batch, branches = rollouts(), 3
    result = jax.device_get(jax.jit(policy.recut(INVALID, top_k=2, branches=branches))(jax.random.key(0), batch))
    assert isinstance(result, policy.RecutPrompts) and result.prompts.shape == (18, 5)
    for row in range(6):
        own = slice(branches * row, branches * (row + 1))
        (cut,) = set(np.asarray(result.cuts[own]).tolist())
        assert cut in (brute_force(batch, row, 2) or [0])
        assert set(np.asarray(result.group_ids[own]).tolist()) == {int(batch.group_ids[row])}
        expected = [*np.asarray(batch.prompts[row, 2:]).tolist(), *np.asarray(batch.responses[row, :cut]).tolist()][-5:]
        for prompt, mask in zip(result.prompts[own], result.prompt_mask[own], strict=True):
            assert np.asarray(prompt)[np.asarray(mask)].tolist() == expected
            assert np.asarray(mask).tolist() == [False] * (5 - len(expected)) + [True] * len(expected)
            assert not np.any(np.asarray(prompt)[~np.asarray(mask)])


def test_the_cut_is_uniform_over_the_candidates():
    row = jax.tree.map(lambda x: x[:1], rollouts(seed=3))._replace(
        responses=np.full([1, 8], 2), response_mask=np.ones([1, 8], bool), entropies=np.arange(8, dtype=np.float32)[None, :]
    )
    many = jax.tree.map(lambda x: np.repeat(x, 3000, axis=0), row)
    cuts = np.asarray(jax.jit(policy.recut(INVALID, top_k=3, branches=1))(jax.random.key(0), many).cuts)
    shares = np.bincount(cuts, minlength=8) / 3000
    np.testing.assert_allclose(shares, [0, 0, 0, 0, 0, 1 / 3, 1 / 3, 1 / 3], atol=5 * np.sqrt(2 / 9 / 3000))


def test_seeds_reproduce_and_no_candidate_leaves_the_prompt():
    batch = rollouts()._replace(responses=np.full([6, 8], 4))
    transform = jax.jit(policy.recut(INVALID))
    first, again = (jax.device_get(transform(jax.random.key(7), batch)) for _ in range(2))
    jax.tree.map(np.testing.assert_array_equal, first, again)
    assert not np.any(first.cuts)
    np.testing.assert_array_equal(np.asarray(first.prompts)[::3, 2:], batch.prompts[:, 2:])


def test_without_branches_nothing_is_added():
    """The second round is empty, so that the batch for the objective is the first round alone."""
    batch = rollouts()
    more = jax.device_get(jax.jit(policy.recut(INVALID, branches=0))(jax.random.key(0), batch))
    assert more.prompts.shape == (0, 5)
    rewards = np.array([1.0, 0.0, 1.0, 1.0, 0.0, 0.0])
    log_probs = -np.ones([6, 8])
    dapo = policy.dapo(max_length=8, buffer=2)

    def loss(group_ids):
        terms = policy.Terms(
            mask=batch.response_mask, rewards=rewards, group_ids=group_ids, log_probs=log_probs, old_log_probs=log_probs
        )
        return loss_of(dapo, terms)

    both = np.concatenate([batch.group_ids, more.group_ids])
    np.testing.assert_array_equal(loss(both), loss(batch.group_ids))
