"""Golden records of the room `preference`."""

import jax
import jax.numpy as jnp
import numpy as np

from algax import chain, preference

SIDES = ("chosen", "rejected")


def as_arrays(inputs):
    return {name: jnp.asarray(value) for name, value in inputs.items()}


def pair_terms(x, log_probs):
    """The record's arrays under our names, with the differentiated log-probs given apart."""
    fields = {f"{side}_log_probs": log_probs[side] for side in SIDES}
    for side in SIDES:
        if f"ref_{side}_logp" in x:
            fields[f"ref_{side}_log_probs"] = x[f"ref_{side}_logp"]
        fields[f"{side}_lengths"] = x.get(f"{side}_len", jnp.ones_like(log_probs[side]))
    return preference.Terms(**fields)


def evaluate(transform, x, log_probs):
    """Loss, losses of the pairs, and gradients by the two log-probs."""

    def loss(log_probs):
        terms, _ = transform.update(pair_terms(x, log_probs), transform.init())
        return terms.loss, terms

    (value, terms), gradient = jax.jit(jax.value_and_grad(loss, has_aux=True))(log_probs)
    return value, terms, gradient


def summed(x):
    return {side: x[f"{side}_logp"] for side in SIDES}


def dpo_family(inputs, hyperparameters):
    x, h = as_arrays(inputs), hyperparameters
    beta, smoothing = h["beta"], h["label_smoothing"]
    reference_free = chain(
        preference.log_prob_score(), preference.margin(beta=beta), preference.sigmoid_link(), preference.pair_mean()
    )
    transforms = {
        "dpo": preference.dpo(beta=beta),
        "cdpo": preference.conservative_dpo(beta=beta, label_smoothing=smoothing),
        "robust": preference.robust_dpo(beta=beta, label_smoothing=smoothing),
        "ipo_sum": preference.ipo(tau=beta, score="sum"),
        "hinge": preference.slic_hinge(beta=beta),
        "exo": preference.exo(beta=beta, label_smoothing=smoothing),
        "nca": preference.nca(beta=beta),
        "sppo_hard": preference.sppo_hard(beta=beta),
        "apo_zero": preference.apo_zero(beta=beta),
        "apo_down": preference.apo_down(beta=beta),
        "aot": preference.aot(beta=beta),
        "discopop": preference.discopop(beta=beta, tau=h["discopop_tau"]),
        "dpo_reference_free": reference_free,
        "dpo_js": preference.divergence_dpo("js", beta=beta),
        # The released code's alpha is one minus the order of the divergence.
        "dpo_alpha": preference.divergence_dpo("alpha", 1.0 - h["alpha"], beta=beta),
    }
    outputs = {}
    for name, transform in transforms.items():
        _, terms, gradient = evaluate(transform, x, summed(x))
        losses = terms.pair_losses
        if name == "aot":  # the record lists the losses in the order of the sorted policy log-ratios
            losses = losses[jnp.argsort(x["chosen_logp"] - x["rejected_logp"])]
        outputs[f"loss_{name}"] = losses
        outputs |= {f"g{side}_{name}": gradient[side] for side in SIDES}
    outputs["gchosen_apo_down"] = without_cancelled(outputs["gchosen_apo_down"], outputs["grejected_apo_down"])
    return outputs


def without_cancelled(difference, part):
    """Leaves entries out that the record, computed in float32, holds with too few digits to be compared.

    The chosen gradient of apo_down is the difference of two slopes, one of which is the rejected gradient. Where they
    nearly cancel, rounding them (by up to a few units in the last place) moves the difference by more than 1e-5 of the
    largest entry.
    """
    rounding = 2 * np.finfo(np.float32).eps * jnp.abs(part)
    return difference, rounding > 1e-5 * jnp.max(jnp.abs(difference))


def dpo_norm(inputs, hyperparameters):
    x, beta = as_arrays(inputs), hyperparameters["beta"]
    dpo = preference.length_normalised_dpo(beta=beta, label_smoothing=hyperparameters["label_smoothing"])
    loss, _, gradient = evaluate(dpo, x, summed(x))
    ipo_loss, _, ipo_gradient = evaluate(preference.ipo(tau=beta), x, summed(x))
    return {
        "loss": loss,
        "gchosen": gradient["chosen"],
        "grejected": gradient["rejected"],
        "loss_ipo_norm": ipo_loss,
        "gchosen_ipo": ipo_gradient["chosen"],
        "grejected_ipo": ipo_gradient["rejected"],
    }


