"""Golden records of the room `policy`: guidance, prefixes, several turns, roles, soft tokens and contrastive chains."""

import jax
import jax.numpy as jnp

from algax import chain, measure, policy, preference


def _inputs(inputs):
    return {name: jnp.asarray(value) for name, value in inputs.items()}


def _after(loss, terms, field):
    return getattr(loss.update(terms, loss.init())[0], field)


def _value_and_gradient(loss, terms, log_probs):
    return jax.jit(jax.value_and_grad(lambda x: loss(terms.replace(log_probs=x))))(log_probs)


def prefix_rft(inputs, hyperparameters):
    x, h = _inputs(inputs), hyperparameters
    terms = policy.Terms(
        mask=x["mask"],
        rewards=x["rewards"],
        group_ids=x["group"],
        guided_tokens=x["prefix_mask"],
        prefix_ids=x["group"] if h["num_rollouts_per_prefix"] > 1 else None,
        entropies=x["entropy"],
        old_log_probs=x["old_logp"],
    )
    plain = policy.prefix_advantage(epsilon=h["eps"])
    kept = chain(plain, policy.keep_uncertain_guidance(h["keep_top_entropy"]))
    clip = policy.ppo_clip(low=h["clip_low"], high=h["clip_high"], dual=h["clip_c"])
    value, gradient = _value_and_gradient(chain(kept, policy.token_ratio(), clip, policy.token_mean()), terms, x["logp"])
    return {
        "adv_grpo": _after(policy.prefix_advantage(scale="std", epsilon=h["eps"]), terms, "advantages"),
        "adv_dr_grpo": _after(plain, terms, "advantages"),
        "adv_entropy": _after(kept, terms, "advantages"),
        "loss": value,
        "grad_logp": gradient,
    }


def simpletir(inputs, hyperparameters):
    x, h = _inputs(inputs), hyperparameters
    terms = policy.Terms(
        mask=x["response_mask"] * (1 - x["tool_mask"]),
        well_formed=~x["void"].astype(bool),
        old_log_probs=x["old_logp"],
        advantages=x["advantages"],
    )
    full = policy.simpletir(low=h["clip_low"], high=h["clip_high"], dual=h["clip_c"])
    given_advantages = chain(*full.steps[4:])
    value, gradient = _value_and_gradient(given_advantages, terms, x["logp"])
    mask = _after(given_advantages.steps[0], terms, "mask")
    return {"mask": mask.astype(jnp.float32), "loss": value, "grad_logp": gradient}


def ufo(inputs, hyperparameters):
    x, h = _inputs(inputs), hyperparameters
    answers = x["answers"]
    right = answers == x["gold"][:, None]
    terms = policy.Terms(turn_answers=answers, turn_correct=right)
    decay = policy.turn_decay(h["gamma"])
    rewards = _after(chain(decay, policy.repetition_penalty(h["penalty"])), terms, "turn_rewards")
    count = jnp.where(right.any(axis=1), jnp.argmax(right, axis=1) + 1, answers.shape[1])
    solved_at = jnp.arange(answers.shape[1])[None, :] + 1 == count[:, None]
    return {
        "turn_reward": rewards,
        "done": solved_at,
        "num_turns": count.astype(jnp.int32),
        "penalty": jnp.sum(_after(decay, terms, "turn_rewards") - rewards, axis=1),
        "total": _after(policy.sum_turn_rewards(), terms.replace(turn_rewards=rewards), "rewards"),
    }


def score_rl(inputs, hyperparameters):
    x, h = _inputs(inputs), hyperparameters
    rewards = jnp.stack([x["r1"], x["r2"]], axis=1)
    terms = policy.Terms(
        turn_rewards=rewards,
        turn_ids=jnp.broadcast_to(jnp.arange(2), rewards.shape),
        old_log_probs=jnp.stack([x["kl1"], x["kl2"]], axis=1),
        ref_log_probs=jnp.zeros_like(rewards),
    )
    settings = {"alpha": h["alpha"], "kl_coefficient": h["beta1"], "first_coefficient": h["beta2"]}
    stages = [chain(*policy.score(stage, **settings).steps[:2], policy.sum_turn_rewards()) for stage in (1, 2)]
    shaped = _after(policy.progress_bonus(h["alpha"]), terms, "turn_rewards")
    change = measure.self_correction(x["r1"], x["r2"])
    return {
        "stage1": _after(stages[0], terms, "rewards"),
        "bonus": (shaped - rewards)[:, 1],
        "turn2": shaped[:, 1],
        "stage2": _after(stages[1], terms, "rewards"),
        "delta_c2i_i2c": jnp.stack([change.broken, change.fixed]),
    }


