"""Golden records of the room `policy`: advantages, process rewards and verifiable rewards."""

import jax
import jax.numpy as jnp
import numpy as np

from algax import chain, policy, preference


def _arrays(inputs):
    return {name.removeprefix("in_"): jnp.asarray(value) for name, value in inputs.items()}


def _run(transform, terms, state=None):
    """The record after a transform, and its state."""
    return transform.update(terms.prepare(), transform.init() if state is None else state)


def _per_row(transform, terms, state=None):
    """The advantages of responses of one token."""
    return _run(transform, terms, state)[0].advantages[:, 0]


def _sequences(rewards, **fields):
    return policy.Terms(rewards=rewards, mask=jnp.ones([rewards.shape[0], 1], bool), **fields)


def _of_groups(per_row, group_ids):
    """One entry a group, in the order of the ids."""
    _, first = np.unique(group_ids, return_index=True)
    return per_row[first]


def bnpo(inputs, hyperparameters):
    x, h = _arrays(inputs), hyperparameters
    terms = _sequences(x["rewards"], group_ids=x["group_ids"])
    normalise = policy.beta_normalise(min_value=h["min_value"], max_value=h["max_value"], weight_max=h["weight_clip"])
    after, _ = _run(chain(policy.group_advantage(scale="none"), normalise), terms)
    success = (terms.groups(x["group_ids"]).mean(x["rewards"]) - h["min_value"]) / (h["max_value"] - h["min_value"])
    return {
        "out_advantage": after.advantages[:, 0],
        "out_alpha": after.metrics["beta_alpha"].value,
        "out_beta": after.metrics["beta_beta"].value,
        "out_group_mean": _of_groups(success, inputs["in_group_ids"]),
    }


def riskpo(inputs, hyperparameters):
    h, tracker_levels = hyperparameters, [float(level) for level in inputs["in_tracker_levels"]]
    low, high = h["quantile_down"], h["quantile_up"]

    def risk(**options):
        return policy.mixed_value_at_risk(
            low=low, high=high, omega=h["w_mix"], epsilon=h["eps"], learning_rate=h["tracker_lr"], **options
        )

    @jax.jit
    def outputs(x):
        papers = policy.bundle_papers(x["group_ids"], x["bundle_ids"])
        terms = _sequences(x["rewards"], group_ids=x["group_ids"], bundle_ids=x["bundle_ids"], paper_ids=papers)

        def advantage(quantiles, **options):
            tracked = jnp.asarray([h["tracked_down"], h["tracked_up"]], jnp.float32)
            state = policy.QuantileState(tracked, jnp.asarray(True))
            return _per_row(risk(quantiles=quantiles, levels=(low, high), **options), terms, state)

        state = policy.QuantileState(x["tracker_q"].astype(jnp.float32), jnp.asarray(True))
        return {
            "out_advantage_track": advantage("tracked"),
            "out_advantage_batch": advantage("bundle"),
            "out_advantage_mix": advantage("mixed"),
            "out_advantage_track_uniform_raw": advantage("tracked", credit="uniform", scale="none"),
            "out_tracker_q_next": _run(risk(levels=tracker_levels), terms, state)[1].values,
        }

    return outputs(_arrays(inputs))


def canon(inputs, hyperparameters):
    x, h = _arrays(inputs), hyperparameters
    lengths = inputs["in_length"]
    mask = np.arange(int(max(lengths.max(), 1)))[None, :] < lengths[:, None]
    entropies = jnp.broadcast_to(x["mean_entropy"][:, None], mask.shape)
    terms = policy.Terms(rewards=x["rewards"], group_ids=x["group_ids"], mask=mask, old_entropies=entropies)
    metrics = {"length": ("length", "high"), "entropy": ("old_entropies", "low")}
    weights = {"inter": (1.0, 1.0), "intra": (0.0, 1.0), "mixed": (h["mu_mixed"], h["alpha_mixed"]), "half": (0.5, 1.0)}
    outputs = {}
    for name, (metric, alpha_on) in metrics.items():
        for form, (mu, alpha) in weights.items():
            transform = policy.conditional_advantage(metric=metric, mu=mu, alpha=alpha, alpha_on=alpha_on)
            outputs[f"out_{name}_{form}"] = _per_row(transform, terms) / h["max_length"]
    return outputs


