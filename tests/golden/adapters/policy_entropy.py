"""Golden records of the room `policy`: methods that keep or steer the entropy."""

import jax
import jax.numpy as jnp
import numpy as np

from algax import Logits, chain, policy

REDUCTIONS = {
    "token-mean": policy.token_mean,
    "seq-mean-token-sum": policy.sequence_mean_token_sum,
    "seq-mean-token-mean": policy.sequence_mean_token_mean,
}


def arrays(inputs):
    return {name.removeprefix("in_"): jnp.asarray(value) for name, value in inputs.items()}


def record(x, **fields):
    """The fields most records have, of the names they have there."""
    known = {"mask": "mask", "old_log_probs": "old_logp", "ref_log_probs": "ref_logp", "advantages": "token_advantages"}
    return policy.Terms(**{field: x[name] for field, name in known.items() if name in x}, **fields)


def value_and_gradient(loss, terms, log_probs):
    return jax.jit(jax.value_and_grad(lambda value: loss(terms.replace(log_probs=value))))(log_probs)


def clip_cov(inputs, hyperparameters):
    x, h = arrays(inputs), hyperparameters
    loss = chain(
        policy.token_ratio(),
        policy.ppo_clip(low=h["clip_low"], high=h["clip_high"]),
        policy.drop_covariant(fraction=h["fraction"], low=h["low"], high=h["high"]),
        REDUCTIONS[h["aggregate"]](),
    )
    terms = record(x, key=jax.random.key(0))
    value, gradient = value_and_gradient(loss, terms, x["logp"])
    covariance = policy.token_covariance(terms.replace(log_probs=x["logp"]).prepare())
    return {"out_loss": value, "out_grad_logp": gradient, "out_covariance": covariance}


def kl_cov(inputs, hyperparameters):
    x, h = arrays(inputs), hyperparameters
    loss = chain(
        policy.token_ratio(),
        policy.importance_weighted(),
        policy.penalise_covariant(h["kl_coef"], fraction=h["fraction"]),
        REDUCTIONS[h["aggregate"]](),
    )
    value, gradient = value_and_gradient(loss, record(x), x["logp"])
    return {"out_loss": value, "out_grad_logp": gradient}


def lp_reg(inputs, hyperparameters):
    x, h = arrays(inputs), hyperparameters
    loss = chain(
        policy.token_ratio(),
        policy.ppo_clip(low=h["clip_low"], high=h["clip_high"]),
        policy.protect_rare_tokens(h["coef"], fraction=h["neg_fraction"], kappa=h["min_p"]),
        policy.token_mean(),
    )
    terms = record(x, tokens=x["tokens"], old_distribution=Logits(x["old_logits"]))
    value, gradient = value_and_gradient(loss, terms, x["logp"])
    proxy = policy.min_p_proxy(jax.nn.log_softmax(x["old_logits"]), h["min_p"])
    proxy = jnp.take_along_axis(proxy, x["tokens"][..., None], axis=-1)[..., 0]
    dropped = jnp.isneginf(proxy)  # there released code has a large negative number
    return {"out_loss": value, "out_grad_logp": gradient, "out_proxy_logp": (proxy, dropped)}


def f_divergence(inputs, hyperparameters):
    x, alpha = arrays(inputs), hyperparameters["alpha"]
    outputs = {}
    for kind in ("forward_kl", "js", "alpha"):
        loss = chain(policy.rehearsal_penalty(1.0, kind=kind, alpha=alpha), REDUCTIONS[hyperparameters["aggregate"]]())
        terms = record(x, rehearsal=jnp.ones(x["logp"].shape[0]))
        outputs[f"out_{kind}"] = policy.f_divergence(x["logp"] - x["ref_logp"], kind, alpha)
        outputs[f"out_{kind}_loss"], outputs[f"out_{kind}_grad_logp"] = value_and_gradient(loss, terms, x["logp"])
    return outputs


def siren(inputs, hyperparameters):
    x, h = arrays(inputs), hyperparameters
    settings = {"p": h["top_p"], "nucleus": "exclusive"}
    loss = policy.anchored_entropy(h["coef"], anchor=h["anchor"], quantile=h["quantile"], **settings)

    def penalty(logits):
        return loss(policy.Terms(mask=x["mask"], distribution=Logits(logits)))

    entropies = policy.nucleus_entropies(Logits(x["logits"]), **settings)
    kept, bounds = policy.peak_mask(entropies, x["mask"] > 0, h["quantile"])
    after, _ = loss.update(policy.Terms(mask=x["mask"], distribution=Logits(x["logits"])), loss.init())
    value, gradient = jax.jit(jax.value_and_grad(penalty))(x["logits"])
    return {
        "out_top_p_entropy": entropies,
        "out_peak_mask": kept.astype(jnp.float32),
        "out_lower_bound": bounds[:, None],
        "out_entropy_mean": after.metrics["nucleus_entropy"].value,
        "out_penalty": value,
        "out_grad_logits": gradient,
    }


def steer(inputs, hyperparameters):
    x, h = arrays(inputs), hyperparameters
    outputs = {}
    for name, mode in (("linear", "linear"), ("exp", "exponential")):
        loss = chain(
            policy.token_ratio(),
            policy.ppo_clip(low=h["clip_low"], high=h["clip_high"], dual=h["dual_clip_c"]),
            policy.entropy_change_weights(mode=mode, lowest=h[name]["min"], highest=h[name]["max"]),
            policy.token_mean(),
        )
        terms = record(x, entropies=x["entropy"])
        outputs[f"out_loss_{name}"], outputs[f"out_grad_logp_{name}"] = value_and_gradient(loss, terms, x["logp"])
        after, _ = loss.update(terms.replace(log_probs=x["logp"]), loss.init())
        outputs[f"out_weights_{name}"] = after.weights
    return outputs


