"""Golden records of preference learning on single responses, and of the data it takes."""

import jax
import jax.numpy as jnp
import numpy as np

from algax import FactoredLogits, curriculum, measure, preference, pretrain, supervised


def as_arrays(inputs):
    return {name: jnp.asarray(value) for name, value in inputs.items()}


def human_feedback(inputs, hyperparameters):
    x, h = as_arrays(inputs), hyperparameters
    common = {"beta": h["beta"], "max_weight": h["clip_weight_max"]}
    objectives = {
        "awr": pretrain.awr(alpha=h["awr_alpha"], **common),
        "rwr": pretrain.rwr(**common),
        "unlikelihood": pretrain.unlikelihood(threshold=h["ul_threshold"] or None, alpha=h["ul_alpha"]),
    }

    def terms(logits, values):
        data = pretrain.Terms(inputs=logits[:, :-1], tokens=x["labels"][:, 1:], token_scores=x["token_scores"][:, 1:])
        return pretrain.forward(lambda _, inputs: inputs, lambda _, inputs: values[:, :-1])(None, data)

    outputs = {}
    for name, objective in objectives.items():
        value = lambda *fields, objective=objective: objective(terms(*fields))  # noqa: E731
        loss, gradients = jax.jit(jax.value_and_grad(value, argnums=(0, 1)))(x["logits"], x["values"])
        outputs |= {f"loss_{name}": loss, f"glogits_{name}": gradients[0], f"gvalues_{name}": gradients[1]}
    return outputs


def imitation(inputs, hyperparameters):
    x = as_arrays(inputs)
    outputs = {}
    for name in ("total_variation", "pearson_chi2", "squared_hellinger", "reverse_kl", "js"):
        objective = preference.divergence_sft(name, beta=hyperparameters["beta"])

        def loss(log_probs, objective=objective):
            terms = preference.Terms(log_probs=log_probs, ref_log_probs=x["ref_logp"])
            terms, _ = jax.jit(objective.update)(terms, objective.init())
            return terms.loss, terms.unpaired_losses

        outputs[f"grad_{name}"], outputs[f"loss_{name}"] = jax.jit(jax.grad(loss, has_aux=True))(x["logp"])
    return outputs


def contrastive(inputs, hyperparameters):
    x, h = as_arrays(inputs), hyperparameters
    sizes = {"tau": h["tau"], "positive_size": h["pos_eps"], "negative_size": h["neg_eps"]}

    def terms(source, target):
        hidden = target * target.shape[-1] ** -0.5
        head = FactoredLogits(hidden, x["lm_head"].T)
        where = x["labels"] != -100
        tokens = jnp.where(where, x["labels"], 0)
        return pretrain.Terms(
            tokens=tokens,
            mask=where & (x["decoder_mask"] != 0),
            source_mask=x["encoder_mask"] != 0,
            hidden=hidden,
            head_kernel=x["lm_head"].T,
            log_probs=head.log_probs(tokens, where),
            source_hidden=source,
            projection_kernel=x["proj_kernel"],
            projection_bias=x["proj_bias"],
        )

    states = (x["encoder_hidden"], x["decoder_hidden"])
    transform = pretrain.contrast_sequences(**sizes, scale_positive=False)
    loss, gradients = jax.jit(jax.value_and_grad(lambda *fields: transform(terms(*fields)), argnums=(0, 1)))(*states)
    behind = jnp.broadcast_to((~terms(*states).mask)[..., None], x["decoder_hidden"].shape)
    negative, positive = pretrain.perturb_states(terms(*states), **sizes)
    return {
        "negative_hidden": (negative, behind),
        "positive_hidden": (positive, behind),
        "nll": pretrain.next_token()(terms(*states)),
        "contrastive": loss,
        "genc_contrastive": gradients[0],
        "gdec_contrastive": gradients[1],
    }


def displacement_scores(inputs, hyperparameters):
    del hyperparameters
    sides = []
    for side in ("preferred", "dispreferred"):
        hidden, last_prompt = inputs[f"{side}_hidden"], inputs[f"{side}_last_prompt_index"]
        sides += [jnp.asarray(hidden), jnp.asarray(np.arange(hidden.shape[1])[None, :] > last_prompt[:, None])]
    return {
        "ches": measure.ches(*sides, length_normalized=False),
        "ches_length_normalized": measure.ches(*sides),
    }


def displacement(inputs, hyperparameters):
    x, h = as_arrays(inputs), hyperparameters
    velocity = measure.logit_velocity(
        x["unembedding"], x["hidden"], h["chosen"], h["rejected"], beta=h["beta"], ref_margin=x["ref_pair_logratio"]
    )
    return {"hidden_velocity": velocity.hidden, "dlogp_dt": velocity.log_probs}


