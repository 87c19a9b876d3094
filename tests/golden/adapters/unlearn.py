"""Golden records of the room `unlearn`."""

import jax
import jax.numpy as jnp

import algax
from algax import unlearn


def npo(inputs, hyperparameters):
    beta = hyperparameters["beta"]
    seq_nll, reference = jnp.asarray(inputs["seq_nll"]), jnp.asarray(inputs["ref_seq_nll"])
    retain = -jnp.asarray(inputs["retain_nll"]).reshape(1, 1)

    def loss(seq_nll, transform):
        terms = unlearn.Terms(forget_log_probs=-seq_nll[:, None], ref_forget_log_probs=-reference[:, None])
        return transform(terms.replace(retain_log_probs=retain))

    both = unlearn.npo_retain(beta=beta, gamma=hyperparameters["gamma"], alpha=hyperparameters["alpha"])
    value, gradient = jax.jit(jax.value_and_grad(loss), static_argnums=1)(seq_nll, unlearn.npo(beta=beta))
    return {
        "loss": value,
        "grad_seq_nll": gradient,
        "weights": unlearn.npo_weights(reference - seq_nll, beta),
        "npo_rt": loss(seq_nll, both),
    }


def pieces(inputs, hyperparameters):
    arrays = {name: jnp.asarray(value) for name, value in inputs.items()}
    # Retain logits come with one position more, which predicts nothing.
    logits = {
        "forget": arrays["forget_logits"],
        "idk": arrays["idk_logits"],
        "retain": arrays["retain_logits"][:, :-1],
    }
    reference = {"forget": arrays["ref_forget_logits"], "idk": arrays["ref_idk_logits"]}
    tokens = {f"{kind}_tokens": arrays[f"{kind}_targets"] for kind in logits}
    masks = {f"{kind}_mask": arrays[f"{kind}_mask"] != 0.0 for kind in logits}
    forward = unlearn.forward(lambda params, inputs: inputs)

    def fill(logits, **fields):
        return forward(None, unlearn.Terms(inputs=logits, **(fields or {**tokens, **masks})))

    ref = fill({**logits, **reference})
    data = {
        "ref_forget_log_probs": ref.forget_log_probs,
        "ref_idk_log_probs": ref.idk_log_probs,
        "ref_forget_distribution": ref.forget_distribution,
    }

    def standard(transform):
        return lambda logits: transform(fill(logits).replace(**data))

    def kl_over_all_positions(logits):
        distributions = [algax.Logits(x) for x in (logits["retain"], arrays["ref_retain_logits"])]
        terms = unlearn.Terms(retain_distribution=distributions[0], ref_retain_distribution=distributions[1])
        return unlearn.retain_kl()(terms)

    def undial_over_all_positions(logits):
        counted = jnp.where(masks["forget_mask"], tokens["forget_tokens"], 0)
        terms = fill({"forget": logits["forget"]}, forget_tokens=counted)
        terms = terms.replace(ref_forget_distribution=data["ref_forget_distribution"])
        return unlearn.undial(strength=hyperparameters["undial_beta"])(terms)

    h = hyperparameters
    losses = {
        "grad_ascent": (standard(unlearn.gradient_ascent()), ["forget"]),
        "grad_diff": (standard(unlearn.gradient_difference()), ["forget", "retain"]),
        "kl_retain_all_positions": (kl_over_all_positions, ["retain"]),
        "npo": (standard(unlearn.npo(beta=h["npo_beta"])), ["forget"]),
        "simnpo": (standard(unlearn.simnpo(beta=h["simnpo_beta"], margin=h["simnpo_margin"])), ["forget"]),
        "idk_dpo": (standard(unlearn.idk_dpo(beta=h["dpo_beta"])), ["idk", "forget"]),
        "idk_sft": (standard(unlearn.idk_sft()), ["idk", "retain"]),
        "wga": (standard(unlearn.weighted_gradient_ascent(beta=h["wga_beta"])), ["forget"]),
        "satimp": (
            standard(unlearn.satimp(saturation=h["satimp_beta1"], importance=h["satimp_beta2"])),
            ["forget"],
        ),
        "undial_all_positions": (undial_over_all_positions, ["forget"]),
        "ceu_skip_first": (standard(unlearn.ce_u(ignore_first=h["ceu_ignore_first"])), ["forget"]),
    }
    outputs = {}
    for name, (loss, kinds) in losses.items():
        at = {**logits, "retain": arrays["retain_logits"]} if name == "kl_retain_all_positions" else logits
        outputs[name], gradient = jax.jit(jax.value_and_grad(loss))(at)
        outputs |= {f"d__{name}__{kind}_logits": gradient[kind] for kind in kinds}
    return outputs


ADAPTERS = {"npo": npo, "unlearn_pieces": pieces}
