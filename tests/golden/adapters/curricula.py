"""Golden records of curricula, merges, staged schedules and measures of recipes."""

import jax
import jax.numpy as jnp

from algax import curriculum, measure, merge, policy, schedules


def dump(inputs, hyperparameters):
    h = hyperparameters
    advantages, active = jnp.asarray(inputs["advantages"]), jnp.asarray(inputs["active"])
    _, arms, samples = advantages.shape
    sources = curriculum.ucb(arms, window=h["window"], temperature=h["temperature"], bonus=h["exploration"])

    def step(state, observed):
        values, seen = observed
        state = sources.update(
            state,
            curriculum.ArmFeedback(jnp.repeat(jnp.arange(arms), samples), values.ravel(), jnp.repeat(seen, samples)),
        )
        return state, (sources.weights(state), state.learnability, state.counts)

    _, (weights, learnability, counts) = jax.lax.scan(step, sources.init(), (advantages, active))
    return {"weights": weights, "mean_abs_adv": learnability, "counts": counts}


def model_task_alignment(inputs, hyperparameters):
    n, ks = hyperparameters["n"], hyperparameters["ks"]
    num_correct = jnp.asarray(inputs["num_correct"])
    return {
        "pass_at_k": jnp.stack([measure.pass_at_k(n, num_correct, k) for k in ks], axis=1),
        "mean": jnp.stack([measure.alignment(n, num_correct, k) for k in ks]),
    }


def advgamebench(inputs, hyperparameters):
    return measure.strategic_play(inputs["win"], inputs["cost"], hyperparameters["budget"])._asdict()


def bai(inputs, hyperparameters):
    first, second = hyperparameters["w_instruct"], hyperparameters["w_mid"]
    trees = {name: inputs[name] for name in ("instruct", "distill", "pretrained")}
    return {
        "mid": merge.weighted_merge([trees["instruct"], trees["distill"]], [first, 1.0 - first]),
        "merged": merge.balanced_initialisation(**trees, w_instruct=first, w_mid=second),
    }


def socratic_zero(inputs, hyperparameters):
    success = jnp.mean(jnp.asarray(inputs["correct"]), axis=1)
    utility = curriculum.gaussian_utility(success, mu=hyperparameters["mu"], sigma=hyperparameters["sigma"])
    terms = policy.Terms(rewards=utility)
    loss, gradient = jax.jit(jax.value_and_grad(lambda x: policy.reinforce()(terms.replace(log_probs=x[:, None]))))(
        jnp.asarray(inputs["logp"])
    )
    return {
        "success": success,
        "utility": utility,
        "loss": loss,
        "grad_logp": gradient,
        "zone": curriculum.zones(success),
    }


def gain_rl(inputs, hyperparameters):
    h = hyperparameters
    hidden = jnp.asarray(inputs["hidden"])
    span = (h["question_start"], hidden.shape[0] - h["tail"])
    released = measure.angle_concentration(hidden, *span, inter_weight=h["inter_weight"], columns="all")
    intended = measure.angle_concentration(hidden, *span, inter_weight=h["inter_weight"])
    window = curriculum.gaussian_window(
        range(h["num_prompts"]),
        std=h["std"],
        step=h["n"],
        sensitivity=h["alpha"],
        target=h["beta"],
        low=h["adj_min"],
        high=h["adj_max"],
    )

    def epoch(mu, seen):
        mu = window.update(mu, curriculum.WindowFeedback(*seen, jnp.ones(seen[0].shape, bool)))
        return mu, (mu, window.weights(mu))

    _, (mu, weights) = jax.lax.scan(epoch, window.init(), (jnp.asarray(inputs["accuracy"]), jnp.asarray(inputs["angle"])))
    return {
        "score_code": released.score,
        "intra": intended.intra,
        "inter": intended.inter,
        "mu": mu,
        "probs": weights,
    }


def one_shot_rlvr(inputs, hyperparameters):
    del hyperparameters
    variance, lim = curriculum.rank_by_variance(inputs["history"]), curriculum.rank_by_lim(inputs["history"])
    return {
        "std_score": variance.scores,
        "std_order": variance.order,
        "lim_score": lim.scores,
        "lim_order": lim.order,
    }


def scaling_inter(inputs, hyperparameters):
    del inputs
    schedule = schedules.staged(hyperparameters["rounds"], hyperparameters["steps_per_stage"])
    steps = {name: jnp.arange(shape[0]) for name, shape in hyperparameters["output_shapes"].items()}
    return {name: jax.jit(jax.vmap(schedule))(steps[name]).astype(jnp.int32) for name in steps}


def stat_skills(inputs, hyperparameters):
    difficult = curriculum.difficult_questions(
        jnp.asarray(inputs["step_scores"]),
        jnp.asarray(inputs["num_steps"]),
        least_score=hyperparameters["tau1"],
        least_step=hyperparameters["tau2"],
    )
    profile = curriculum.skill_profile(difficult, jnp.asarray(inputs["missing"]))
    return {
        "difficult": difficult,
        "profile": profile,
        "weights": curriculum.skill_weights(profile, jnp.asarray(inputs["skill_map"])),
    }


ADAPTERS = {
    "dump": dump,
    "model_task_alignment": model_task_alignment,
    "advgamebench": advgamebench,
    "bai": bai,
    "socratic_zero": socratic_zero,
    "gain_rl": gain_rl,
    "one_shot_rlvr": one_shot_rlvr,
    "scaling_inter": scaling_inter,
    "stat_skills": stat_skills,
}
