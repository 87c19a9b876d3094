"""f-divergences on rehearsal, the proxy for rare tokens, and that no distribution over the vocabulary is materialised."""

import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import algax
from algax import Logits, chain, policy
from algax.policy.divergences import F_DIVERGENCES

from .compiled import loss_of, update, value_and_gradient

f_divergence = jax.jit(policy.f_divergence, static_argnums=(1, 2))

# f-divergences and rehearsal


@pytest.mark.parametrize(
    ("kind", "alpha", "u", "value"), [("js", 0.2, 2.0, 0.16990), ("alpha", 0.5, 4.0, 2.0), ("forward_kl", 0.2, 2.0, 0.30685)]
)
def test_f_divergence_of_the_worked_examples(kind, alpha, u, value):
    np.testing.assert_allclose(f_divergence(np.float32(np.log(u)), kind, alpha), value, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "slope"),
    [
        ("forward_kl", lambda u: u - 1),
        ("js", lambda u: u * np.log(2 * u / (u + 1))),
        ("alpha", lambda u: (u**0.8 - u) / -0.2),
    ],
)
def test_slopes_are_the_closed_ones(kind, slope):
    log_u = np.linspace(-3.0, 3.0, 13)
    actual = jax.jit(jax.vmap(jax.grad(lambda x: policy.f_divergence(x, kind, 0.2))))(log_u.astype(np.float32))
    np.testing.assert_allclose(actual, slope(np.exp(log_u)), rtol=1e-4, atol=1e-6)
    if kind == "js":
        np.testing.assert_allclose(jax.jit(jax.grad(lambda x: policy.f_divergence(x, "js")))(np.log(2.0)), 0.57536, atol=1e-5)


@pytest.mark.parametrize("kind", F_DIVERGENCES)
def test_f_divergences_are_never_negative_and_flat_at_equality(kind):
    log_u = np.concatenate([[0.0], np.linspace(-40.0, 40.0, 81), [-1e30, 1e30]]).astype(np.float32)
    values, slopes = jax.jit(jax.vmap(jax.value_and_grad(lambda x: policy.f_divergence(x, kind))))(log_u)
    values = np.asarray(values)
    assert abs(float(values[0])) < 1e-6 and abs(float(np.asarray(slopes)[0])) < 1e-6
    assert np.all(values[1:82] >= -1e-6)
    assert np.all(np.isfinite(values))


def test_f_divergences_in_expectation_and_at_the_ends_of_alpha():
    rng = np.random.default_rng(0)
    log_p, log_q = (x - np.log(np.exp(x).sum()) for x in rng.normal(size=[2, 6]).astype(np.float32))
    p, q = np.exp(log_p), np.exp(log_q)
    kl = np.sum(q * (log_q - log_p))
    np.testing.assert_allclose(np.sum(q * np.asarray(f_divergence(log_p - log_q, "forward_kl", 0.2))), kl, rtol=1e-5)
    middle = (p + q) / 2
    js = np.sum(p * np.log(p / middle)) + np.sum(q * np.log(q / middle))
    np.testing.assert_allclose(np.sum(q * np.asarray(f_divergence(log_p - log_q, "js", 0.2))), js, rtol=1e-5)
    u = np.array([0.3, 1.5, 4.0])
    for alpha, limit in ((0.01, u * np.log(u) - u + 1), (0.99, -np.log(u) + u - 1)):
        actual = f_divergence(np.log(u).astype(np.float32), "alpha", alpha)
        np.testing.assert_allclose(actual, limit, rtol=0.03, atol=1e-3)