def weak_to_strong(inputs, hyperparameters):
    x, h = as_arrays(inputs), hyperparameters
    # Steps are shares of a training of one step.
    ramp = supervised.confidence_ramp(1, peak=h["aux_coef"], warmup=h["warmup_frac"], released=True)
    confident = supervised.weak_to_strong(coefficient=ramp)
    product = supervised.product_supervision(weak_power=h["product_alpha"], student_power=h["product_beta"])

    def evaluate(objective, step):
        terms = supervised.Terms(soft_labels=x["weak_probs"], step=step)
        return jax.jit(jax.value_and_grad(lambda logits: objective(terms.replace(logits=logits))))(x["logits"])

    losses, gradients = zip(*(evaluate(confident, step) for step in x["step_fracs"]), strict=True)
    loss, gradient = evaluate(product, None)
    return {
        "loss_logconf": jnp.stack(losses),
        "grad_logconf": jnp.stack(gradients),
        "loss_product": loss,
        "grad_product": gradient,
    }


def supervision_quality(inputs, hyperparameters):
    del hyperparameters
    x = as_arrays(inputs)
    steps = (x["step_errors"], x["step_mask"])
    return {
        "outcome_error_rate": measure.outcome_error_rate(x["outcome_errors"]),
        "step_error_rate": measure.step_error_rate(*steps),
        "step_error_rate_wrong": measure.step_error_rate(*steps, x["outcome_errors"]),
    }


def difficulty(inputs, hyperparameters):
    x, h = as_arrays(inputs)["scores"], hyperparameters
    kept = curriculum.difficulty_filter(
        x, least_variation=h["cv_min"], pass_range=(h["pass_lo"], h["pass_hi"]), threshold=h["pass_threshold"]
    )
    return {
        "mean": jnp.mean(x, axis=1),
        "std": jnp.std(x, axis=1),
        "cv": curriculum.coefficient_of_variation(x),
        "pass_rate": curriculum.pass_rates(x, threshold=h["pass_threshold"]),
        "keep": kept,
    }


def coverage(inputs, hyperparameters):
    x, objective = as_arrays(inputs), preference.dco(hyperparameters["N"])

    def loss(logits):
        return objective(preference.Terms(log_probs=preference.sequence_log_probs(logits, x["labels"])))

    @jax.jit
    def factors(probabilities):
        return jnp.stack([measure.coverage_factors(jnp.log(probabilities), int(n)) for n in inputs["n_table"]])

    value, gradient = jax.jit(jax.value_and_grad(loss))(x["logits"])
    table = factors(x["p_table"])
    return {"loss": value, "grad": gradient, "factor_table": without_rounded(table, inputs["n_table"], inputs["p_table"])}


def without_rounded(factors, attempts, probabilities):
    """Leaves entries out that the record, computed in float32 from 1 - p, holds with too few digits to be compared."""
    n, p = attempts[:, None].astype(np.float64), probabilities[None, :].astype(np.float64)
    coverage = np.maximum(1.0 - (1.0 - p) ** n, np.finfo(np.float64).tiny)
    rounding = 0.5 * np.finfo(np.float32).eps * n * np.asarray(factors) / coverage
    return np.ma.masked_array(np.asarray(factors), (n * p >= 0.1) & (rounding > 1e-5))


def easy_to_hard(inputs, hyperparameters):
    x = as_arrays(inputs)
    hardness = curriculum.model_hardness(x["label_confidence"])
    cutoffs = curriculum.hardness_cutoffs(hardness, tuple(hyperparameters["quantiles"]))
    unsupervised, easy, hard = x["accuracies"].T
    return {
        "hardness": hardness,
        "mdl": curriculum.model_hardness(x["label_confidence"], "mdl"),
        "cutoffs": cutoffs,
        "level": curriculum.hardness_levels(hardness, cutoffs),
        "sgr": measure.gap_recovered(easy, unsupervised, hard),
    }


def judged_pairs(inputs, hyperparameters):
    (answers,) = hyperparameters["output_shapes"]["answer_scores"]
    prompts = -1 - np.arange(answers)  # an answer without claims is in no pair: the record does not tell its prompt
    prompts[inputs["claim_answer"]] = inputs["claim_prompt"]

    @jax.jit
    def judge(x):
        scores = preference.claim_scores(x["claim_yes"], x["claim_no"], x["claim_answer"], answers)
        pairs = preference.score_pairs(scores, jnp.asarray(prompts), least_difference=hyperparameters["diff"])
        return scores, pairs, preference.length_balance(x["chosen_len"], x["rejected_len"], x["ratios"])

    scores, pairs, balance = judge(as_arrays(inputs))
    return {
        "answer_scores": scores,
        "pairs": np.argwhere(np.asarray(pairs)).astype(np.int32),
        "best_ratio_index": balance.bound_index,
        "keep_mask": balance.keep,
    }


ADAPTERS = {
    "pref-easy-to-hard": easy_to_hard,
    "pref-difficulty-cv": difficulty,
    "pref-supervision-quality": supervision_quality,
    "pref-weak-to-strong": weak_to_strong,
    "pref-ches": displacement_scores,
    "pref-displacement": displacement,
    "pref-claps": contrastive,
    "pref-fdiv-sft": imitation,
    "pref-phf": human_feedback,
}
UNCOMPILED = {"pref-rlaifv-pairs": judged_pairs, "pref-dco": coverage}
