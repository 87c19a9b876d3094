"""Golden records of the room `policy`."""

import jax
import jax.numpy as jnp
import numpy as np

from algax import Logits, chain, policy


def _values(loss, terms, *fields):
    """The fields a chain writes."""
    after, _ = jax.jit(loss.update)(terms, loss.init())
    return [getattr(after, field) for field in fields]


def _defined(x, mask):
    """Released code leaves numbers behind the mask; the library defines none there."""
    return x, mask == 0


def advantages(inputs, hyperparameters):
    x = {name.removeprefix("in_"): jnp.asarray(value) for name, value in inputs.items()}
    gamma, trace_decay = hyperparameters["gamma"], hyperparameters["lam"]
    whiten = policy.whiten_advantage(epsilon=hyperparameters["whiten_eps"])
    gae = policy.generalised_advantage(gamma=gamma, trace_decay=trace_decay)
    dense = policy.Terms(mask=x["mask"], token_rewards=x["token_rewards"], old_values=x["values"])
    outcome = policy.Terms(mask=x["mask"], token_rewards=x["outcome_rewards"], group_ids=x["group_ids"])

    def group(*after, **options):
        advantage = policy.group_advantage(epsilon=hyperparameters["eps_std"], **options)
        return _values(chain(policy.sequence_rewards(), advantage, *after), outcome, "advantages")[0]

    raw, returns = _values(gae, dense, "advantages", "returns")
    whitened = _values(chain(gae, whiten), dense, "advantages")[0]
    to_go = policy.return_to_go(gamma=gamma)
    outputs = {
        "out_gae_raw": raw,
        "out_gae_returns": returns,
        "out_gae_whitened": whitened,
        "out_grpo": group(),
        "out_dr_grpo": group(scale="none"),
        "out_rloo": group(scale="none", baseline="leave_one_out"),
        "out_reinforce_pp": _values(chain(to_go, whiten), dense, "advantages")[0],
        "out_reinforce_pp_returns": _values(to_go, dense, "returns")[0],
        "out_reinforce_pp_baseline": group(whiten, scale="none"),
    }
    return {name: _defined(value, x["mask"]) for name, value in outputs.items()}


def losses(inputs, hyperparameters):
    x = {name.removeprefix("in_"): jnp.asarray(value) for name, value in inputs.items()}
    low, high = hyperparameters["clip_low"], hyperparameters["clip_high"]
    surrogates = {
        "dual_clip": policy.ppo_clip(low=low, high=high, dual=hyperparameters["dual_clip_c"]),
        "cispo": policy.clipped_importance_weight(low=low, high=high),
        "reinforce": policy.policy_gradient(),
    }
    reductions = {
        "token_mean": policy.token_mean(),
        "seq_mean_token_sum": policy.sequence_mean_token_sum(),
        "seq_mean_token_mean": policy.sequence_mean_token_mean(),
        "seq_mean_token_sum_norm": policy.sum_over_constant(x["mask"].shape[1]),
    }

    def value_and_gradient(loss, advantages):
        terms = policy.Terms(mask=x["mask"], old_log_probs=x["old_logp"], advantages=advantages)
        return jax.jit(jax.value_and_grad(lambda log_probs: loss(terms.replace(log_probs=log_probs))))(x["logp"])

    outputs = {}
    for name, surrogate in surrogates.items():
        ratio = () if name == "reinforce" else (policy.token_ratio(),)
        for mode, reduction in reductions.items():
            value, gradient = value_and_gradient(chain(*ratio, surrogate, reduction), x["token_advantages"])
            outputs |= {f"out_{name}_{mode}": value, f"out_{name}_grad_{mode}": gradient}
    clip = policy.ppo_clip(low=hyperparameters["gspo_clip_low"], high=hyperparameters["gspo_clip_high"])
    gspo = chain(policy.sequence_ratio(), clip, policy.sequence_mean_token_mean())
    outputs["out_gspo"], outputs["out_gspo_grad"] = value_and_gradient(gspo, x["advantages"])
    return outputs


def kl(inputs, hyperparameters):
    del hyperparameters  # the clamps of k3 are the released code's, and ours
    x = {name.removeprefix("in_"): jnp.asarray(value) for name, value in inputs.items()}
    outputs = {}
    for name, estimator in {
        "k1": "k1", "abs": "absolute", "k2": "k2", "k3": "k3", "k3_straight_through": "k3_straight_through"
    }.items():
        outputs[f"out_{name}"] = policy.kl_estimates(x["logp"], x["ref_logp"], estimator)
        loss = chain(policy.kl_penalty(1.0, estimator=estimator), policy.token_sum())
        terms = policy.Terms(mask=x["mask"], ref_log_probs=x["ref_logp"])
        gradient = jax.jit(jax.grad(lambda v, f=loss, t=terms: f(t.replace(log_probs=v))))
        outputs[f"out_{name}_grad_of_masked_sum"] = gradient(x["logp"])

    terms = policy.Terms(ref_distribution=Logits(x["ref_logits"]))
    for name, penalty, sign in (
        ("full_reverse_kl", policy.full_kl_penalty(1.0, direction="reverse"), 1.0),
        ("full_forward_kl", policy.full_kl_penalty(1.0, direction="forward"), 1.0),
        ("entropy", policy.entropy_bonus(1.0), -1.0),
    ):
        full = terms.replace(distribution=Logits(x["logits"]))
        outputs[f"out_{name}"] = sign * _values(penalty, full, "penalties")[0]
        loss = chain(penalty, policy.token_sum())
        gradient = jax.jit(jax.grad(lambda v, f=loss: f(terms.replace(mask=x["mask"], distribution=Logits(v)))))(x["logits"])
        outputs[f"out_{name}_grad_logits"] = sign * gradient
    return outputs


def overlong(inputs, hyperparameters):
    lengths = inputs["in_lengths"]
    positions = int(max(lengths.max(), 1))
    terms = policy.Terms(
        mask=np.arange(positions)[None, :] < lengths[:, None], rewards=jnp.zeros(lengths.shape, jnp.float32)
    )
    settings = {"buffer": hyperparameters["buffer"], "factor": hyperparameters["factor"]}
    forms = {"out_verl": None, "out_paper": -1.0}
    return {
        name: _values(policy.overlong_penalty(hyperparameters["max_length"], floor=floor, **settings), terms, "rewards")[0]
        for name, floor in forms.items()
    }


def value_loss(inputs, hyperparameters):
    x = {name.removeprefix("in_"): jnp.asarray(value) for name, value in inputs.items()}
    loss = policy.value_loss(clip=hyperparameters["clip"])
    terms = policy.Terms(mask=x["mask"], returns=x["returns"], old_values=x["old_values"])
    value, gradient = jax.jit(jax.value_and_grad(lambda values: loss(terms.replace(values=values))))(x["value_pred"])
    return {"out_loss": value, "out_grad_value_pred": gradient}


ADAPTERS = {
    "policy_piece_advantages": advantages,
    "policy_piece_losses": losses,
    "policy_piece_kl": kl,
    "policy_piece_overlong": overlong,
    "policy_piece_value_loss": value_loss,
}