def thinktuning(inputs, hyperparameters):
    x, h = _inputs(inputs), hyperparameters
    advantages = jnp.broadcast_to(x["advantages"][:, None], x["logp"].shape)
    terms = policy.Terms(mask=x["mask"], old_log_probs=x["old_logp"], guided_tokens=x["teacher_mask"], advantages=advantages)
    shaping = {"good": h["gamma_at_A_max"], "bad": h["gamma_at_A_min"], "bound": h["A_max"]}

    def loss(released):
        shape = policy.shape_guidance(**shaping, min_prob=h["fallback_p"], released=released)
        clip = policy.ppo_clip(low=h["clip"], high=h["clip"], dual=h["clip_c"])
        return chain(policy.token_ratio(), clip, shape, policy.token_mean())

    value, gradient = _value_and_gradient(loss(True), terms, x["logp"])
    gammas = policy.guidance_shaping(advantages, **shaping, released=True)
    shape = policy.shape_guidance(**shaping, min_prob=h["fallback_p"])
    unused = jnp.full_like(x["logp"], 1e6)
    replaced = _after(shape, terms.replace(log_probs=x["logp"], surrogates=unused, mask=None), "surrogates") != unused
    return {
        "gamma_code": gammas,
        "weight_code": policy.shaped_weights(x["logp"], gammas),
        "used": replaced.astype(jnp.float32),
        "loss_code": value,
        "grad_logp_code": gradient,
        "gamma_intended": policy.guidance_shaping(advantages, **shaping),
        "loss_intended": loss(False)(terms.replace(log_probs=x["logp"])),
    }


def guide_grpo(inputs, hyperparameters):
    x, h = _inputs(inputs), hyperparameters
    plain, guided = (
        policy.Terms(mask=x["mask"], rewards=x[f"r_{name}"], group_ids=x["group"], old_log_probs=x[f"behaviour_{name}"])
        for name in ("plain", "guided")
    )
    terms, used = policy.guided_where_all_fail(plain, guided)
    loss = policy.guide_grpo(low=h["clip"], high=h["clip"], epsilon=h["eps"])
    value, gradient = _value_and_gradient(loss, terms, x["logp"])
    advantages = _after(loss.steps[0], terms.replace(mask=jnp.ones_like(x["mask"])), "advantages")[:, 0]
    return {"use_guided": used, "rewards": terms.rewards, "advantages": advantages, "loss": value, "grad_logp": gradient}


def gtr(inputs, hyperparameters):
    x, h = _inputs(inputs), hyperparameters
    rows = x["logp"].shape[0]
    demonstrated = x["sft_logp"].shape[0]

    def both(steps, demonstrations):
        length = max(steps.shape[1], demonstrations.shape[1])
        return jnp.concatenate([jnp.pad(y, ((0, 0), (0, length - y.shape[1]))) for y in (steps, demonstrations)])

    own = jnp.maximum(x["thought_mask"], x["action_mask"])
    terms = policy.Terms(
        mask=both(own, x["sft_mask"]),
        thoughts=both(x["thought_mask"], jnp.zeros_like(x["sft_mask"])),
        old_log_probs=both(x["old_logp"], jnp.zeros_like(x["sft_logp"])),
        rewards=jnp.concatenate([x["advantages"], jnp.zeros(demonstrated)]),
        demonstrations=jnp.arange(rows + demonstrated) >= rows,
    )

    def loss(log_probs, imitation):
        preset = policy.gtr(thought_weight=h["lambda"], imitation=imitation, low=h["clip"], high=h["clip"])
        return preset(terms.replace(log_probs=both(log_probs, x["sft_logp"])))

    value, gradient = jax.jit(jax.value_and_grad(loss), static_argnums=1)(x["logp"], h["sft_weight"])
    ppo = loss(x["logp"], 0.0)
    record = policy.Terms(mask=own, thoughts=x["thought_mask"]).prepare()
    return {
        "action_logp": policy.weighted_action_log_probs(record, x["logp"], h["lambda"]),
        "ppo": ppo,
        "sft": loss(x["logp"], 1.0) - ppo,
        "loss": value,
        "grad_logp": gradient,
    }


def cory(inputs, hyperparameters):
    x = _inputs(inputs)
    rewards = policy.shared_rewards(jnp.stack([x["r_pioneer"], x["r_observer"]]))
    (steps,) = hyperparameters["output_shapes"]["swapped"]
    swapped = [policy.exchange_roles(step, (0, 1), every=hyperparameters["swap_every"])[0] for step in range(steps)]
    return {"reward": rewards[0], "swapped": jnp.stack(swapped)}


