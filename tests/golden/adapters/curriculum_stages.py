"""Golden records of stages and of pairs out of a search tree."""

import jax
import jax.numpy as jnp

from algax import curriculum, preference, schedules


def octothinker(inputs, hyperparameters):
    h = hyperparameters
    peak, options = h["peak"], {"warmup": 0, "stable": h["stable_steps"], "decay_steps": h["decay_steps"]}
    rate = schedules.warmup_stable_decay_constant(peak, h["end_fraction"] * peak, shape=h["shape"], **options)
    return {"lr": jax.jit(jax.vmap(rate))(jnp.asarray(inputs["step"]))}


def itool(inputs, hyperparameters):
    h, x = hyperparameters, {name: jnp.asarray(value) for name, value in inputs.items()}
    score = curriculum.tree_search_scores(
        x["value"], x["visits"], x["prior"], x["parent_visits"], exploration=h["exploration"]
    )
    pairs = curriculum.sibling_pairs(
        x["value"], x["overlap"], threshold=h["value_threshold"], accept=h["accept_value"], overlap_limit=h["overlap_limit"]
    )
    ones = jnp.ones_like(x["logp_win"])

    def losses(win, lose, mean):
        def loss(win, lose, one):
            transform = preference.simpo(beta=h["beta"], gamma=h["margin"])
            fields = {"chosen_log_probs": win, "rejected_log_probs": lose}
            return transform(preference.Terms(**fields, **{name: one for name in transform.requires if name not in fields}))

        if mean:
            return loss(win, lose, ones)
        return jax.vmap(lambda *row: loss(*(value[None] for value in row)))(win, lose, ones)

    grads = jax.jit(jax.grad(losses, argnums=(0, 1)), static_argnums=2)(x["logp_win"], x["logp_lose"], True)
    return {
        "score": score,
        "best": jnp.argmax(score, axis=1),
        "win": pairs.win,
        "lose": pairs.lose,
        "use": pairs.where,
        "loss": jax.jit(losses, static_argnums=2)(x["logp_win"], x["logp_lose"], False),
        "grad_win": grads[0],
        "grad_lose": grads[1],
    }


ADAPTERS = {"itool": itool, "octothinker": octothinker}
