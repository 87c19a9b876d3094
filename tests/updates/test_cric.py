"""CRIC step by step against NumPy in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from algax import updates

GROUPS = {"rows": [("w", 0), ("v", 1)], "free": [("free", 0)]}
RATE = 0.05


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def params():
    return {"w": draw(8, 3), "v": draw(2, 8, seed=1), "free": draw(4, seed=2)}


def gradients(steps):
    return {name: draw(steps, *x.shape, seed=x.size) for name, x in params().items()}


def rows(tree):
    """The parameters of every group, those of the first set first."""
    return [np.concatenate([tree["w"][i], tree["v"][:, i]]) for i in range(8)] + [tree["free"][i : i + 1] for i in range(4)]


def saliency(p, d):
    found = []
    for x, y in zip(rows(p), rows(d), strict=True):
        x, y = x.astype(np.float64), y.astype(np.float64)
        norm, inner = np.linalg.norm(x), x @ y
        cosine = inner / ((norm + 1e-8) * (np.linalg.norm(y) + 1e-8)) + 1
        found.append([norm, norm / (len(x) + 1e-6), cosine, abs(inner), inner**2 / 2])
    found = np.array(found)
    return 0.2 * (found / (np.sqrt(1e-8 + np.sum(found**2, 0)) + 1e-8)).sum(1)


def scaled(p, mask, factor):
    """The parameters with the groups of a mask multiplied."""
    factors = np.where(mask, factor, 1.0)
    return {"w": p["w"] * factors[:8, None], "v": p["v"] * factors[None, :8], "free": p["free"] * factors[8:]}


def moved(p, g):
    return {name: p[name] - RATE * g[name] for name in p}


def loss(p):
    return 1.0 + sum((x * x).sum() for x in p.values())


def ratios(p, scores):
    """Of the two sets, in the order of their groups."""
    found = []
    for first, size in ((0, 8), (8, 4)):
        order = first + np.argsort(scores[first : first + size])
        without = [
            loss(scaled(p, np.isin(np.arange(12), order[: max(int(size * share), 1)]), 0.0)) for share in (0.25, 0.5, 0.75)
        ]
        found.append(np.mean(without) / loss(p))
    return np.array(found)


def by_hand(slopes, steps, count, start, length, period, cycles, with_loss):
    """Trajectory, groups removed, and the number of cycles."""
    p = {name: x.astype(np.float64) for name, x in params().items()}
    trajectory, cycle, removal, seen, total, samples = [], 0, -1, np.zeros(12, bool), np.zeros(12), 0
    for step in range(steps):
        g = {name: x[step] for name, x in slopes.items()}
        if step < start:
            p = moved(p, g)
        elif removal < 0:
            size = np.sqrt(sum((x**2).sum() for x in g.values()) / 44)
            scores = saliency(p, {name: x / size for name, x in g.items()})
            lowest = np.isin(np.arange(12), np.argsort(scores)[:count])
            if cycle == 0:
                cycle, at, cache, trial, found = 1, 0, p, lowest, np.zeros(12, bool)
                seen, extra = seen | lowest, ratios(p, scores) if with_loss else np.zeros(2)
            found = found | (lowest & ~seen)
            total, samples = total + scores, samples + 1
            p = scaled(moved(p, g), trial, (length - at - 1) / (length - at))
            at += 1
            if at == length:
                p, at = cache, 0
                if cycle == cycles or not found.any():
                    final = total / samples + np.repeat(extra / [8, 4], [8, 4])
                    gone, removal = np.isin(np.arange(12), np.argsort(final)[:count]), 0
                else:
                    cycle, trial, seen, found = cycle + 1, found, seen | found, np.zeros(12, bool)
        else:
            p = scaled(moved(p, g), gone, max(period - removal - 1, 0) / max(period - removal, 1))
            removal += 1
        trajectory.append(p)
    return trajectory, gone, cycle


@pytest.mark.parametrize("with_loss", [False, True])
def test_cycles_of_trials_and_the_removal_step_by_step(with_loss):
    start, length, period, cycles, steps = 2, 3, 4, 3, 17
    slopes = gradients(steps)
    expected, gone, cycle = by_hand(slopes, steps, int(12 * 0.4), start, length, period, cycles, with_loss)
    assert cycle > 1 and 0 < gone.sum() == 4
    tx = updates.cric(optax.sgd(RATE), GROUPS, target=0.4, start=start, sampling_steps=length, period=period, cycles=cycles)
    options = {"value_fn": loss} if with_loss else {}

    def step(carry, gradient):
        p, state = carry
        change, state = tx.update(gradient, state, p, **options)
        p = optax.apply_updates(p, change)
        return (p, state), p

    run = jax.jit(lambda p, g: jax.lax.scan(step, (p, tx.init(p)), g))
    (_, state), found = jax.device_get(run(params(), slopes))
    for name in expected[0]:
        np.testing.assert_allclose(found[name], np.stack([p[name] for p in expected]), rtol=1e-4, atol=1e-5)
    removed = np.concatenate([state.removed["rows"], state.removed["free"]])
    np.testing.assert_array_equal(removed, gone)
    assert not np.any(found["w"][-1][gone[:8]]) and not np.any(found["free"][-1][gone[8:]])
    assert int(state.cycle) == cycle


def test_ratios_of_a_loss_by_hand():
    scores = saliency(params(), {name: x[0] for name, x in gradients(1).items()})
    split = {"rows": scores[:8].astype(np.float32), "free": scores[8:].astype(np.float32)}
    found = jax.jit(lambda p, split: updates.loss_ratios(loss, p, GROUPS, split))(params(), split)
    np.testing.assert_allclose([found["rows"], found["free"]], ratios(params(), scores), rtol=1e-5)


def test_nothing_to_remove_is_the_inner_optimizer():
    tx = updates.cric(optax.sgd(RATE), GROUPS, target=0.0, start=0, sampling_steps=1, period=1)
    slopes = {name: x[0] for name, x in gradients(1).items()}
    change, state = jax.jit(lambda p: tx.update(slopes, tx.init(p), p))(params())
    for name, gradient in slopes.items():
        np.testing.assert_array_equal(change[name], -RATE * gradient)
    assert int(state.cycle) == 0


def test_what_stays_of_a_set_is_a_multiple():
    p = {"small": np.arange(1, 8, dtype=np.float32), "large": np.arange(5, 15, dtype=np.float32)}
    groups = {"small": [("small", 0)], "large": [("large", 0)]}
    tx = updates.hesso(optax.sgd(0.1), groups, target=0.5, start=0, period=1, weights={"magnitude": 1.0}, multiple=4)
    _, state = jax.device_get(jax.jit(lambda p: tx.update(jax.tree.map(jnp.zeros_like, p), tx.init(p), p))(p))
    # The 8 lowest of 17 are six of the small set and two of the large one: 1 and 8 would stay, of which 4 and 8 do.
    np.testing.assert_array_equal(np.flatnonzero(state.periods["small"] == 0), [0, 1, 2])
    np.testing.assert_array_equal(np.flatnonzero(state.periods["large"] == 0), [0, 1])
