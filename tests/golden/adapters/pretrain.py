"""Golden records of token transforms and objectives on sequences."""

import jax
import jax.numpy as jnp
import numpy as np

from algax import Logits, measure, models, pretrain


def span_corruption(inputs, hyperparameters):
    h = hyperparameters
    tokens = jnp.asarray(inputs["tokens"])
    rows, width = tokens.shape
    lengths = jnp.full([rows], width)
    noise, spans = pretrain.noise_counts(lengths, rate=h["noise_density"], mean_span=h["mean_span"])
    breaks = [np.asarray(inputs[name]) for name in ("noise_break", "nonnoise_break")]
    breaks = [jnp.asarray(np.pad(x, ((0, 0), (0, width - 1 - x.shape[1])))) for x in breaks]
    mask = pretrain.alternating_spans(noise, lengths, *breaks)
    outputs = {"mask": mask, "num_noise": noise[0], "num_spans": spans[0]}
    for name, hidden in (("inputs", mask), ("targets", ~mask)):
        text, kept = pretrain.hide(tokens, jnp.ones_like(mask), hidden, token=h["vocab_size"])
        outputs[name] = text[:, : h["output_shapes"][name][1]]
        outputs[f"{name}_len"] = jnp.sum(kept, axis=1)
    return outputs


def span_lengths(inputs, hyperparameters):
    rows = zip(inputs["inputs_length"], inputs["noise_density"], inputs["mean_span"], strict=True)
    found = [pretrain.span_lengths(int(n), rate=float(f"{rate:.6g}"), mean_span=float(span)) for n, rate, span in rows]
    tokens, targets = zip(*found, strict=True)
    return {"tokens_length": np.asarray(tokens), "targets_length": np.asarray(targets)}


def attention_masks(inputs, hyperparameters):
    del hyperparameters
    tokens, prefix, segments = (jnp.asarray(inputs[name]) for name in ("tokens", "prefix", "segments"))
    real = tokens != 0
    masks = {
        "causal": models.decoder_mask(real),
        "causal_packed": models.decoder_mask(real, segment_ids=segments),
        "prefix_lm": models.decoder_mask(real, prefix),
        "prefix_lm_packed": models.decoder_mask(real, prefix, segments),
    }
    return {name: mask.astype(jnp.float32) for name, mask in masks.items()}


def masked_language(inputs, hyperparameters):
    h, x = hyperparameters, {name: jnp.asarray(value) for name, value in inputs.items()}
    draws = x["select_uniforms"], x["branch_uniforms"], x["random_ids"]
    tokens, chosen = pretrain.corrupt_tokens(
        x["tokens"], ~x["special"], draws, rate=h["rate"], mask_token=h["mask_id"], shares=(0.8, 0.1, 0.1)
    )
    outputs = {"inputs": tokens, "labels": jnp.where(chosen, x["tokens"], -100)}
    for reduce in ("mean_logit", "mass"):
        outputs[f"class_probs_{reduce}"] = pretrain.verbalize(x["mask_logits"], x["label_words"], reduce)
    return outputs


def meco(inputs, hyperparameters):
    h, x = hyperparameters, {name: jnp.asarray(value) for name, value in inputs.items()}

    def filled(name):
        return jnp.arange(x[name].shape[1])[None, :] < x[f"{name}_len"][:, None]

    text = pretrain.token_batch(x["text"], filled("text"))
    ends = {"bos_token": h["bos"], "eos_token": h["eos"], "pad_token": h["pad"]}
    result = pretrain.meco(text, x["metadata"], filled("metadata"), **ends)
    return {"tokens": result.tokens, "labels": jnp.where(result.learned, result.targets, -100)}


def masked_thought(inputs, hyperparameters):
    h, x = hyperparameters, {name: jnp.asarray(value) for name, value in inputs.items()}
    positions = jnp.arange(x["tokens"].shape[1])[None, :]
    response = (positions >= x["prompt_len"][:, None]) & (positions < x["length"][:, None])
    rate, draws = h["max_rate"], (x["uniforms"], jnp.zeros_like(x["uniforms"]), x["random_ids"])

    def corrupted(*shares):
        return pretrain.corrupt_tokens(x["tokens"], response, draws, rate=rate, mask_token=h["mask_id"], shares=shares)[0]

    return {
        "rates": pretrain.mask_rate(rate, h["total_steps"], warmup_fraction=h["warmup_fraction"])(x["steps"]),
        "masked_inputs": corrupted(1.0, 0.0, 0.0),
        "replaced_inputs": corrupted(0.0, 1.0, 0.0),
        "labels": jnp.where(response, x["tokens"], -100),
    }


def step_supervision(inputs, hyperparameters):
    del hyperparameters
    labels = jnp.asarray(inputs["step_labels"])
    rows, steps, length = labels.shape
    flat = labels.reshape(rows, -1)
    ids = jnp.broadcast_to(jnp.repeat(jnp.arange(steps), length)[None], flat.shape)

    def loss(logits, reduction):
        distribution = Logits(logits.reshape(*flat.shape, -1))
        tokens = jnp.where(flat >= 0, flat, 0)
        terms = pretrain.Terms(log_probs=distribution.log_probs(tokens), tokens=tokens, mask=flat >= 0, step_ids=ids)
        return pretrain.step_supervision(steps, reduction)(terms)

    outputs = {}
    for reduction in ("sequence", "token"):
        value, gradient = jax.jit(jax.value_and_grad(loss), static_argnums=1)(jnp.asarray(inputs["step_logits"]), reduction)
        outputs |= {f"loss_{reduction}": value, f"grad_{reduction}": gradient}
    return outputs


def skill_mix(inputs, hyperparameters):
    del hyperparameters
    grades = measure.skill_mix(jnp.asarray(inputs["skill_points"]), jnp.asarray(inputs["other_points"]))
    return grades._asdict() | {"means": jnp.stack([jnp.mean(grade.astype(jnp.float32)) for grade in grades])}


ADAPTERS = {
    "pre-span-corruption": span_corruption,
    "pre-attention-masks": attention_masks,
    "pre-mlm-verbalizer": masked_language,
    "pre-meco": meco,
    "pre-masked-thought": masked_thought,
    "pre-simcot": step_supervision,
    "pre-skill-mix": skill_mix,
}
UNCOMPILED = {"pre-span-lengths": span_lengths}