def epo(inputs, hyperparameters):
    x, h = arrays(inputs), hyperparameters
    band = {"low": h["low_ratio"], "high": h["high_ratio"], "size": h["penalty"]}
    entropies = x["entropy"]
    of_rows = jnp.broadcast_to(entropies.mean(axis=1, keepdims=True), entropies.shape)
    typical = jnp.broadcast_to(x["history"][x["step_index"]][:, None], entropies.shape).astype(entropies.dtype)
    phase = policy.epo_phase(h["max_epochs"])
    epochs = range(0, h["max_epochs"] + 1, 10)
    return {
        "out_penalty_token": policy.band_penalty(entropies, typical, **band),
        "out_penalty_seq": policy.band_penalty(of_rows, typical, **band),
        "out_epochs": np.array(epochs),
        "out_phase_weight": jnp.stack([phase(epoch) for epoch in epochs]),
    }


def aepo_balanced(inputs, hyperparameters):
    x, h, split = arrays(inputs), hyperparameters, hyperparameters["split"]
    scale = policy.scale_by_entropy(h["alpha"])
    clip = policy.ppo_clip(low=h["clip_low"], high=h["clip_high"], dual=h["dual_clip_c"], keep_gradient="high")
    terms = record(x, entropies=x["entropy"])
    value, gradient = value_and_gradient(chain(scale, policy.token_ratio(), clip, policy.token_mean()), terms, x["logp"])
    return {
        "out_advantages": (scale.update(terms, ())[0].advantages, x["mask"] == 0),
        "out_loss": value,
        "out_grad_logp": gradient,
        "out_grad_logp_intended": gradient,
        "out_global_samples": policy.split_budget(split["k"], split["h_root"], split["h_tool"], beta=split["beta"]),
    }


def light_if(inputs, hyperparameters):
    x, h = arrays(inputs), hyperparameters

    def filled(logits):
        distribution = Logits(logits)
        return record(x, distribution=distribution, log_probs=distribution.log_probs(x["tokens"]))

    def of_logits(loss):
        return jax.jit(jax.value_and_grad(lambda logits: loss(filled(logits))))(x["logits"])

    def bonus(detach):
        return policy.adaptive_entropy_bonus(scale=h["cov_scale"], limit=h["coef_max"], detach=detach)

    value, gradient = of_logits(chain(policy.token_entropies(), bonus(False), policy.token_mean()))
    _, detached = of_logits(chain(policy.token_entropies(), bonus(True), policy.token_mean()))
    ones = filled(x["logits"]).replace(entropies=jnp.ones_like(x["mask"]))  # so that the bonus is the coefficient
    after, _ = bonus(True).update(ones, ())
    loss, loss_gradient = of_logits(policy.entropy_sft(ratio=h["sft_token_ratio"], entropy_coefficient=h["sft_entropy_coef"]))
    return {
        "out_tea_bonus": -value,
        "out_tea_coef": -after.penalties,
        "out_tea_coef_mean": after.metrics["entropy_coefficient"].value,
        "out_tea_grad_logits": -gradient,
        "out_tea_grad_logits_detached": -detached,
        "out_entropy_sft_loss": loss,
        "out_entropy_sft_grad_logits": loss_gradient,
    }


def arbitrary_entropy(inputs, hyperparameters):
    x, h = arrays(inputs), hyperparameters
    loss = chain(policy.regularising_advantage(), policy.token_ratio(), policy.ppo_clip(), policy.token_mean())
    terms = policy.Terms(mask=x["mask"], advantages=x["advantages"], regularising=x["is_regulariser"], old_log_probs=x["logp"])
    value, gradient = value_and_gradient(loss, terms, x["logp"])
    settings = {"high_temperature": h["t_high"], "low_temperature": h["t_low"], "samples": h["samples"]}
    temperature, count = policy.entropy_switch(x["measured_entropy"], h["target"], **settings)

    def slope(temperature):
        """The entropy's derivative along the expected step of samples drawn at a temperature: one row a token."""
        logits, tokens = x["logits_row"], jnp.arange(x["logits_row"].size)[:, None]
        chances = jax.nn.softmax(logits / temperature)[:, None]
        samples = policy.Terms(advantages=jnp.ones_like(chances), weights=chances)

        def objective(logits):
            rows = Logits(jnp.broadcast_to(logits, (logits.size, 1, logits.size)))
            return chain(policy.policy_gradient(), policy.token_sum())(samples.replace(log_probs=rows.log_probs(tokens)))

        return -jax.jit(jax.grad(objective))(logits) @ jax.jit(jax.grad(lambda logits: Logits(logits).entropies()))(logits)

    return {
        "out_loss": value,
        "out_grad_logp": gradient,
        "out_temperature": temperature,
        "out_sample_count": count,
        "out_entropy_slope_high": slope(h["t_high"]),
        "out_entropy_slope_low": slope(h["t_low"]),
    }


ADAPTERS = {
    "policy_clip_cov": clip_cov,
    "policy_kl_cov": kl_cov,
    "policy_lp_reg": lp_reg,
    "policy_f_divergence": f_divergence,
    "policy_siren": siren,
    "policy_steer": steer,
    "policy_epo": epo,
    "policy_aepo_balanced": aepo_balanced,
    "policy_light_if": light_if,
    "policy_arbitrary_entropy": arbitrary_entropy,
}
