"""Golden records of model parts."""

import jax.numpy as jnp

from algax import models


def latent_attention(inputs, hyperparameters):
    h = hyperparameters
    heads, nope, rope, value, rank = (h[name] for name in ("heads", "nope_dim", "rope_dim", "v_dim", "kv_rank"))
    module = models.LatentAttention(heads, nope, rope, value, rank, rope_theta=h["rope_theta"], norm_epsilon=h["rms_eps"])
    x = jnp.asarray(inputs["x"])
    params = {
        "query": inputs["w_q"].reshape(-1, heads, nope + rope),
        "compress": inputs["w_dkv"],
        "latent_norm": {"scale": inputs["norm_scale"]},
        "expand": inputs["w_ukv"].reshape(rank, heads, nope + value),
        "output": inputs["w_o"].reshape(heads, value, -1),
    }
    (output, cache), state = module.apply({"params": params}, x, mutable=["intermediates"])
    weights = state["intermediates"]["weights"][0]
    return {"attention": weights, "latent": cache.latent, "k_rope": cache.rope_key, "output": output}


ADAPTERS = {"257_mla": latent_attention}