def kto(inputs, hyperparameters):
    x, beta = as_arrays(inputs), hyperparameters["beta"]
    reference = jnp.concatenate([x["ref_chosen_logp"], x["ref_rejected_logp"]])
    desirable = jnp.arange(reference.shape[0]) < x["chosen_logp"].shape[0]
    transform = preference.kto(
        beta=beta, desirable=hyperparameters["desirable_weight"], undesirable=hyperparameters["undesirable_weight"]
    )

    def loss(log_probs):
        terms = preference.Terms(
            log_probs=jnp.concatenate([log_probs[side] for side in SIDES]),
            ref_log_probs=reference,
            labels=desirable,
            kl_log_probs=x["kl_logp"],
            ref_kl_log_probs=x["ref_kl_logp"],
        )
        terms, _ = jax.jit(transform.update)(terms, transform.init())
        return terms.loss, terms.reference_point

    (value, point), gradient = jax.jit(jax.value_and_grad(loss, has_aux=True))(summed(x))

    # The even-sampling variant sees as many of the one kind as of the other.
    count = min(x["chosen_logp"].shape[0], x["rejected_logp"].shape[0])

    def paired(log_probs):
        return preference.paired_kto(beta=beta)(
            pair_terms({name: value[:count] for name, value in x.items()}, {k: v[:count] for k, v in log_probs.items()})
        )

    paired_value, paired_gradient = jax.jit(jax.value_and_grad(paired))(summed(x))
    return {
        "loss": value,
        "kl": point,
        "gchosen": gradient["chosen"],
        "grejected": gradient["rejected"],
        "loss_batch_kl": paired_value,
        "gchosen_batch_kl": paired_gradient["chosen"],
        "grejected_batch_kl": paired_gradient["rejected"],
    }


def reference_free(inputs, hyperparameters):
    x, h = as_arrays(inputs), hyperparameters
    means = {side: x[f"{side}_mean_logp"] for side in SIDES}
    weight = h["orpo_lambda"]
    odds_ratio = chain(
        preference.log_odds_score(),
        preference.margin(beta=1.0),
        preference.sigmoid_link(),
        preference.pair_mean(coefficient=weight),
    )
    common = {"beta": h["beta"], "gamma": h["gamma"]}
    _, plain, plain_gradient = evaluate(preference.simpo(**common), x, means)
    smooth = preference.simpo(**common, label_smoothing=h["label_smoothing"])
    _, smooth_terms, smooth_gradient = evaluate(smooth, x, means)
    _, odds, odds_gradient = evaluate(odds_ratio, x, means)
    outputs = {
        "loss_simpo": plain.pair_losses,
        "loss_simpo_smooth": smooth_terms.pair_losses,
        "loss_orpo_or_term": weight * odds.pair_losses,
        "mean_log_odds_ratio": odds.metrics["margin"].value,
    }
    gradients = {"simpo": plain_gradient, "simpo_smooth": smooth_gradient, "orpo": odds_gradient}
    return outputs | {f"g{side}_{name}": gradient[side] for name, gradient in gradients.items() for side in SIDES}


def redi(inputs, hyperparameters):
    x, h = as_arrays(inputs), hyperparameters
    common = {"alpha": h["alpha"], "chosen_coefficient": h["chosen_coef"]}
    outputs = {}
    for suffix, exponent in (("", None), ("_negweight", h["gamma"])):
        _, terms, gradient = evaluate(preference.redi(**common, negative_exponent=exponent), x, summed(x))
        outputs[f"loss{suffix}"] = terms.pair_losses
        outputs |= {f"g{side}{suffix}": gradient[side] for side in SIDES}
    return outputs


def sequence_log_probs(inputs, hyperparameters):
    del hyperparameters
    x = as_arrays(inputs)
    logits, labels, weights = x["logits"], x["labels"], x["token_weight"]

    def total(reduction):
        return lambda logits: jnp.sum(preference.sequence_log_probs(logits, labels, reduction=reduction))

    def call(**options):
        return preference.sequence_log_probs(logits, labels, **options)

    return {
        "logp_sum": call(),
        "logp_mean": call(reduction="mean"),
        "weighted_sum": call(weights=weights),
        "weighted_mean": call(weights=weights, reduction="mean"),
        "grad_sum": jax.jit(jax.grad(total("sum")))(logits),
        "grad_mean": jax.jit(jax.grad(total("mean")))(logits),
    }


ADAPTERS = {
    "pref-dpo-family": dpo_family,
    "pref-dpo-norm": dpo_norm,
    "pref-kto": kto,
    "pref-redi": redi,
    "pref-reference-free": reference_free,
    "pref-seqlogp": sequence_log_probs,
}