def test_rehearsal_rows_contribute_the_divergence_and_nothing_else():
    rng = np.random.default_rng(1)
    log_probs, old, ref, advantages = rng.normal(size=(4, 3, 4)).astype(np.float32)
    terms = policy.Terms(old_log_probs=old, ref_log_probs=ref, advantages=advantages, rehearsal=np.array([True, False, True]))
    loss = chain(policy.token_ratio(), policy.ppo_clip(), policy.rehearsal_penalty(0.3), policy.token_mean())
    _, gradient = value_and_gradient(loss, terms, log_probs)
    plain = chain(policy.token_ratio(), policy.ppo_clip(), policy.token_mean())
    expected = np.array(value_and_gradient(plain, terms, log_probs)[1])
    expected[[0, 2]] = 0.3 * (np.exp((log_probs - ref)[[0, 2]]) - 1) / 12
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-7)


def test_split_by_solved():
    np.testing.assert_array_equal(policy.split_by_solved(np.array([8, 7, 0]), 8), [True, False, False])


# Lp-Reg


def test_min_p_proxy_of_the_worked_example():
    min_p_proxy = jax.jit(policy.min_p_proxy, static_argnums=1)
    proxy = min_p_proxy(np.log(np.array([0.6, 0.3, 0.09, 0.01], np.float32)), 0.1)
    np.testing.assert_allclose(np.exp(proxy), [0.6061, 0.3030, 0.0909, 0.0], atol=1e-4)
    whole = min_p_proxy(np.log(np.array([0.6, 0.3, 0.1], np.float32)), 0.0)
    np.testing.assert_allclose(np.exp(whole), [0.6, 0.3, 0.1], rtol=1e-6)


@jax.jit
def log_probs_of(logits, tokens):
    return Logits(logits).log_probs(tokens)


def rare_token_terms(rng, rows=6, length=5, vocabulary=7):
    old_logits = (1.5 * rng.normal(size=(rows, length, vocabulary))).astype(np.float32)
    logits = old_logits + 0.5 * rng.normal(size=old_logits.shape).astype(np.float32)
    tokens = rng.integers(0, vocabulary, (rows, length))
    return policy.Terms(
        tokens=tokens,
        mask=rng.random((rows, length)) < 0.8,
        advantages=rng.normal(size=(rows, length)).astype(np.float32),
        log_probs=log_probs_of(logits, tokens),
        old_log_probs=log_probs_of(old_logits, tokens),
        old_distribution=Logits(old_logits),
    )


def lp_reg_chain(**options):
    clip = policy.ppo_clip(low=1.0, high=9.0)
    return chain(policy.token_ratio(), clip, policy.protect_rare_tokens(**options), policy.token_mean())


def test_protect_rare_tokens_against_a_loop():
    terms, fraction, kappa, beta = rare_token_terms(np.random.default_rng(2)), 0.6, 0.1, 0.7
    lp, old_lp, a, mask = (
        np.asarray(x, np.float64) for x in (terms.log_probs, terms.old_log_probs, terms.advantages, terms.mask)
    )
    weights = np.exp(terms.old_distribution.logits.astype(np.float64))
    probabilities = weights / weights.sum(axis=-1, keepdims=True)
    negative = sorted((lp[i], *i) for i in np.ndindex(*lp.shape) if mask[i] and a[i] < 0)
    rare = {tuple(entry[1:]) for entry in negative[: int(fraction * len(negative))]}
    total, count, slopes = 0.0, 0, np.zeros_like(lp)
    for i in np.ndindex(*lp.shape):
        if not mask[i]:
            continue
        p = probabilities[i]
        kept = np.where(p >= kappa * p.max(), p, 0.0)
        q, r = (kept / kept.sum())[int(terms.tokens[i])], np.exp(lp[i] - old_lp[i])
        if i in rare and q > np.exp(lp[i]):
            count += 1
            d = np.log(q) - lp[i]
            total += -a[i] * r + beta * (np.exp(d) - d - 1)
            slopes[i] = -a[i] * r + beta * (1 - np.exp(d))
        else:
            total -= min(a[i] * r, a[i] * np.clip(r, 0.0, 10.0))
            slopes[i] = -a[i] * r
    assert 0 < count < len(rare)
    loss = lp_reg_chain(coefficient=beta, fraction=fraction, kappa=kappa)
    value, gradient = value_and_gradient(loss, terms, terms.log_probs)
    np.testing.assert_allclose(value, total / mask.sum(), rtol=1e-5)
    np.testing.assert_allclose(gradient, slopes / mask.sum(), rtol=1e-4, atol=1e-6)
    assert float(loss_of(loss, terms)) == float(loss_of(loss, terms))


