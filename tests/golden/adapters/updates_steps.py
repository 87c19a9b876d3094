"""Golden records of the room `updates` that need several steps."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from algax import updates


def nap_project(inputs, hyperparameters):
    del hyperparameters
    outputs = {}
    for name in sorted(name for name in inputs if name.startswith("kernel_init_")):
        i = name.removeprefix("kernel_init_")
        radii = updates.leaf_norms(jnp.asarray(inputs[name]))
        outputs[f"kernel_proj_{i}"] = updates.project_norms(jnp.asarray(inputs[f"kernel_{i}"]), radii)
        affine = updates.project_affine(jnp.asarray(inputs[f"scale_{i}"]), jnp.asarray(inputs[f"offset_{i}"]))
        outputs[f"scale_proj_{i}"], outputs[f"offset_proj_{i}"] = affine
    return outputs


def logistic_gd(inputs, hyperparameters):
    features, labels = jnp.asarray(inputs["features"]), jnp.asarray(inputs["labels"])
    steps = hyperparameters["steps"]

    def margins(theta):
        return labels.astype(features.dtype) * (features @ theta)

    def descend(*optimizer):
        tx = optax.with_extra_args_support(optax.chain(*optimizer))
        gradient = jax.grad(lambda theta: -jnp.mean(jax.nn.log_sigmoid(margins(theta))))

        def step(carry, _):
            theta, state = carry
            change, state = tx.update(gradient(theta), state, theta, margins=margins(theta))
            theta = optax.apply_updates(theta, change)
            return (theta, state), theta

        start = jnp.zeros(features.shape[1], features.dtype)
        _, iterates = jax.lax.scan(step, (start, tx.init(start)), None, length=steps)
        return jnp.concatenate([start[None], iterates])

    large = hyperparameters["gamma_large"]
    return {
        "lr_gd": descend(optax.sgd(hyperparameters["gamma"])),
        "normalized_lr_gd": descend(updates.normalize_by_error_mass(), optax.sgd(hyperparameters["gamma"])),
        "lr_gd_large_over_gamma": descend(optax.sgd(large)) / large,
        "batch_perceptron": updates.batch_perceptron(features, labels, steps=steps),
        "normalized_batch_perceptron": updates.batch_perceptron(features, labels, steps=steps, normalized=True),
    }


def fedhyper(inputs, hyperparameters):
    h = hyperparameters

    def factors(tx, changes, previous=None, **extra_args):
        """The factor each change got."""
        state = tx.init(changes[0])
        if previous is not None:
            state = state._replace(previous=previous)
        result = []
        for change in changes:
            scaled, state = tx.update(change, state, **extra_args)
            result.append(jnp.vdot(scaled, change) / jnp.vdot(change, change))
        return jnp.stack(result)

    server = jnp.asarray(inputs["server_updates"])
    low, high = h["server_clip"]
    initial, (lowest, highest) = h["client_lr0"], h["client_lr_clip"]
    sent = updates.hypergradient_factor(1.0, lowest / initial, highest / initial, mode="accumulate")
    last, local = jnp.asarray(inputs["global_update"]), jnp.asarray(inputs["local_steps"])
    client = updates.hypergradient_factor(
        1.0, *h["local_clip"], mode="multiply", cap=h["local_step_cap"],
        reference_weight=h["local_global_coef"] / h["clients_per_round"],
    )  # fmt: skip
    return {
        "server_lr": factors(updates.hypergradient_factor(1.0, low, high), server),
        "client_lr": initial * factors(sent, server),
        "local_factor": jnp.concatenate([jnp.ones(1), factors(client, local[1:], last, reference=last)]),
    }


def rigl_update(inputs, hyperparameters):
    weights, mask, gradient = (jnp.asarray(inputs[name]) for name in ("weights", "mask", "dense_grad"))
    kept, grown = updates.drop_and_grow(weights, mask, gradient, hyperparameters["drop_fraction"])
    return {"kept": kept, "grown": grown, "new_mask": kept | grown}


def sparse_widths(inputs, hyperparameters):
    kernel_size = int(str(hyperparameters["kernel"]).split("x")[0])
    example = hyperparameters["flops_example"]

    def widths(kind):
        return np.array([
            [updates.iso_flop_width(kind, s, int(i), int(o), kernel_size=kernel_size) for s in inputs["sparsity"]]
            for i, o in inputs["fan"]
        ])  # fmt: skip

    base = hyperparameters["base_width"]
    flops = updates.sparse_training_flops
    common = {"sparse_flops": example["sparse_flops"], "steps": example["iterations"], "batch_size": example["batch"]}
    end = {"dense_flops": example["dense_flops"], "every": example["delta_t"], "until": example["rigl_end_fraction"]}
    return {
        "doped_rank": widths("doped"),
        "factorized_width": widths("factorized"),
        "factorized_width_sparse_u": widths("factorized_first"),
        "wide_width": np.array([updates.iso_flop_width("wide", s, base, base) for s in inputs["sparsity"]]),
        "parallel_branches": np.array([updates.iso_flop_width("parallel", s, base, base) for s in inputs["sparsity"]]),
        "rigl_flops": np.array([flops(**common, **end)]),
        "static_flops": np.array([flops(**common)]),
    }


CRITERIA = {
    "magnitude": "magnitude",
    "avg_magnitude": "average_magnitude",
    "cosine_similarity": "cosine",
    "taylor_first_order": "first_order",
    "taylor_second_order": "second_order",
}


def hesso_saliency(inputs, hyperparameters):
    layers = sorted(name.removeprefix("weight_") for name in inputs if name.startswith("weight_"))
    params, directions = (
        {f"{kind}_{i}": jnp.asarray(inputs[f"{prefix}{kind}_{i}"]) for i in layers for kind in ("weight", "bias")}
        for prefix in ("", "d")
    )
    groups = {i: [(f"weight_{i}", 0), (f"bias_{i}", 0)] for i in layers}
    weights = {CRITERIA[name]: weight for name, weight in hyperparameters["weights"].items()}
    epsilon = hyperparameters["safe_guard"]
    raw = updates.group_criteria(params, directions, groups, epsilon=epsilon)
    outputs = {f"{name}_{i}": raw[i][own] for i in layers for name, own in CRITERIA.items()}
    saliency = updates.group_saliency(params, directions, groups, weights=weights, epsilon=epsilon)
    return outputs | {f"saliency_{i}": saliency[i] for i in layers}


def hesso_shrink(inputs, hyperparameters):
    params = {"group": jnp.asarray(inputs["x0"])}
    groups, masks = {"all": [("group", 0)]}, {"all": np.ones(params["group"].shape[0], bool)}
    shrink = updates.shrink_groups(groups, masks, hyperparameters["period"])
    tx = optax.chain(optax.sgd(hyperparameters["lr"]), shrink)
    state, trajectory = tx.init(params), []
    for gradient in inputs["grads"]:
        change, state = tx.update({"group": jnp.asarray(gradient)}, state, params)
        params = optax.apply_updates(params, change)
        trajectory.append(params["group"])
    return {"trajectory": jnp.stack(trajectory)}


def ignite(inputs, hyperparameters):
    h = hyperparameters
    x, y = jnp.asarray(inputs["x"]), jnp.asarray(inputs["y"])
    params = {name: jnp.asarray(inputs[name]) for name in ("w1", "b1", "w2", "b2")}

    def predict(params, x):
        hidden = jnp.tanh(x @ params["w1"] + params["b1"][None, :])
        return (hidden @ params["w2"] + params["b2"][None, :])[:, 0]

    loss, gradient = jax.jit(jax.value_and_grad(lambda params: jnp.mean(jnp.square(predict(params, x) - y))))(params)
    tx = updates.prediction_gradient_penalty(
        lambda params, x: jnp.mean(predict(params, x)),
        h["epsilon"],
        h["rho"],
        h["r"],
        multiplier=h["lambda"],
        multiplier_rate=h["eta_lambda"],
    )
    combined, state = tx.update(gradient, tx.init(params), params, inputs=x)
    outputs = {"loss": loss, "surrogate_norm": state.norm, "new_lambda": state.multiplier}
    return outputs | {f"g_{name}": value for name, value in combined.items()}


ADAPTERS = {
    "14_ignite": ignite,
    "65_hesso_saliency": hesso_saliency,
    "65_hesso_shrink": hesso_shrink,
    "125_rigl_update": rigl_update,
    "233_fedhyper": fedhyper,
    "239_nap_project": nap_project,
    "248_logistic_gd": logistic_gd,
}
UNCOMPILED = {"125_sparse_ift_widths": sparse_widths}