def copo(inputs, hyperparameters):
    x, h = _arrays(inputs), hyperparameters
    ddof = {"unbiased": 1, "population": 0}[h["std"]]
    terms = _sequences(x["rewards"], group_ids=x["group_ids"], answer_ids=x["answers"])
    local = policy.group_advantage(ddof=ddof, epsilon=h["eps"])
    prompt = policy.prompt_advantage(ddof=ddof, epsilon=h["eps"])
    blend = policy.consistency_blend(gamma=h["gamma"], rho=h["rho"])
    ones = jnp.ones([x["rewards"].shape[0], 1])
    share = _per_row(blend, terms.replace(advantages=ones, prompt_advantages=jnp.zeros_like(ones)))
    return {
        "out_local": _per_row(local, terms),
        "out_global_": _run(prompt, terms)[0].prompt_advantages[:, 0],
        "out_entropy": _of_groups(policy.answer_entropies(terms), inputs["in_group_ids"]),
        "out_weight_local": _of_groups(share, inputs["in_group_ids"]),
        "out_blended": _per_row(chain(local, prompt, blend), terms),
    }


def evol_reward(inputs, hyperparameters):
    x, h = _arrays(inputs), hyperparameters
    novelty = policy.novelty_reward(alpha=h["alpha"], majority_range=h["majority_range"], minority_range=h["minority_range"])
    majority = x["is_majority"].astype(bool)

    def rewards(correct):
        group_ids = jnp.zeros(correct.shape, jnp.int32)
        terms = policy.Terms(
            mask=jnp.ones([correct.shape[0], 1], bool), embeddings=x["embeddings"], correct=correct, group_ids=group_ids
        )
        return _run(novelty, terms)[0].rewards

    return {
        "out_reward": rewards(majority),
        "out_reward_single_majority": rewards(jnp.arange(majority.shape[0]) == 0),
    }


def pure(inputs, hyperparameters):
    x, h = _arrays(inputs), hyperparameters
    mask, rewards = x["step_mask"].astype(bool), policy.process_rewards(x["prm_logits"])
    terms = policy.Terms(mask=mask, token_rewards=rewards, group_ids=x["group_ids"])
    soft = policy.soft_min_rewards(temperature=h["temperature"])
    compare = policy.leave_one_out_baseline(mask.shape[1])
    # The released minimum runs over the padding too, as steps of reward 0.
    padded = policy.Terms(mask=jnp.ones(mask.shape, bool), token_rewards=jnp.where(mask, rewards, 0.0))
    least = _run(policy.min_return(), padded)[0].returns
    return {
        "out_step_reward_minform": _run(soft, terms)[0].token_rewards,
        "out_outcome": _run(chain(soft, policy.sequence_rewards()), terms)[0].rewards,
        "out_step_reward_uniform": _run(policy.soft_min_rewards(temperature=None), terms)[0].token_rewards,
        "out_rloo_sum": _run(chain(soft, policy.return_to_go(), compare), terms)[0].advantages,
        "out_rloo_min": _run(compare, terms.replace(advantages=least))[0].advantages,
    }


def macro_action(inputs, hyperparameters):
    x, h = _arrays(inputs), hyperparameters
    terms = policy.Terms(
        mask=np.ones(x["logp"].shape, bool),
        old_log_probs=x["old_logp"],
        old_values=x["values"],
        token_rewards=x["token_rewards"],
    )

    @jax.jit
    def segments(terms, perplexity):
        cut_by_perplexity = terms.replace(old_log_probs=-jnp.log(perplexity)[None, :])
        return {
            "fixed": _run(policy.ngram_segments(length=h["ngram"]), terms)[0].segment_ids,
            "ppl": _run(policy.perplexity_segments(), cut_by_perplexity)[0].segment_ids,
        }

    cuts = segments(terms, x["token_ppl"])
    starts = {cut: np.flatnonzero(np.diff(np.asarray(ids)[0], prepend=-1)) for cut, ids in cuts.items()}
    loss = chain(policy.token_ratio(), policy.ppo_clip(low=h["clip"], high=h["clip"]), policy.token_mean())

    def evaluate(terms, log_probs, cut, pool):
        segmented = terms.replace(segment_ids=cuts[cut]).prepare()
        after, _ = _run(policy.segment_gae(gamma=h["gamma"], trace_decay=h["lam"], pool=pool), segmented)
        per_token = {
            "macro_values": policy.pool_segments(segmented, segmented.old_values, pool),
            "macro_rewards": policy.pool_segments(segmented, segmented.token_rewards, pool),
            "adv": after.advantages,
            "returns": after.returns,
        }
        value, gradient = jax.value_and_grad(lambda v: loss(after.replace(log_probs=v)))(log_probs)
        outputs = {f"out_{name}_{cut}_{pool}": value[:, starts[cut]] for name, value in per_token.items()}
        return outputs | {f"out_loss_{cut}_{pool}": value, f"out_grad_logp_{cut}_{pool}": gradient}

    @jax.jit
    def outputs(*args):
        cases = [evaluate(*args, cut, pool) for cut in cuts for pool in ("equal", "position")]
        return {name: value for case in cases for name, value in case.items()}

    return {f"out_boundaries_{cut}": first for cut, first in starts.items()} | outputs(terms, x["logp"])


