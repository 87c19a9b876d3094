"""Golden records of scaling laws and of times to a target."""

from algax import measure


def annealing_law(inputs, hyperparameters):
    h = hyperparameters
    law = measure.AnnealingLaw(h["L0"], h["A"], h["alpha"], h["C"])
    outputs = {}
    for name in ("cosine", "wsd"):
        rates = inputs[f"lr_{name}"]
        areas = measure.annealing_areas(rates, decay=h["decay_lambda"], warmup=h["warmup"])
        outputs[f"s1_{name}"], outputs[f"s2_{name}"] = areas
        outputs[f"pred_{name}"] = law.losses(areas[0][1:], areas[1][1:])
    outputs["s2_cosine_with_warmup"] = measure.annealing_areas(inputs["lr_cosine"], decay=h["decay_lambda"])[1]
    predicted = outputs["pred_cosine"][inputs["observed_steps"] - 1]
    outputs["huber_objective"] = measure.huber_log_loss(predicted, inputs["observed_loss"], delta=h["huber_delta"])
    return outputs


def kaplan_law(inputs, hyperparameters):
    h = hyperparameters
    law = measure.KaplanLaw(h["N_c"], h["alpha_N"], h["S_c"], h["alpha_S"], h["B_star"], h["alpha_B"])
    size = inputs["params"]
    return {
        "loss_n": law.converged(size),
        "loss_n_s": law.after_min_steps(size[:, None], inputs["min_steps"][None, :]),
        "critical_batch": law.critical_batch(inputs["losses"]),
        "steps_min_for_loss": law.min_steps_for(inputs["losses"][None, :], size[:, None]),
        "trajectory": law.after_steps(
            size[:, None, None], inputs["steps"][None, :, None], inputs["batch_tokens"][None, None, :]
        ),
    }


def time_to_target(inputs, hyperparameters):
    return {
        "profile": measure.performance_profile(inputs["times"], inputs["taus"]),
        "score": measure.time_to_target_score(inputs["times"], largest_factor=hyperparameters["tau_max"]),
    }


UNCOMPILED = {
    "227_lr_annealing_law": annealing_law,
    "241_algoperf_score": time_to_target,
    "246_kaplan_law": kaplan_law,
}
