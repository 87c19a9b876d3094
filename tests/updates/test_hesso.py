"""Pruning of groups: trajectories by hand, selection by NumPy, and smaller networks that compute the same."""

import jax
import numpy as np
import optax
import pytest

from algax import models, updates

from ..models.parameters import draw_params

GROUPS = {"rows": [("w", 0), ("v", 1)]}


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def params():
    return {"w": draw(8, 3), "v": draw(2, 8, seed=1), "free": draw(4, seed=2)}


def run(tx, start, gradients):
    """The parameters after each step, and the last state."""

    def step(carry, gradient):
        params, state = carry
        change, state = tx.update(gradient, state, params)
        params = optax.apply_updates(params, change)
        return (params, state), params

    (_, state), trajectory = jax.jit(lambda p, g: jax.lax.scan(step, (p, tx.init(p)), g))(start, gradients)
    return jax.device_get((trajectory, state))


def gradients(steps, scale=1.0):
    return jax.tree.map(lambda x: np.float32(scale) * draw(steps, *x.shape, seed=x.size), params())


def test_shrinking_without_a_step_goes_down_in_a_line():
    masks = {"rows": np.arange(8) < 3}
    trajectory, _ = run(updates.shrink_groups(GROUPS, masks, 4), params(), gradients(6, 0.0))
    for k in range(6):
        share = max(4 - (k + 1), 0) / 4
        np.testing.assert_allclose(trajectory["w"][k, :3], share * params()["w"][:3], rtol=1e-6)
        np.testing.assert_allclose(trajectory["v"][k][:, :3], share * params()["v"][:, :3], rtol=1e-6)
        np.testing.assert_array_equal(trajectory["w"][k, 3:], params()["w"][3:])
    assert not np.any(trajectory["w"][4:, :3])


def saliency_by_hand(p, d, group):
    """Raw criteria of one row, in float64."""
    x, y = (np.concatenate([np.ravel(t["w"][group]), np.ravel(t["v"][:, group])]).astype(np.float64) for t in (p, d))
    norm, inner = np.linalg.norm(x), x @ y
    cosine = inner / ((norm + 1e-8) * (np.linalg.norm(y) + 1e-8)) + 1
    return np.array([norm, norm / (len(x) + 1e-6), cosine, abs(inner), inner**2 / 2])


