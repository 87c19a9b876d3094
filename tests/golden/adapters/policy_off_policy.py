"""Golden records of the room `policy`: off-policy, likelihood-based, contrastive and branching methods."""

import jax
import jax.numpy as jnp

from algax import Logits, chain, policy


def _inputs(inputs):
    return {name.removeprefix("in_"): jnp.asarray(value) for name, value in inputs.items()}


def _after(loss, terms, *fields):
    after, _ = jax.jit(loss.update)(terms, loss.init())
    return [getattr(after, field) for field in fields]


def _value_and_gradient(loss, terms, log_probs):
    return jax.jit(jax.value_and_grad(lambda x: loss(terms.replace(log_probs=x))))(log_probs)


def topr(inputs, hyperparameters):
    x = _inputs(inputs)
    terms = policy.Terms(mask=x["mask"], old_log_probs=x["old_logp"], rewards=x["rewards"])
    loss = policy.topr(
        baseline=hyperparameters["baseline"],
        positive=tuple(hyperparameters["positive_clip"]),
        negative=tuple(hyperparameters["negative_clip"]),
    )
    value, gradient = _value_and_gradient(loss, terms, x["logp"])
    ratio = policy.sequence_ratio(length_normalise=False, log_max=80.0)
    ratios = _after(ratio, terms.replace(log_probs=x["logp"]), "ratios")[0]
    return {"out_loss": value, "out_grad_logp": gradient, "out_log_ratio": jnp.log(ratios[:, 0])}


def nft(inputs, hyperparameters):
    x = _inputs(inputs)
    terms = policy.Terms(mask=x["mask"], old_log_probs=x["old_logp"], correct=x["correct"], success_rates=x["correct_rate"])
    bounds = tuple(hyperparameters["rate_clip"])
    weights = [(), *((policy.success_rate_weight(kind, rate_bounds=bounds),) for kind in ("one_minus_rate", "group_std"))]
    rows = jnp.sum(jnp.any(x["mask"] != 0, axis=1)).astype(jnp.float32)
    outputs = {}
    for level, number in (("token", 0), ("token", 1), ("token", 2), ("sequence", 0)):
        surrogate = policy.implicit_negative(
            negative_weight=hyperparameters["neg_weight"],
            negative_floor=hyperparameters["eps_negative"],
            positive_floor=hyperparameters["eps_positive"],
            rate_bounds=bounds,
            log_max=hyperparameters["log_ratio_max"],
            level=level,
        )
        by_token = level == "token"
        reduction = policy.sum_over_constant(1000.0) if by_token else policy.sequence_mean_token_mean()
        value, gradient = _value_and_gradient(chain(*weights[number], surrogate, reduction), terms, x["logp"])
        scale = 1.0 if by_token else rows  # the record sums over sequences
        outputs[f"out_loss_{level}_norm{number}"] = scale * value
        outputs[f"out_grad_logp_{level}_norm{number}"] = scale * gradient
    return outputs


def bapo(inputs, hyperparameters):
    x, h = _inputs(inputs), hyperparameters
    terms = policy.Terms(mask=x["mask"], old_log_probs=x["old_logp"], advantages=x["token_advantages"])
    ranges = {"low": (h["low_start"], h["low_max"], h["low_step"]), "high": (h["high_start"], h["high_max"], h["high_step"])}
    share = h["pos_neg_target"] / (1.0 + h["pos_neg_target"])
    released = policy.search_bounds(share, order="low_first", behaviour_weight=False, **ranges)
    paper = policy.search_bounds(h["paper_share_target"], **ranges)
    loss = chain(policy.token_ratio(), released, policy.ppo_clip(dual=h["dual_clip_c"]), policy.token_mean())
    value, gradient = _value_and_gradient(loss, terms, x["logp"])

    def found(search):
        ratio = policy.token_ratio()
        after, _ = search.update(ratio.update(terms.replace(log_probs=x["logp"]), ())[0], ())
        return [after.metrics[name].value for name in ("lower_bound", "upper_bound", "positive_share")]

    (code_low, code_high, code_share), (low, high, paper_share) = found(released), found(paper)
    return {
        "out_loss": value,
        "out_grad_logp": gradient,
        "out_code_low": code_low,
        "out_code_high": code_high,
        "out_code_pos_neg_ratio": code_share / (1.0 - code_share),
        "out_paper_low": low,
        "out_paper_high": high,
        "out_paper_share": paper_share,
    }


