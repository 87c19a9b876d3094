"""Examples of the room `preference`."""

import jax
import jax.numpy as jnp
import numpy as np

from algax import chain, preference

from ..kinds import Helper, LossExample, LossRoom

FEATURES = 3
KINDS = ("chosen", "rejected", "unpaired", "kl")


def terms(rng, rows):
    def numbers(*shape):
        return jnp.asarray(rng.normal(size=shape), jnp.float32)

    masks = {name: np.ones(rows, bool) for name in ("mask", "unpaired_mask", "kl_mask")}
    for i, mask in enumerate(masks.values()):
        mask[i] = False
    return preference.Terms(
        inputs={kind: numbers(rows, FEATURES) for kind in KINDS},
        ref_chosen_log_probs=numbers(rows) - 4.0,
        ref_rejected_log_probs=numbers(rows) - 4.0,
        chosen_lengths=jnp.asarray(rng.integers(1, 6, rows), jnp.float32),
        rejected_lengths=jnp.asarray(rng.integers(1, 6, rows), jnp.float32),
        labels=jnp.arange(rows) % 2 == 0,
        ref_log_probs=numbers(rows) - 4.0,
        ref_kl_log_probs=numbers(rows) - 5.0,
        prompt_values=numbers(rows),
        success_rates=jnp.asarray(rng.uniform(size=rows), jnp.float32),
        **{name: jnp.asarray(mask) for name, mask in masks.items()},
    )


def params(rng):
    return {"weights": jnp.asarray(rng.normal(size=FEATURES), jnp.float32)}


def forward(params, terms, key):
    """Log-probs below -1, smooth in the parameters."""
    del key
    values = {kind: -1.0 - jax.nn.softplus(x @ params["weights"].astype(x.dtype) + 3.0) for kind, x in terms.inputs.items()}
    return terms.replace(
        chosen_log_probs=values["chosen"],
        rejected_log_probs=values["rejected"],
        log_probs=values["unpaired"],
        kl_log_probs=values["kl"],
    )


def _far(shift):
    def change(batch):
        return batch.replace(
            ref_chosen_log_probs=batch.ref_chosen_log_probs + shift,
            ref_rejected_log_probs=batch.ref_rejected_log_probs - shift,
            ref_log_probs=batch.ref_log_probs + shift,
            ref_kl_log_probs=batch.ref_kl_log_probs - shift,
        )

    return change


def _empty_responses(batch):
    zeros = jnp.zeros_like(batch.chosen_lengths)
    return batch.replace(chosen_lengths=zeros, rejected_lengths=zeros)


ROOM = LossRoom(
    terms,
    params,
    forward,
    {"log-ratios of -1e4": _far(1e4), "log-ratios of 1e4": _far(-1e4), "lengths of 0": _empty_responses},
)


def scored(transform):
    """Completes a score into a chain."""
    return chain(transform, preference.margin(), preference.sigmoid_link(), preference.pair_mean())


def linked(transform):
    """Completes a link on margins."""
    return chain(preference.log_ratio_score(), preference.margin(beta=0.7), transform, preference.pair_mean())


def linked_to_scores(transform):
    """Completes a link on scores."""
    return chain(preference.log_ratio_score(), transform, preference.pair_mean())


def with_margins(transform):
    return chain(preference.log_ratio_score(), transform, preference.sigmoid_link(), preference.pair_mean())


def unpaired(*before, after=()):
    return lambda transform: chain(*before, transform, *after, preference.unpaired_mean())


SCORES, POINT = preference.unpaired_log_ratio_score(), preference.reference_point()
BETA = ({"beta": 0.0}, {"beta": "0.1"})
SMOOTHING = ({"label_smoothing": -0.1}, {"label_smoothing": 1.0})
COEFFICIENT = ({"coefficient": -1.0},)
BETA_EXAMPLE = LossExample({"beta": 0.7}, bad=BETA)
KTO_BAD = (*BETA, {"desirable": -1.0}, {"undesirable": -1.0})

