"""Scores, margins, links and pair presets: stated values, invariants and float64 oracles."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algax import chain, preference

RNG = np.random.default_rng(3)
DATA = {
    name: -RNG.uniform(1.0, 9.0, 5).astype(np.float32)
    for name in ("chosen_log_probs", "rejected_log_probs", "ref_chosen_log_probs", "ref_rejected_log_probs")
} | {"chosen_lengths": np.array([3, 7, 1, 4, 2], np.float32), "rejected_lengths": np.array([5, 2, 9, 4, 1], np.float32)}
WIDE = {name: value.astype(np.float64) for name, value in DATA.items()}
H_W = WIDE["chosen_log_probs"] - WIDE["ref_chosen_log_probs"]
H_L = WIDE["rejected_log_probs"] - WIDE["ref_rejected_log_probs"]
SBAR_W = WIDE["chosen_log_probs"] / WIDE["chosen_lengths"]
SBAR_L = WIDE["rejected_log_probs"] / WIDE["rejected_lengths"]


def logsig(x):
    return -np.logaddexp(0.0, -x)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def terms(**changes):
    return preference.Terms(**(DATA | changes))


def scalars(chosen, rejected, ref_chosen=0.0, ref_rejected=0.0, chosen_length=1.0, rejected_length=1.0):
    values = (chosen, rejected, ref_chosen, ref_rejected, chosen_length, rejected_length)
    return preference.Terms(**{name: np.array([value], np.float32) for name, value in zip(DATA, values, strict=True)})


def loss_of(transform, batch):
    return np.asarray(jax.jit(transform)(batch))


def blend(z, tau):
    m = sigmoid(z / tau)
    return -(1 - m) * logsig(z) + m * np.exp(-z)


def odds(log_p):
    return log_p - np.log1p(-np.exp(log_p))


Z = 0.3 * (H_W - H_L)
NLL = -WIDE["chosen_log_probs"].sum() / WIDE["chosen_lengths"].sum()
ORACLES = {
    "dpo": (preference.dpo(beta=0.3), -logsig(Z)),
    "conservative_dpo": (
        preference.conservative_dpo(beta=0.3, label_smoothing=0.2),
        -0.8 * logsig(Z) - 0.2 * logsig(-Z),
    ),
    "robust_dpo": (
        preference.robust_dpo(beta=0.3, label_smoothing=0.2),
        (-0.8 * logsig(Z) + 0.2 * logsig(-Z)) / 0.6,
    ),
    "slic_hinge": (preference.slic_hinge(beta=0.3), np.maximum(0, 1 - Z)),
    "ipo_sum": (preference.ipo(tau=0.3, score="sum"), (H_W - H_L - 1 / 0.6) ** 2),
    "ipo": (
        preference.ipo(tau=0.3),
        (H_W / WIDE["chosen_lengths"] - H_L / WIDE["rejected_lengths"] - 1 / 0.6) ** 2,
    ),
    "length_normalised_dpo": (
        preference.length_normalised_dpo(beta=2.0),
        -logsig(2 * (H_W / WIDE["chosen_lengths"] - H_L / WIDE["rejected_lengths"])),
    ),
    "simpo": (preference.simpo(beta=2.0, gamma=0.7), -logsig(2 * (SBAR_W - SBAR_L) - 0.7)),
    "cpo": (
        preference.cpo(beta=0.3, nll_coefficient=0.5),
        -logsig(0.3 * (WIDE["chosen_log_probs"] - WIDE["rejected_log_probs"])) + 0.5 * NLL,
    ),
    "orpo": (preference.orpo(coefficient=0.2), NLL - 0.2 * logsig(odds(SBAR_W) - odds(SBAR_L))),
    "exo": (
        preference.exo(beta=0.3, label_smoothing=0.2),
        sigmoid(Z) * (logsig(Z) - np.log(0.8)) + sigmoid(-Z) * (logsig(-Z) - np.log(0.2)),
    ),
    "nca": (preference.nca(beta=0.3), -logsig(0.3 * H_W) - 0.5 * logsig(-0.3 * H_W) - 0.5 * logsig(-0.3 * H_L)),
    "sppo_hard": (preference.sppo_hard(beta=0.3), (H_W - 1 / 0.6) ** 2 + (H_L + 1 / 0.6) ** 2),
    "apo_zero": (preference.apo_zero(beta=0.3), 1 - sigmoid(0.3 * H_W) + sigmoid(0.3 * H_L)),
    "apo_down": (preference.apo_down(beta=0.3), sigmoid(0.3 * H_W) + 1 - sigmoid(Z)),
    "discopop": (preference.discopop(beta=0.3, tau=0.2), blend(Z, 0.2)),
    "divergence_dpo": (
        preference.divergence_dpo("forward_kl", beta=0.3),
        -logsig(0.3 * (-np.exp(-H_W) + np.exp(-H_L))),
    ),
    "redi": (preference.redi(alpha=0.6), -SBAR_W + 0.6 * SBAR_L),
}


@pytest.mark.parametrize("name", ORACLES)
def test_every_preset_equals_its_formula(name):
    transform, losses = ORACLES[name]
    np.testing.assert_allclose(loss_of(transform, terms()), losses.mean(), rtol=1e-5)


@pytest.mark.parametrize("name", ORACLES)
def test_padding_and_garbage_behind_the_mask_change_nothing(name):
    transform, _ = ORACLES[name]
    padded = {k: np.append(v, np.nan).astype(np.float32) for k, v in DATA.items()}
    mask = np.array([True] * 5 + [False])

    def loss(chosen):
        return transform(terms(**{**padded, "chosen_log_probs": chosen}).replace(mask=mask))

    value, gradient = jax.device_get(jax.jit(jax.value_and_grad(loss))(padded["chosen_log_probs"]))
    np.testing.assert_allclose(value, loss_of(transform, terms()), rtol=1e-6)
    assert np.all(np.isfinite(gradient)) and gradient[-1] == 0


REFERENCE_PRESETS = [name for name in ORACLES if name not in ("simpo", "cpo", "orpo", "redi")]


@pytest.mark.parametrize("name", REFERENCE_PRESETS)
def test_a_shift_of_policy_and_reference_together_changes_nothing(name):
    transform, _ = ORACLES[name]
    shifted = {key: DATA[key] + np.float32(1.5) for key in ("chosen_log_probs", "ref_chosen_log_probs")}
    np.testing.assert_allclose(loss_of(transform, terms(**shifted)), loss_of(transform, terms()), rtol=1e-4)


def test_stated_values_at_the_reference():
    at_reference = scalars(-3.0, -4.0, -3.0, -4.0)
    presets = preference.dpo(), preference.ipo(tau=0.1, score="sum"), preference.apo_zero()
    values = jax.jit(lambda batch: [preset(batch) for preset in presets])(at_reference)
    np.testing.assert_allclose(values, [np.log(2), 25.0, 1.0], rtol=1e-6)
    np.testing.assert_allclose(loss_of(preference.dpo(beta=0.5), scalars(2.0, 0.0)), 0.313262, rtol=1e-5)


def gradients(transform, batch):
    def loss(chosen, rejected):
        return transform(batch.replace(chosen_log_probs=chosen, rejected_log_probs=rejected))

    return jax.device_get(jax.jit(jax.grad(loss, argnums=(0, 1)))(batch.chosen_log_probs, batch.rejected_log_probs))


def test_dpo_slopes_are_the_pair_weights():
    chosen, rejected = gradients(preference.dpo(beta=0.3), terms())
    weights = np.asarray(jax.jit(preference.pair_weights)(Z.astype(np.float32)))
    np.testing.assert_allclose(weights, sigmoid(-Z), rtol=1e-5)
    np.testing.assert_allclose(chosen, -0.3 * weights / 5, rtol=1e-5)
    np.testing.assert_allclose(rejected, 0.3 * weights / 5, rtol=1e-5)
    half, _ = gradients(preference.dpo(beta=0.2), scalars(-3.0, -4.0, -3.0, -4.0))
    np.testing.assert_allclose(half, -0.1, rtol=1e-6)


def test_smoothing_of_zero_is_dpo_and_smoothed_dpo_is_least_at_the_log_odds_of_the_labels():
    plain = loss_of(ORACLES["dpo"][0], terms())
    for transform in (preference.conservative_dpo, preference.robust_dpo):
        np.testing.assert_allclose(loss_of(transform(beta=0.3, label_smoothing=0.0), terms()), plain, rtol=1e-6)
    best = np.log(0.9 / 0.1)
    slope, _ = gradients(preference.conservative_dpo(beta=1.0, label_smoothing=0.1), scalars(best, 0.0))
    np.testing.assert_allclose(slope, 0.0, atol=1e-6)


def test_hinge_stops_at_a_margin_of_one():
    chosen, rejected = gradients(preference.slic_hinge(beta=1.0), scalars(1.5, 0.0))
    assert chosen == 0 and rejected == 0


def test_simpo_without_target_equals_length_normalised_dpo_under_a_uniform_reference():
    uniform = {f"ref_{side}_log_probs": -1.3 * DATA[f"{side}_lengths"] for side in ("chosen", "rejected")}
    simpo = loss_of(preference.simpo(beta=2.0, gamma=0.0), terms())
    np.testing.assert_allclose(loss_of(ORACLES["length_normalised_dpo"][0], terms(**uniform)), simpo, rtol=1e-5)


def test_discopop_mixes_half_and_half_for_large_tau():
    expected = (-logsig(Z) + np.exp(-Z)).mean() / 2
    np.testing.assert_allclose(loss_of(preference.discopop(beta=0.3, tau=1e6), terms()), expected, rtol=1e-5)


def test_odds_near_certainty_stay_finite():
    of_chosen = jax.jit(jax.value_and_grad(lambda x: preference.orpo()(scalars(0.0, -1.0).replace(chosen_log_probs=x))))
    for log_p in (-1e-4, -1e-9, 0.0):
        value, gradient = of_chosen(np.array([log_p], np.float32))
        assert np.isfinite(value) and np.all(np.isfinite(gradient))


def test_redi_stated_values_and_constant_slopes():
    batch = scalars(-4.0, -6.0, chosen_length=4.0, rejected_length=3.0)
    redi = preference.redi(alpha=0.8)
    np.testing.assert_allclose(loss_of(redi, batch), -0.6, rtol=1e-6)
    np.testing.assert_allclose(loss_of(preference.redi(alpha=0.8, negative_exponent=1.0), batch), 0.783464, rtol=1e-5)
    chosen, rejected = gradients(redi, terms())
    np.testing.assert_allclose(chosen, -1 / (5 * DATA["chosen_lengths"]), rtol=1e-6)
    np.testing.assert_allclose(rejected, 0.8 / (5 * DATA["rejected_lengths"]), rtol=1e-6)
    _, untouched = gradients(preference.redi(alpha=0.0), terms())
    np.testing.assert_array_equal(untouched, 0.0)


@pytest.mark.parametrize(
    ("reduction", "expected"),
    [
        ("token_mean", NLL),
        ("sequence_mean", -SBAR_W.mean()),
        ("sequence_sum", -WIDE["chosen_log_probs"].mean()),
    ],
)
def test_chosen_nll(reduction, expected):
    loss = preference.chosen_nll(reduction=reduction, coefficient=2.0)
    np.testing.assert_allclose(loss_of(loss, terms()), 2 * expected, rtol=1e-6)


def test_chosen_nll_needs_no_lengths_for_sums():
    assert preference.chosen_nll(reduction="sequence_sum").requires == ("chosen_log_probs",)


def test_margin_metrics():
    scored = chain(preference.log_ratio_score(), preference.margin(beta=0.3, gamma=1.0))
    result, _ = jax.jit(scored.update)(terms(), scored.init())
    np.testing.assert_allclose(result.metrics["margin"].value, Z.mean(), rtol=1e-5)
    np.testing.assert_allclose(result.metrics["accuracy"].value, (Z > 0).mean())
    rewards = preference.implicit_rewards(result.chosen_log_probs, result.ref_chosen_log_probs, 0.3)
    np.testing.assert_allclose(rewards, 0.3 * H_W, rtol=1e-5)


QUANTILE_MARGIN = preference.quantile_margin(beta=0.5)


@settings(deadline=None, max_examples=15)
@given(st.lists(st.integers(-1000, 1000), min_size=5, max_size=5), st.lists(st.integers(-1000, 1000), min_size=5, max_size=5))
def test_quantile_margin_pairs_sorted_with_sorted(policy, reference):
    batch = terms(
        chosen_log_probs=np.array(policy, np.float32) / 64,
        rejected_log_probs=np.zeros(5, np.float32),
        ref_chosen_log_probs=np.array(reference, np.float32) / 64,
        ref_rejected_log_probs=np.zeros(5, np.float32),
    )
    result, _ = jax.jit(QUANTILE_MARGIN.update)(batch, ())
    expected = 0.5 * (np.sort(np.array(policy)) - np.sort(np.array(reference))) / 64
    order = np.argsort(np.array(policy), kind="stable")
    np.testing.assert_allclose(np.asarray(result.margins)[order], expected, rtol=1e-6)


def test_aot_with_masked_pairs_and_order():
    transform = preference.aot(beta=0.3, label_smoothing=0.1)
    p = WIDE["chosen_log_probs"] - WIDE["rejected_log_probs"]
    q = WIDE["ref_chosen_log_probs"] - WIDE["ref_rejected_log_probs"]
    z = 0.3 * (np.sort(p) - np.sort(q))
    expected = (-0.9 * logsig(z) - 0.1 * logsig(-z)).mean()
    np.testing.assert_allclose(loss_of(transform, terms()), expected, rtol=1e-5)
    order = np.array([3, 0, 4, 2, 1])
    np.testing.assert_allclose(loss_of(transform, terms(**{k: v[order] for k, v in DATA.items()})), expected, rtol=1e-5)
    padded = {k: np.insert(v, 2, np.float32(-1e3)) for k, v in DATA.items()}
    mask = np.array([True, True, False, True, True, True])
    np.testing.assert_allclose(loss_of(transform, terms(**padded).replace(mask=mask)), expected, rtol=1e-5)


def test_aot_equals_dpo_when_the_ranks_agree():
    batch = scalars(-3.0, -4.0, -3.5, -4.0)
    np.testing.assert_allclose(loss_of(preference.aot(), batch), loss_of(preference.dpo(), batch), rtol=1e-6)
