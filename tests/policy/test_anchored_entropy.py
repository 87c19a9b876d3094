"""SIREN: entropies of the nucleus, peaks, and the pull to the first level."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import FactoredLogits, Logits, chain, policy


def entropy(probabilities):
    q = np.asarray(probabilities, np.float64) / np.sum(probabilities)
    return -np.sum(q * np.log(q))


@pytest.mark.parametrize(("nucleus", "p"), [("exclusive", 0.9), ("inclusive", 0.75)])
def test_nucleus_entropies_of_the_worked_example(nucleus, p):
    distribution = Logits(jnp.log(jnp.array([[[0.05, 0.3, 0.15, 0.5]]])))
    np.testing.assert_allclose(policy.nucleus_entropies(distribution, p, nucleus=nucleus), [[0.66156]], atol=1e-5)


def test_a_sure_token_stands_alone_and_the_whole_nucleus_is_the_entropy():
    logits = jnp.asarray(np.random.default_rng(0).normal(size=(2, 3, 7)), jnp.float32)
    np.testing.assert_allclose(policy.nucleus_entropies(Logits(logits), 1.0), Logits(logits).entropies(), rtol=1e-5)
    sure = Logits(jnp.array([[[5.0, 0.0, -jnp.inf]]]))
    for nucleus in ("inclusive", "exclusive"):
        of_logits = jax.value_and_grad(lambda x, n=nucleus: policy.nucleus_entropies(Logits(x), nucleus=n)[0, 0])
        value, slope = of_logits(sure.logits)
        assert float(value) == 0.0 and np.all(np.asarray(slope) == 0)
    top = policy.nucleus_entropies(Logits(logits), 1.0, top_k=2)[0, 0]
    np.testing.assert_allclose(top, entropy(np.sort(np.asarray(jax.nn.softmax(logits[0, 0])))[-2:]), rtol=1e-5)
    kernel = jnp.eye(7)
    factored = FactoredLogits(logits, kernel, chunk_size=4)
    np.testing.assert_allclose(policy.nucleus_entropies(factored), policy.nucleus_entropies(Logits(logits)), rtol=1e-5)


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
    np.testing.assert_allclose(actual[0, 0], numeric, atol=1e-5)
    assert np.sum(np.asarray(actual) != 0) < 9


def test_peak_mask_against_numpy():
    rng = np.random.default_rng(2)
    values, mask = rng.normal(size=(5, 8)), rng.random((5, 8)) < 0.6
    mask[3], mask[4] = False, np.arange(8) == 2
    for quantile in (0.0, 0.3, 0.8, 1.0):
        kept, bounds = policy.peak_mask(jnp.asarray(values, jnp.float32), jnp.asarray(mask), quantile)
        for row in range(5):
            expected = np.quantile(values[row][mask[row]], quantile) if mask[row].any() else 0.0
            np.testing.assert_allclose(bounds[row], expected, atol=1e-5)
            np.testing.assert_array_equal(kept[row], mask[row] & (values[row] > expected + 1e-9))


def siren_record(rng):
    logits = jnp.asarray(2.0 * rng.normal(size=(4, 6, 7)), jnp.float32)
    return policy.Terms(distribution=Logits(logits), mask=jnp.asarray(rng.random((4, 6)) < 0.8)), logits


def test_the_penalty_is_the_square_of_the_mean_over_rows_and_peaks():
    terms, logits = siren_record(np.random.default_rng(3))
    mask, per_row = np.asarray(terms.mask), []
    values = np.asarray(policy.nucleus_entropies(Logits(logits), 0.8), np.float64)
    for row in range(4):
        v = values[row][mask[row]]
        if np.any(v > np.quantile(v, 0.5)):
            per_row.append(v[v > np.quantile(v, 0.5)].mean())
    loss = policy.anchored_entropy(0.5, anchor=0.2, quantile=0.5)
    np.testing.assert_allclose(loss(terms), 0.5 * (np.mean(per_row) - 0.2) ** 2, rtol=1e-5)


def test_below_the_anchor_a_step_raises_the_entropy_and_at_it_nothing_happens():
    terms, logits = siren_record(np.random.default_rng(4))

    def measured(x, loss):
        return loss.update(terms.replace(distribution=Logits(x)), loss.init())[0].metrics["nucleus_entropy"].value

    for anchor, sign in ((5.0, 1.0), (0.0, -1.0)):
        loss = policy.anchored_entropy(1.0, anchor=anchor)
        slope = jax.jit(jax.grad(lambda x, f=loss: f(terms.replace(distribution=Logits(x)))))(logits)
        moved = measured(logits - 0.01 * slope, loss) - measured(logits, loss)
        assert sign * float(moved) > 0
    loss = policy.anchored_entropy(1.0)
    value, slope = jax.jit(jax.value_and_grad(lambda x: loss(terms.replace(distribution=Logits(x)))))(logits)
    assert float(value) == 0.0 and np.all(np.asarray(slope) == 0)


def test_the_anchor_is_the_first_batch_that_holds_something():
    terms, logits = siren_record(np.random.default_rng(5))
    loss = policy.anchored_entropy(1.0)
    state = loss.init()
    assert isinstance(state, policy.EntropyAnchor)
    _, state = loss.update(terms.replace(mask=jnp.zeros_like(terms.mask)), state)
    assert not bool(state.known)
    after, state = loss.update(terms, state)
    level = after.metrics["nucleus_entropy"].value
    _, later = loss.update(terms.replace(distribution=Logits(3.0 * logits)), state)
    assert bool(later.known) and float(state.level) == float(later.level) == float(level) > 0


def test_siren_is_the_surrogate_plus_the_penalty():
    terms, _ = siren_record(np.random.default_rng(6))
    ones = jnp.ones([4, 6])
    terms = terms.replace(
        log_probs=-ones, old_log_probs=-1.1 * ones, rewards=jnp.arange(4.0), group_ids=jnp.zeros(4, jnp.int32)
    )
    surrogate = chain(policy.group_advantage(), policy.token_ratio(), policy.ppo_clip(), policy.sum_over_constant(24.0))
    penalty = policy.anchored_entropy(0.5, anchor=0.2)
    actual = policy.siren(24.0, coefficient=0.5, anchor=0.2)(terms)
    np.testing.assert_allclose(actual, surrogate(terms) + penalty(terms), rtol=1e-5)
