"""SIREN: entropies of the nucleus, peaks, and the pull to the first level."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import FactoredLogits, Logits, chain, policy

from .compiled import loss_of


def entropy(probabilities):
    q = np.asarray(probabilities, np.float64) / np.sum(probabilities)
    return -np.sum(q * np.log(q))


@pytest.mark.parametrize(("nucleus", "p"), [("exclusive", 0.9), ("inclusive", 0.75)])
def test_nucleus_entropies_of_the_worked_example(nucleus, p):
    distribution = Logits(np.log(np.array([[[0.05, 0.3, 0.15, 0.5]]], np.float32)))
    entropies = jax.jit(lambda distribution: policy.nucleus_entropies(distribution, p, nucleus=nucleus))(distribution)
    np.testing.assert_allclose(entropies, [[0.66156]], atol=1e-5)


def test_a_sure_token_stands_alone_and_the_whole_nucleus_is_the_entropy():
    logits = np.random.default_rng(0).normal(size=(2, 3, 7)).astype(np.float32)
    sure = np.array([[[5.0, 0.0, -np.inf]]], np.float32)
    for nucleus in ("inclusive", "exclusive"):
        of_logits = jax.value_and_grad(lambda x, n=nucleus: policy.nucleus_entropies(Logits(x), nucleus=n)[0, 0])
        value, slope = jax.jit(of_logits)(sure)
        assert float(value) == 0.0 and np.all(np.asarray(slope) == 0)

    @jax.jit
    def entropies(logits):
        whole, factored = Logits(logits), FactoredLogits(logits, jnp.eye(7), chunk_size=4)
        of_nucleus = policy.nucleus_entropies
        of_all, top = of_nucleus(whole, 1.0), of_nucleus(whole, 1.0, top_k=2)
        return of_all, whole.entropies(), top, of_nucleus(factored), of_nucleus(whole)

    of_all, expected, top, of_factored, of_whole = map(np.asarray, entropies(logits))
    np.testing.assert_allclose(of_all, expected, rtol=1e-5)
    np.testing.assert_allclose(top[0, 0], entropy(np.sort(np.exp(logits[0, 0]) / np.exp(logits[0, 0]).sum())[-2:]), rtol=1e-5)
    np.testing.assert_allclose(of_factored, of_whole, rtol=1e-5)


def test_the_gradient_is_that_of_the_renormalised_nucleus():
    logits = np.random.default_rng(1).normal(size=9)

    def value(x):
        order = np.argsort(-x)
        p = np.exp(x[order]) / np.exp(x).sum()
        return entropy(p[: np.searchsorted(np.cumsum(p), 0.7) + 1])

    numeric = [(value(logits + 1e-6 * e) - value(logits - 1e-6 * e)) / 2e-6 for e in np.eye(9)]
    actual = jax.jit(jax.grad(lambda x: policy.nucleus_entropies(Logits(x), 0.7)[0, 0]))(
        jnp.asarray(logits, jnp.float32)[None, None]
    )
    np.testing.assert_allclose(np.asarray(actual)[0, 0], numeric, atol=1e-5)
    assert np.sum(np.asarray(actual) != 0) < 9


def test_peak_mask_against_numpy():
    rng = np.random.default_rng(2)
    values, mask = rng.normal(size=(5, 8)), rng.random((5, 8)) < 0.6
    mask[3], mask[4] = False, np.arange(8) == 2
    quantiles = (0.0, 0.3, 0.8, 1.0)
    masks = jax.jit(lambda values: [policy.peak_mask(values, jnp.asarray(mask), quantile) for quantile in quantiles])
    for quantile, (kept, bounds) in zip(quantiles, jax.device_get(masks(values.astype(np.float32))), strict=True):
        for row in range(5):
            expected = np.quantile(values[row][mask[row]], quantile) if mask[row].any() else 0.0
            np.testing.assert_allclose(bounds[row], expected, atol=1e-5)
            np.testing.assert_array_equal(kept[row], mask[row] & (values[row] > expected + 1e-9))


def siren_record(rng):
    logits = (2.0 * rng.normal(size=(4, 6, 7))).astype(np.float32)
    return policy.Terms(distribution=Logits(logits), mask=rng.random((4, 6)) < 0.8), logits


def test_the_penalty_is_the_square_of_the_mean_over_rows_and_peaks():
    terms, logits = siren_record(np.random.default_rng(3))
    mask, per_row = np.asarray(terms.mask), []
    values = np.asarray(jax.jit(lambda x: policy.nucleus_entropies(Logits(x), 0.8))(logits), np.float64)
    for row in range(4):
        v = values[row][mask[row]]
        if np.any(v > np.quantile(v, 0.5)):
            per_row.append(v[v > np.quantile(v, 0.5)].mean())
    loss = policy.anchored_entropy(0.5, anchor=0.2, quantile=0.5)
    np.testing.assert_allclose(loss_of(loss, terms), 0.5 * (np.mean(per_row) - 0.2) ** 2, rtol=1e-5)


def test_below_the_anchor_a_step_raises_the_entropy_and_at_it_nothing_happens():
    terms, logits = siren_record(np.random.default_rng(4))

    def step(logits, loss):
        """The loss, its gradient by the logits, and the measured entropy."""

        def of_logits(x):
            after, _ = loss.update(terms.replace(distribution=Logits(x)), loss.init())
            return after.loss, after.metrics["nucleus_entropy"].value

        (value, measured), slope = jax.value_and_grad(of_logits, has_aux=True)(logits)
        return value, slope, measured

    for anchor, sign in ((5.0, 1.0), (0.0, -1.0)):
        run = jax.jit(lambda x, loss=policy.anchored_entropy(1.0, anchor=anchor): step(x, loss))
        _, slope, before = run(logits)
        moved = run(logits - 0.01 * np.asarray(slope))[2] - before
        assert sign * float(moved) > 0
    value, slope, _ = jax.jit(lambda x: step(x, policy.anchored_entropy(1.0)))(logits)
    assert float(value) == 0.0 and np.all(np.asarray(slope) == 0)


def test_the_anchor_is_the_first_batch_that_holds_something():
    terms, logits = siren_record(np.random.default_rng(5))
    loss = policy.anchored_entropy(1.0)
    state = loss.init()
    assert isinstance(state, policy.EntropyAnchor)
    run = jax.jit(loss.update)
    _, state = run(terms.replace(mask=np.zeros_like(terms.mask)), state)
    assert not bool(state.known)
    after, state = run(terms, state)
    level = after.metrics["nucleus_entropy"].value
    _, later = run(terms.replace(distribution=Logits(3 * logits)), state)
    assert bool(later.known) and float(state.level) == float(later.level) == float(level) > 0


def test_siren_is_the_surrogate_plus_the_penalty():
    terms, _ = siren_record(np.random.default_rng(6))
    ones = np.ones([4, 6])
    terms = terms.replace(log_probs=-ones, old_log_probs=-1.1 * ones, rewards=np.arange(4.0), group_ids=np.zeros(4, int))
    surrogate = chain(policy.group_advantage(), policy.token_ratio(), policy.ppo_clip(), policy.sum_over_constant(24.0))
    penalty = policy.anchored_entropy(0.5, anchor=0.2)
    siren = policy.siren(24.0, coefficient=0.5, anchor=0.2)
    actual, expected = jax.jit(lambda terms: (siren(terms), surrogate(terms) + penalty(terms)))(terms)
    np.testing.assert_allclose(actual, expected, rtol=1e-5)