EXAMPLES = {
    "Divergence": Helper("preference/test_divergences.py"),
    "Sequences": Helper("preference/test_sequences.py"),
    "Terms": Helper("preference/test_sequences.py"),
    "divergence": Helper("preference/test_divergences.py"),
    **dict.fromkeys(
        ("LengthBalance", "claim_scores", "length_balance", "mean_implicit_rewards", "score_pairs"),
        Helper("preference/test_claims.py"),
    ),
    "delta_pairs": Helper("preference/test_delta.py"),
    "forward": Helper("preference/test_sequences.py"),
    "implicit_rewards": Helper("preference/test_pairs.py"),
    "pair_weights": Helper("preference/test_pairs.py"),
    "sequence_log_probs": Helper("preference/test_sequences.py"),
    # scores
    "log_prob_score": LossExample(around=scored),
    "mean_log_prob_score": LossExample(around=scored),
    "log_ratio_score": LossExample(around=scored),
    "mean_log_ratio_score": LossExample(around=scored),
    "log_odds_score": LossExample(around=scored),
    "divergence_score": LossExample(
        {"divergence": "alpha", "order": 0.5},
        around=scored,
        bad=({"divergence": "total_variation"}, {"divergence": "kl"}, {"order": 0.5}),
    ),
    "unpaired_log_ratio_score": LossExample(around=unpaired(after=(POINT, preference.kto_link())), surrogate_gradient=True),
    # margins
    "margin": LossExample({"beta": 0.7, "gamma": 0.2}, around=with_margins, bad=(*BETA, {"gamma": float("inf")})),
    "quantile_margin": LossExample(
        {"beta": 0.7},
        around=lambda transform: chain(transform, preference.sigmoid_link(), preference.pair_mean()),
        bad=BETA,
    ),
    "reference_point": LossExample(around=unpaired(SCORES, after=(preference.kto_link(beta=0.7),)), surrogate_gradient=True),
    # links
    "sigmoid_link": LossExample({"label_smoothing": 0.2}, around=linked, bad=SMOOTHING),
    "robust_link": LossExample({"label_smoothing": 0.2}, around=linked, bad=({"label_smoothing": 0.5},)),
    "hinge_link": LossExample(around=linked),
    "squared_link": LossExample({"tau": 0.5}, around=linked, bad=({"tau": 0.0},)),
    "exo_link": LossExample({"label_smoothing": 0.2}, around=linked, bad=({"label_smoothing": 0.0},)),
    "discopop_link": LossExample({"tau": 0.5}, around=linked, bad=({"tau": 0.0},)),
    "nca_link": LossExample({"beta": 0.7}, around=linked_to_scores, bad=BETA),
    "sppo_link": LossExample({"beta": 0.7}, around=linked_to_scores, bad=BETA),
    "apo_zero_link": LossExample({"beta": 0.7}, around=linked_to_scores, bad=BETA),
    "apo_down_link": LossExample({"beta": 0.7}, around=linked_to_scores, bad=BETA),
    "linear_link": LossExample(
        {"negative_exponent": 0.5},
        around=lambda transform: chain(preference.mean_log_prob_score(), transform, preference.pair_mean()),
        bad=({"alpha": -1.0}, {"chosen_coefficient": -1.0}, {"negative_exponent": -1.0}),
    ),
    "paired_kto_link": LossExample({"beta": 0.7}, around=linked_to_scores, bad=BETA),
    "kto_link": LossExample(
        {"beta": 0.7, "undesirable": 1.33}, around=unpaired(SCORES, POINT), bad=KTO_BAD, surrogate_gradient=True
    ),
    # supervised training as imitation
    "imitation_link": LossExample(
        {"divergence": "js", "beta": 0.7}, around=unpaired(SCORES), bad=(*BETA, {"divergence": "forward_kl"})
    ),
    "divergence_sft": LossExample({"beta": 0.7}, bad=(*BETA, {"divergence": "forward_kl"})),
    "unpaired_log_prob_score": LossExample(around=unpaired(after=(preference.imitation_link(),))),
    "coverage_link": LossExample(
        {"n": 4}, around=unpaired(preference.unpaired_log_prob_score()), bad=({"n": 0},), surrogate_gradient=True
    ),
    "dco": LossExample({"n": 4}, bad=({"n": 0}, {"n": 1.5}), surrogate_gradient=True),
    "implicit_values": Helper("preference/test_imitation.py"),
    "implicit_token_rewards": Helper("preference/test_imitation.py"),
    # reductions
    "pair_mean": LossExample(
        {"coefficient": 0.5},
        around=lambda transform: chain(preference.log_ratio_score(), preference.margin(), preference.sigmoid_link(), transform),
        bad=COEFFICIENT,
    ),
    "unpaired_mean": LossExample(
        {"coefficient": 0.5},
        around=lambda transform: chain(SCORES, POINT, preference.kto_link(), transform),
        bad=COEFFICIENT,
        surrogate_gradient=True,
    ),
    "count_chosen_tokens": LossExample(around=lambda transform: chain(transform, preference.chosen_nll().transforms[1])),
    "chosen_nll": LossExample({"coefficient": 0.5}, bad=({"reduction": "mean"}, *COEFFICIENT)),
    # presets
    "dpo": BETA_EXAMPLE,
    "divergence_dpo": LossExample({"divergence": "js"}, bad=(*BETA, {"divergence": "kl"})),
    "conservative_dpo": LossExample(bad=(*BETA, *SMOOTHING)),
    "robust_dpo": LossExample(bad=(*BETA, {"label_smoothing": 0.5})),
    "slic_hinge": BETA_EXAMPLE,
    "ipo": LossExample(bad=({"tau": 0.0}, {"score": "median"})),
    "length_normalised_dpo": LossExample({"label_smoothing": 0.1}, bad=(*BETA, *SMOOTHING)),
    "simpo": LossExample(bad=(*BETA, *SMOOTHING, {"gamma": float("nan")})),
    "cpo": LossExample(bad=(*BETA, {"nll_coefficient": -1.0})),
    "orpo": LossExample(bad=COEFFICIENT),
    "redi": LossExample(bad=({"alpha": -1.0}, {"chosen_coefficient": -1.0}, {"negative_exponent": -1.0})),
    "exo": LossExample(bad=(*BETA, {"label_smoothing": 0.0})),
    "nca": BETA_EXAMPLE,
    "sppo_hard": BETA_EXAMPLE,
    "apo_zero": BETA_EXAMPLE,
    "apo_down": BETA_EXAMPLE,
    "discopop": LossExample({"tau": 0.5}, bad=(*BETA, {"tau": 0.0})),
    "aot": LossExample({"beta": 0.7, "label_smoothing": 0.1}, bad=(*BETA, *SMOOTHING)),
    "kto": LossExample({"undesirable": 1.33}, bad=KTO_BAD, surrogate_gradient=True),
    "paired_kto": BETA_EXAMPLE,
}
