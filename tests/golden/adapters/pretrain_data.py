"""Golden records of what pretraining and instruction data are laid out, chosen and judged by."""

import jax
import jax.numpy as jnp

from algax import Logits, curriculum, measure, pretrain


def spectrum(inputs, hyperparameters):
    h, x = hyperparameters, {name: jnp.asarray(value) for name, value in inputs.items()}
    close = measure.distribution_alignment(x["target"], x["model"], epsilon=h["eps"])
    bins = measure.quantile_calibration(
        x["correct_logprobs"], x["incorrect_logprobs"], bins=h["n_bins"], threshold=h["threshold"]
    )
    used = h["output_shapes"]["bin_means"][0]
    return {
        "ece": bins.error,
        "bin_means": bins.confidence[:used],
        "bin_p_correct": bins.accuracy[:used],
        "js_divergence": close.js,
        "reverse_kl": close.reverse_kl,
        "cross_entropy": close.cross_entropy,
        "kl_divergence": close.kl,
    }


def spectrum_mask(inputs, hyperparameters):
    del hyperparameters
    return {"loss_on_message": pretrain.trained_messages(jnp.asarray(inputs["roles"]))}


def ul2(inputs, hyperparameters):
    h, text = hyperparameters, pretrain.token_batch(jnp.asarray(inputs["tokens"])[None])
    spans = [denoiser for denoiser in pretrain.DENOISERS if denoiser.mean_span is not None]
    counts = [pretrain.noise_counts(jnp.asarray(h["L"]), rate=d.rate, mean_span=d.mean_span) for d in spans]
    outputs = {
        f"num_{name}": jnp.stack(parts) for name, parts in zip(("noise", "spans"), zip(*counts, strict=True), strict=True)
    }
    single_span, end = pretrain.DENOISERS[4], pretrain.DENOISERS[6]
    for name, denoiser in (("x", single_span), ("s", end)):
        batch = pretrain.ul2(h["vocab_size"], tuple(h["mode_ids"]), denoisers=(denoiser,))(jax.random.key(0), text)
        outputs |= {f"{name}_inputs": batch.inputs[0], f"{name}_targets": batch.targets[0]}
    return {name: x[: h["output_shapes"][name][0]] for name, x in outputs.items()}


def magic_token(inputs, hyperparameters):
    del hyperparameters
    values = measure.silhouettes(jnp.asarray(inputs["features"]), jnp.asarray(inputs["modes"]))
    return {"silhouette": values, "margin": jnp.mean(values)}


def majority(inputs, hyperparameters):
    del hyperparameters
    answers = jnp.asarray(inputs["answers"])
    keep = curriculum.majority_filter(answers, min_agree=1)
    first = jnp.take_along_axis(answers, jnp.argmax(keep, axis=1)[:, None], axis=1)[:, 0]
    return {"majority": jnp.where(keep.any(axis=1), first, -1), "count": keep.sum(axis=1), "keep": keep}


def rouge_l(inputs, hyperparameters):
    del hyperparameters
    overlap = measure.rouge_l(jnp.asarray(inputs["a"]), jnp.asarray(inputs["b"]))
    return {"lcs": overlap.lcs, "rouge_l": overlap.f1}


def prompting(inputs, hyperparameters):
    del hyperparameters
    scores, weights, null = (jnp.asarray(inputs[name]) for name in ("answer_scores", "weights", "null_scores"))
    outputs = {mode: pretrain.ensemble_prompts(scores, weights, mode) for mode in ("mixture", "geometric")}
    return outputs | {"calibrated": pretrain.calibrate(scores[0], null)}


def pointwise_information(inputs, hyperparameters):
    h, x = hyperparameters, {name: jnp.asarray(value) for name, value in inputs.items()}
    found = measure.pointwise_information(x["presence"], x["labels"], h["classes"], smoothing=h["smoothing"])
    return {"pmi": found}


def temporal_degradation(inputs, hyperparameters):
    del hyperparameters
    found = measure.temporal_degradation(*(jnp.asarray(inputs[name]) for name in ("train_year", "eval_year", "scores")))
    return {"relative_change": found.relative_change, "slope": found.slope, "pearson": found.correlation}


def masked_distillation(inputs, hyperparameters):
    h, labels = hyperparameters, jnp.asarray(inputs["labels"])
    terms = pretrain.Terms(
        tokens=jnp.where(labels >= 0, labels, 0),
        mask=labels >= 0,
        teacher_distribution=Logits(jnp.asarray(inputs["teacher_logits"])),
    )
    soft = pretrain.teacher_divergence(temperature=h["temperature"])
    both = pretrain.masked_distillation(hard=h["a"], soft=h["b"], temperature=h["temperature"])

    def value(logits, loss):
        return loss(pretrain.forward(lambda params, inputs: params)(logits, terms))

    logits = jnp.asarray(inputs["student_logits"])
    loss, grad = jax.jit(jax.value_and_grad(value), static_argnums=1)(logits, both)
    return {"ce": value(logits, pretrain.next_token()), "kl": value(logits, soft), "loss": loss, "grad": grad}


ADAPTERS = {
    "pre-spectrum": spectrum,
    "pre-spectrum-mask": spectrum_mask,
    "pre-ul2": ul2,
    "pre-magic-token": magic_token,
    "pre-openmathinstruct2": majority,
    "pre-instruct-open": rouge_l,
    "pre-prompting": prompting,
    "pre-alexa-tm": masked_distillation,
    "pre-temporal-degradation": temporal_degradation,
    "pre-cpt-uda": pointwise_information,
}