def stable_reinforce(inputs, hyperparameters):
    x, h = _arrays(inputs), hyperparameters
    least, greatest = h["preclip"]
    loss = chain(
        policy.bounded_ratio(least=least, greatest=greatest),
        policy.ppo_clip(low=h["clip"], high=h["clip"]),
        policy.sequence_mean_token_mean(),
    )
    terms = policy.Terms(mask=x["mask"], old_log_probs=x["old_logp"], advantages=x["token_advantages"])
    value, gradient = jax.jit(jax.value_and_grad(lambda v: loss(terms.replace(log_probs=v))))(x["logp"])
    outliers = policy.Terms(mask=x["mask"], advantages=x["filter_in"])
    filtered = _run(policy.sigma_filter(sigmas=h["filter_k"]), outliers)[0].advantages
    return {"out_loss": value, "out_grad_logp": gradient, "out_filter_out": filtered}


def _dpo(loss, log_probs, ref_log_probs, lengths=None):
    """Value and gradient by the log-probs `[2, pairs]` of right and wrong responses."""

    def value(log_probs):
        fields = {}
        for i, side in enumerate(("chosen", "rejected")):
            fields |= {f"{side}_log_probs": log_probs[i], f"ref_{side}_log_probs": ref_log_probs[i]}
            fields[f"{side}_lengths"] = jnp.ones_like(log_probs[i]) if lengths is None else lengths[i].astype(jnp.float32)
        return loss(preference.Terms(**fields))

    return jax.jit(jax.value_and_grad(value))(log_probs)


def rlvr(inputs, hyperparameters):
    x, h = _arrays(inputs), hyperparameters
    transform = chain(
        policy.verifiable_reward(value=h["alpha"], no_eos=h["no_eos_penalty"]),
        policy.reward_on_last_token(),
        policy.kl_in_reward(h["kl_coef"]),
    )
    terms = policy.Terms(
        mask=x["mask"], correct=x["rewards"], truncated=~x["finished"], old_log_probs=x["old_logp"], ref_log_probs=x["ref_logp"]
    )
    loss, gradient = _dpo(
        preference.length_normalised_dpo(beta=h["dpo_beta"]),
        jnp.stack([x["logp_chosen"], x["logp_rejected"]]),
        jnp.stack([x["ref_chosen"], x["ref_rejected"]]),
        [x["len_chosen"], x["len_rejected"]],
    )
    rewards = _run(transform, terms)[0].token_rewards
    return {"out_token_rewards": rewards, "out_dpo_norm_loss": loss, "out_dpo_norm_grad": gradient}


def step_advantage(inputs, hyperparameters):
    x, h = _arrays(inputs), hyperparameters
    mask = x["step_mask"]
    terms = policy.Terms(mask=mask, step_values=x["q"], prompt_values=x["v0"])
    dpo_loss, dpo_gradient = _dpo(
        preference.dpo(beta=h["beta"]),
        jnp.stack([x["logp_pos"], x["logp_prefix"]]),
        jnp.stack([x["ref_logp_pos"], x["ref_logp_prefix"]]),
    )
    weighted = policy.advantage_weighted_steps(beta=h["beta"], weight_max=h["weight_max"])
    loss, gradient = jax.jit(jax.value_and_grad(lambda v: weighted(terms.replace(log_probs=v))))(x["step_logp"])
    return {
        "out_step_advantage": _run(policy.step_advantage(), terms)[0].advantages,
        "out_first_pit": policy.first_pit(x["q"], mask),
        "out_dpo_loss": dpo_loss,
        "out_dpo_grad": dpo_gradient,
        "out_awr_loss": loss,
        "out_awr_grad_step_logp": gradient,
    }


ADAPTERS = {
    "policy_bnpo": bnpo,
    "policy_canon": canon,
    "policy_copo": copo,
    "policy_evol_reward": evol_reward,
    "policy_pure": pure,
    "policy_stable_reinforce": stable_reinforce,
    "policy_rlvr": rlvr,
    "policy_step_advantage": step_advantage,
}
UNCOMPILED = {"policy_riskpo": riskpo, "policy_macro_action": macro_action}