def test_the_penalty_lifts_a_selected_token():
    d = np.log(0.05) - np.log(0.02)
    value, slope = jax.jit(jax.value_and_grad(lambda x: policy.f_divergence(np.log(0.05) - x)))(np.log(0.02))
    np.testing.assert_allclose([value, slope], [0.58371, -1.5], atol=1e-5)
    np.testing.assert_allclose(value, np.exp(d) - d - 1, rtol=1e-5)


def test_nothing_is_selected_without_negative_advantages_on_policy_or_for_a_single_token():
    terms = rare_token_terms(np.random.default_rng(3))
    wide = chain(policy.token_ratio(), policy.ppo_clip(low=1.0, high=9.0), policy.token_mean())
    positive = terms.replace(advantages=np.abs(terms.advantages))
    assert float(loss_of(lp_reg_chain(fraction=1.0), positive)) == float(loss_of(wide, positive))
    on_policy = terms.replace(log_probs=terms.old_log_probs)
    after = update(lp_reg_chain(fraction=1.0, kappa=0.0), on_policy)[0]
    assert float(np.abs(after.penalties).max()) < 1e-9
    assert float(loss_of(lp_reg_chain(fraction=0.1), terms)) == float(loss_of(wide, terms))  # at most one token: none


# Memory

ROWS, LENGTH, VOCABULARY, WIDTH, CHUNK = 5, 7, 11, 3, 5


def materialises(loss, output):
    """Whether the compiled gradient holds an array with as many elements as all logits."""
    rng = np.random.default_rng(0)
    hidden = jnp.asarray(rng.normal(size=(ROWS, LENGTH, WIDTH)), jnp.float32)
    kernel = jnp.asarray(rng.normal(size=(WIDTH, VOCABULARY)), jnp.float32)
    normal = jnp.asarray(rng.normal(size=(ROWS, LENGTH)), jnp.float32)
    terms = policy.Terms(
        inputs=hidden,
        tokens=jnp.asarray(rng.integers(0, VOCABULARY, (ROWS, LENGTH))),
        rewards=normal[:, 0],
        group_ids=jnp.zeros([ROWS], jnp.int32),
        old_log_probs=normal,
        ref_log_probs=normal,
        rehearsal=jnp.arange(ROWS) < 2,
    )
    forward = policy.forward(lambda kernel, hidden: output(hidden, kernel))
    tx = algax.gradient(loss, forward)

    def step(kernel, terms):
        other = output(terms.inputs + 1.0, kernel)
        terms = terms.replace(old_distribution=other, ref_distribution=other)
        return tx.update(None, tx.init(kernel), kernel, terms=terms, key=jax.random.key(0))

    text = jax.jit(step).lower(kernel, terms).compile().as_text()
    sizes = {math.prod(map(int, shape.split(","))) for shape in re.findall(r"\[(\d+(?:,\d+)*)\]", text)}
    return ROWS * LENGTH * VOCABULARY in sizes


@pytest.mark.parametrize(
    "loss",
    [
        policy.lp_reg(fraction=0.5),
        policy.lp_reg(fraction=0.5, proxy="current"),
        policy.dph(),
        policy.siren(48.0, anchor=0.1),
        policy.steer(),
        algax.chain(policy.reward_advantage(), policy.policy_gradient(), policy.full_kl_penalty(0.1), policy.token_mean()),
    ],
    ids=lambda loss: loss.name,
)
def test_no_distribution_over_the_vocabulary_is_materialised(loss):
    assert not materialises(loss, lambda hidden, kernel: algax.FactoredLogits(hidden, kernel, chunk_size=CHUNK))
    assert materialises(loss, lambda hidden, kernel: Logits(hidden @ kernel))  # the test can fail