def rover(inputs, hyperparameters):
    x, rho = _inputs(inputs), hyperparameters["rho"]
    terms = policy.Terms(
        mask=x["mask"],
        rewards=x["rewards"],
        group_ids=x["group_ids"],
        old_log_probs=Logits(x["old_logits"]).log_probs(x["tokens"]),
        old_distribution=Logits(x["old_logits"]),
    )

    def filled(logits):
        predicted = Logits(logits)
        return terms.replace(distribution=predicted, log_probs=predicted.log_probs(x["tokens"]))

    value, gradient = jax.jit(jax.value_and_grad(lambda logits: policy.rover(scale=rho)(filled(logits))))(x["logits"])
    advantage = policy.group_advantage(scale="none", singleton="zero")
    target = _after(chain(advantage, policy.random_policy_target(scale=rho)), filled(x["logits"]), "returns")[0]
    prepared = filled(x["logits"]).prepare()
    return {
        "out_loss": value,
        "out_q": rho * (prepared.log_probs - prepared.old_log_probs),
        "out_target": target,
        "out_grad_logits": gradient,
    }


def oreal(inputs, hyperparameters):
    x, h = _inputs(inputs), hyperparameters
    terms = policy.Terms(
        mask=x["mask"],
        ref_log_probs=x["ref_logp"],
        token_scores=x["rm_logits"],
        correct=x["rewards"] > 0,
        advantages=jnp.broadcast_to(x["rloo_advantage"][:, None], x["logp"].shape),
    )
    weights = {
        "threshold": policy.token_score_threshold(positive=h["thresholds"][0], negative=h["thresholds"][1]),
        "topk": policy.token_score_top(h["topk"]),
    }
    outputs = {}
    for name, weight in weights.items():
        full = policy.oreal(
            positive=h["pos_factor"],
            negative=h["neg_factor"],
            kl_coefficient=h["kl_coef"],
            token_weight=weight,
            clone_advantage=bool(h["pos_mult_adv"]),
        )
        given_advantages = chain(*full.steps[1:])
        value, gradient = _value_and_gradient(given_advantages, terms, x["logp"])
        outputs |= {f"out_loss_{name}": value, f"out_grad_logp_{name}": gradient}
    outputs["out_token_rm_loss"] = policy.token_score_loss()(terms.replace(values=x["rm_logits"]))
    return outputs


def drpo(inputs, hyperparameters):
    x, h = _inputs(inputs), hyperparameters
    terms = policy.Terms(mask=x["mask"], old_log_probs=x["old_logp"], correct=x["rewards"] > 0, group_ids=x["group_ids"])
    scale = h["length_scale"]
    length = {"length_temperature": h["lam"], "max_length": x["logp"].shape[1] if scale == "T" else int(scale)}
    outputs = {}
    for name, estimator in (("kl", "k1"), ("low_var_kl", "k3")):
        loss = policy.drpo(temperature=h["tau"], kl_coefficient=h["beta"], delta=h["delta"], estimator=estimator, **length)
        outputs[f"out_grad_logp_{name}"] = _value_and_gradient(loss, terms, x["logp"])[1]
    objective = policy.contrastive_groups(temperature=h["tau"], **length)
    return outputs | {"out_objective_value": -objective(terms.replace(log_probs=x["logp"]))}