def soft_tokens(inputs, hyperparameters):
    x, h = _inputs(inputs), hyperparameters
    mask = x["mask"]
    scale = policy.noise_scale(x["embed"], h["sigma_fraction"])
    advantages = jnp.broadcast_to(x["advantages"][:, None], mask.shape)
    terms = policy.Terms(mask=mask, advantages=advantages)
    objective = chain(policy.policy_gradient(), policy.token_mean())

    def log_probs(logits):
        mixture = policy.mixture_embedding(logits, x["embed"], temperature=h["tau"])
        soft = jax.lax.stop_gradient(mixture + scale * x["noise"])
        return policy.soft_log_probs(soft, mixture, scale), mixture, soft

    def loss(logits):
        return objective(terms.replace(log_probs=log_probs(logits)[0]))

    value, gradient = jax.jit(jax.value_and_grad(loss))(x["logits"])
    densities, mixture, soft = log_probs(x["logits"])
    return {"mixture": mixture, "soft": soft, "logp": densities, "loss": value, "grad_logits": gradient}


def carft(inputs, hyperparameters):
    x = _inputs(inputs)
    settings = {"temperature": hyperparameters["tau"], "cap": hyperparameters["sim_cap"]}
    correct = x["correct"] > 0
    wrong = ~correct & (x["common_mask"] > 0).any(axis=1)

    def losses(states, scores, released):
        annotation = policy.pooled_embedding(x["h_ref"], x["v_ref"], x["mask_ref"])
        sample = policy.pooled_embedding(states, scores, x["mask"])
        pulled = policy.positive_contrast(annotation, sample, correct, **settings, released=released)
        rest = policy.pooled_embedding(x["h_ref"], x["v_ref"], x["diff_mask_ref"])
        common = policy.pooled_embedding(states, scores, x["common_mask"])
        different = policy.pooled_embedding(states, scores, x["diff_mask"])
        pushed = policy.negative_contrast(rest, common, different, wrong, **settings, released=released)
        return pulled, pushed

    def total(states, scores):
        return 0.5 * sum(losses(states, scores, True))

    value, gradients = jax.jit(jax.value_and_grad(total, argnums=(0, 1)))(x["h"], x["v"])
    outputs = {"loss_code": value, "grad_h_code": gradients[0], "grad_v_code": gradients[1]}
    for name, released in (("eq", False), ("code", True)):
        outputs[f"loss_pos_{name}"], outputs[f"loss_neg_{name}"] = losses(x["h"], x["v"], released)
    return outputs


def expo_selfexplain(inputs, hyperparameters):
    x, h = _inputs(inputs), hyperparameters
    rows = x["logp"].shape[0]
    # One rollout a question beside its explanation, with advantage 0, says whether it is solved.
    terms = policy.Terms(
        mask=jnp.concatenate([jnp.ones_like(x["mask"]), x["mask"]]),
        demonstrations=jnp.arange(2 * rows) >= rows,
        correct=jnp.concatenate([x["solved"], jnp.zeros(rows, bool)]),
        group_ids=jnp.tile(jnp.arange(rows), 2),
        rewards=jnp.zeros(2 * rows),
        old_log_probs=jnp.zeros_like(jnp.tile(x["logp"], (2, 1))),
        log_probs=jnp.concatenate([jnp.zeros_like(x["logp"]), x["logp"]]),
    )

    def total(log_probs, mask):
        return jnp.sum(jnp.where(mask > 0, log_probs, 0.0), axis=1)

    pairs = preference.Terms(
        rejected_log_probs=total(x["logp_lose"], x["mask_lose"]),
        ref_chosen_log_probs=total(x["ref_logp"], x["mask"]),
        ref_rejected_log_probs=total(x["ref_logp_lose"], x["mask_lose"]),
    )

    def dpo(log_probs):
        return preference.dpo(beta=h["beta_dpo"])(pairs.replace(chosen_log_probs=total(log_probs, x["mask"])))

    value, gradient = jax.jit(jax.value_and_grad(dpo))(x["logp"])
    return {
        "sft_all": policy.exp_grpo(beta=h["beta_sft"])(terms),
        "sft_unsolved": policy.exp_grpo(beta=h["beta_sft"], unsolved=True)(terms),
        "dpo": value,
        "grad_dpo_logp": gradient,
    }


ADAPTERS = {
    "prefix_rft": prefix_rft,
    "simpletir": simpletir,
    "ufo": ufo,
    "score_rl": score_rl,
    "thinktuning": thinktuning,
    "guide_grpo": guide_grpo,
    "gtr": gtr,
    "cory": cory,
    "soft_tokens": soft_tokens,
    "carft": carft,
    "expo_selfexplain": expo_selfexplain,
}