def test_saliency_is_the_weighted_sum_of_normalised_criteria():
    p, d = params(), jax.tree.map(lambda x: x[0], gradients(1))
    raw = np.stack([saliency_by_hand(p, d, group) for group in range(8)])
    normalised = raw / (np.sqrt(1e-8 + np.sum(raw**2, 0)) + 1e-8)

    @jax.jit
    def results(p, d):
        saliency, one = (updates.group_saliency(p, d, GROUPS, **options) for options in ({}, {"weights": {"cosine": -1.0}}))
        return saliency["rows"], one["rows"], updates.group_criteria(p, d, GROUPS)["rows"]

    saliency, one, criteria = results(p, d)
    np.testing.assert_allclose(saliency, 0.2 * normalised.sum(1), rtol=1e-5)
    names = ("magnitude", "average_magnitude", "cosine", "first_order", "second_order")
    np.testing.assert_allclose(np.stack([criteria[name] for name in names], 1), raw, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(one, -normalised[:, 2], rtol=1e-5)
    larger = jax.tree.map(lambda x: 10 * x, d)  # scales the two criteria of Taylor's expansion, not their sum
    np.testing.assert_allclose(results(p, larger)[0], saliency, rtol=1e-5)


@pytest.mark.parametrize("periods", [1, 2])
def test_the_lowest_groups_end_at_zero_and_the_others_train_on(periods):
    base, slopes = optax.sgd(0.05, momentum=0.9), gradients(12)
    tx = updates.hesso(base, GROUPS, target=0.7, start=3, period=4, periods=periods)
    trajectory, state = run(tx, params(), slopes)
    plain, _ = run(base, params(), slopes)
    np.testing.assert_allclose(trajectory["w"][2], plain["w"][2], rtol=1e-6)
    gone = state.periods["rows"] >= 0
    assert gone.sum() == int(8 * 0.7)
    for k in range(12):
        finished = (state.periods["rows"] >= 0) & (3 + (state.periods["rows"] + 1) * 4 <= k + 1)
        assert np.array_equal(~np.any(trajectory["w"][k], 1), finished)
        assert np.array_equal(~np.any(trajectory["v"][k], 0), finished)
    np.testing.assert_allclose(trajectory["w"][:, ~gone], plain["w"][:, ~gone], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(trajectory["free"], plain["free"], rtol=1e-4, atol=1e-6)
    at = jax.tree.map(lambda x: x[2], trajectory)
    step = jax.tree.map(lambda new, old: new[3] - old[2], plain, plain)
    change = jax.tree.map(lambda x: -100 * x, step)
    saliency = jax.jit(lambda p, d: updates.group_saliency(p, d, GROUPS)["rows"])(at, change)
    first = int(8 * 0.7) // periods if periods > 1 else int(8 * 0.7)
    assert set(np.argsort(np.asarray(saliency))[:first]) == set(np.flatnonzero(state.periods["rows"] == 0))


def test_target_zero_is_the_inner_optimizer():
    base, slopes = optax.sgd(0.01, momentum=0.9), gradients(5)
    trajectory, _ = run(updates.hesso(base, GROUPS, target=0.0, start=0, period=2), params(), slopes)
    jax.tree.map(np.testing.assert_array_equal, trajectory, run(base, params(), slopes)[0])


def test_sets_share_the_target_or_each_have_their_own():
    p = {"small": np.float32(0.01) * draw(6, 2), "large": draw(6, 2, seed=1)}
    groups = {"small": [("small", 0)], "large": [("large", 0)]}
    slopes = jax.tree.map(lambda x: np.zeros((2, *x.shape), np.float32), p)
    counts = {}
    for per_set in (False, True):
        tx = updates.hesso(optax.sgd(0.1), groups, target=0.5, start=0, period=1, weights={"magnitude": 1.0}, per_set=per_set)
        _, state = run(tx, p, slopes)
        counts[per_set] = [int((state.periods[name] >= 0).sum()) for name in ("small", "large")]
    assert counts == {False: [6, 0], True: [3, 3]}


def test_the_smaller_mlp_computes_exactly_the_same():
    module = models.MLP((6, 5, 3))
    x = np.random.default_rng(0).integers(-3, 4, (7, 4)).astype(np.float32)
    p = draw_params(module, x)
    p = jax.tree.map(lambda w: np.round(5 * w + np.float32(0.3)), p)  # sums of small integers are exact in any order
    groups = models.mlp_groups(module)
    masks = {"Dense_0": np.arange(6) % 2 == 0, "Dense_1": np.arange(5) == 3}
    smaller = updates.remove_groups(p, groups, masks)
    left = models.pruned_mlp(module, smaller)
    assert left.features == (3, 4, 3)

    @jax.jit
    def results(p, smaller):
        return left.apply(smaller, x), module.apply(updates.zero_groups(p, groups, masks), x)

    np.testing.assert_array_equal(*results(p, smaller))


@pytest.mark.parametrize("options", [{"bias": "all", "mlp": "plain", "norm": "layer_norm"}, {}], ids=["biases", "gated"])
def test_the_smaller_transformer_computes_the_same(options):
    config = models.TransformerConfig(
        vocabulary_size=11, hidden_size=8, num_layers=2, num_heads=4, num_key_value_heads=2, max_length=6, mlp_size=6, **options
    )
    tokens = np.arange(10, dtype=np.int32).reshape(2, 5)
    module = models.Transformer(config)
    p = jax.tree.map(lambda w: w + np.float32(0.1), draw_params(module, tokens))
    groups = models.transformer_groups(config)
    sizes = {"attention": np.array([False, True]), "mlp": np.arange(6) % 3 == 0}
    masks = {name: sizes[name.split("/")[1]] for name in groups}
    smaller = updates.remove_groups(p, groups, masks)
    left = models.pruned_config(config, smaller)
    assert (left.num_heads, left.key_value_heads, left.mlp_width, left.head_width) == (2, 1, 4, 2)

    @jax.jit
    def results(p, smaller):
        actual = models.Transformer(left).apply(smaller, tokens)
        return actual, module.apply(updates.zero_groups(p, groups, masks), tokens), module.apply(p, tokens)

    actual, expected, whole = results(p, smaller)
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)
    assert not np.allclose(expected, whole, atol=1e-3)
    uneven = masks | {"blocks_0/mlp": np.arange(6) > 1}
    with pytest.raises(ValueError, match="layers of one size"):
        models.pruned_config(config, updates.remove_groups(p, groups, uneven))


def test_wrong_arguments():
    p = params()
    for call, message in (
        (lambda: updates.group_criteria(p, p, {"rows": [("x", 0)]}), "`groups` must list leaves"),
        (lambda: updates.group_criteria(p, p, {"rows": [("w", 2)]}), "`groups` must cut along"),
        (lambda: updates.group_criteria(p, p, {"rows": [("w", 0), ("w", 1)]}), "the shortest divides"),
        (lambda: updates.group_criteria(p, p, {}), "`groups` must hold"),
        (lambda: updates.group_saliency(p, p, GROUPS, weights={"size": 1.0}), "`weights` must be"),
        (lambda: updates.zero_groups(p, GROUPS, {"rows": np.ones(3, bool)}), "`masks` must hold"),
        (lambda: updates.remove_groups(p, GROUPS, {"rows": np.ones(8, bool)}), "`masks` must leave"),
        (lambda: updates.hesso(optax.sgd(0.1), GROUPS, start=0, period=1).update(p, None), "needs `params`"),
        (lambda: models.mlp_groups(models.MLP((3,))), "`module` must have hidden"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