def hpt(inputs, hyperparameters):
    x, h = _inputs(inputs), hyperparameters
    divisor = x["logp"].shape[1] if h["rl_divisor"] == "T" else h["rl_divisor"]
    terms = policy.Terms(mask=x["mask"], old_log_probs=x["old_logp"], advantages=x["advantages"], demonstrations=x["is_demo"])
    given_advantages = chain(*policy.hpt(divisor, coefficient=h["sft_coef"]).steps[2:])
    value, gradient = _value_and_gradient(given_advantages, terms, x["logp"])
    return {"out_loss": value, "out_grad_logp": gradient}


def upge(inputs, hyperparameters):
    x, h = _inputs(inputs), hyperparameters
    terms = policy.Terms(mask=x["mask"], old_log_probs=x["old_logp"], advantages=x["token_advantages"])
    unified, ratio = policy.unified_policy_gradient, policy.token_ratio()
    soft = policy.soft_gate(positive_temperature=h["sapo_tau_pos"], negative_temperature=h["sapo_tau_neg"])
    surrogates = {
        "sft": (policy.log_likelihood(),),
        "reinforce": (unified(denominator="current"),),
        "ppo": (unified(denominator="old", clip=(h["clip_low"], h["clip_high"])),),
        "cispo": (ratio, policy.clipped_importance_weight(high=h["cispo_high"])),
        "offline_denominator_one": (unified(denominator="one"),),
        "sapo": (ratio, soft),
    }
    return {
        f"out_{name}": -_value_and_gradient(chain(*steps, policy.token_sum()), terms, x["logp"])[1]
        for name, steps in surrogates.items()
    }


def remix(inputs, hyperparameters):
    x, h = _inputs(inputs), hyperparameters
    terms = policy.Terms(
        mask=x["mask"],
        behaviour_log_probs=x["old_logp"],
        old_log_probs=x["prox_logp"],
        advantages=x["token_advantages"],
    )
    surrogate = chain(policy.centred_ratio(low=h["clip"], high=h["clip"]), policy.ppo_clip(), policy.token_mean())
    value, gradient = _value_and_gradient(surrogate, terms, x["logp"])
    full = policy.Terms(ref_distribution=Logits(x["base_logits"][None]), old_distribution=Logits(x["prev_logits"][None]))
    penalty = chain(policy.convex_kl_penalty(1.0, mixture=h["lam"]), policy.token_mean())
    divergence = jax.value_and_grad(lambda logits: penalty(full.replace(distribution=Logits(logits[None]))))
    kl, kl_gradient = jax.jit(divergence)(x["logits"])
    steps = jnp.arange(0, 126, 5)
    return {
        "out_loss": value,
        "out_grad_logp": gradient,
        "out_kl_convex": kl,
        "out_kl_convex_grad_logits": kl_gradient,
        "out_schedule_steps": steps,
        "out_schedule_lambda": jax.jit(jax.vmap(policy.kl_mixture_schedule()))(steps),
    }


def cure(inputs, hyperparameters):
    x = _inputs(inputs)
    invalid = jnp.concatenate([x["special_ids"], x["short_ids"]])

    def candidates(top_k):
        return policy.critical_positions(x["entropy"], x["tokens"], invalid, top_k=top_k)

    first = candidates(hyperparameters.get("top_k_first", 1))
    return {
        "out_position_top1": jnp.argmax(first, axis=1),
        "out_mask_top1": jnp.asarray(first, jnp.int32),
        "out_candidates_top3": candidates(hyperparameters.get("top_k", 3)),
    }


ADAPTERS = {
    "policy_topr": topr,
    "policy_nft": nft,
    "policy_bapo": bapo,
    "policy_rover": rover,
    "policy_oreal": oreal,
    "policy_drpo": drpo,
    "policy_hpt": hpt,
    "policy_upge": upge,
    "policy_remix": remix,
    "policy_cure": cure,
}
