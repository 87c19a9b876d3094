"""Golden records of learning curves, stability, growth, boosting, order effects and decisions."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from algax import measure, models, supervised


def learning_trace(inputs, hyperparameters):
    del hyperparameters  # the true curve and the tolerance
    trace = measure.learning_trace(inputs["sizes"], inputs["accuracy"])
    return {
        "trace": np.array([(-law.scale, -law.exponent, law.offset) for law in trace.laws]),
        "asymptotes": trace.asymptotes,
    }


def preemption(inputs, hyperparameters):
    h = hyperparameters
    times = measure.AttemptTimes(h["time_success"], h["time_failure"], h["time_preempt"])
    predictor = measure.AbortPredictor(h["true_positive_rate"], h["true_negative_rate"])
    plain = measure.makespan(inputs["success_prob"], times)
    preempted = measure.makespan(inputs["success_prob"], times, predictor)
    return {"makespan_plain": plain, "makespan_preempt": preempted, "worthwhile": preempted < plain}


def sgd_stability(inputs, hyperparameters):
    rate = hyperparameters["learning_rate"]
    jacobian = jnp.asarray(inputs["jacobian"])
    curvature = measure.loss_curvature(jacobian)
    radii = {"gd_radius": None, "sgd_radius_b1": 1, "sgd_radius_b2": 2}
    outputs = {name: measure.sgd_stability_radius(jacobian, rate, batch_size=size) for name, size in radii.items()}
    arrays = (jnp.asarray(inputs[name]) for name in ("inputs", "hidden_weights", "output_weights"))
    return {**curvature._asdict(), **outputs, "relu_trace": measure.relu_net_trace(*arrays)}


def boosting_losses(inputs, hyperparameters):
    del hyperparameters
    cases = {
        "reg": (supervised.squared_boosting(), "y_reg", "f", "h"),
        "bin": (supervised.log_exponential_boosting(), "y_bin", "f", "h"),
        "multi": (supervised.cross_entropy_boosting(), "y_multi", "f_multi", "h_multi"),
    }
    outputs = {}
    for name, (loss, *arrays) in cases.items():
        shape = inputs[arrays[0]].shape
        y, scores, block = (jnp.reshape(inputs[array], (shape[0], -1)) for array in arrays)
        residual = loss.residual(y, scores)
        outputs[f"{name}_init"], outputs[f"{name}_residual"] = loss.initial(y), jnp.reshape(residual, shape)
        outputs[f"{name}_rho"] = loss.newton_step(y, residual, block)
        outputs[f"{name}_loss"] = loss.value(y, scores)
    outputs["multi_loss_sum"] = jnp.sum(outputs["multi_loss"])
    outputs["bin_prob"] = jax.nn.sigmoid(cases["bin"][0].logit_scale * inputs["f"])
    return outputs


def order_transfer(inputs, hyperparameters):
    h = hyperparameters

    def gradient(params, batch):
        x, y = batch
        return x.T @ (x @ params - y) / y.shape[0]

    @jax.jit
    def outputs(arrays):
        batches, start, order = (arrays["x"], arrays["y"]), arrays["theta0"], arrays["order"]
        sgd = optax.sgd(h["learning_rate"])
        trajectory = measure.reference_run(gradient, sgd, start, batches)
        estimate = measure.estimate_order(gradient, sgd, trajectory, batches, order, moments="frozen")
        retrained = measure.reference_run(gradient, sgd, start, jax.tree.map(lambda leaf: leaf[order], batches))
        b1, b2, eps = h["adam"]
        state = optax.ScaleByAdamState(jnp.asarray(h["adam_step_count"] - 1), arrays["m_prev"], arrays["v_prev"])
        first = jax.tree.map(lambda leaf: leaf[0], batches)
        adam = measure.linearized_update(gradient, optax.scale_by_adam(b1, b2, eps), state, start, first, arrays["direction"])
        return {
            "reference": trajectory.params,
            "estimate": estimate,
            "retrained": retrained.params,
            "adam_update": adam.update,
            "adam_update_jvp": adam.derivative,
        }

    with jax.enable_x64(), jax.numpy_dtype_promotion("standard"):  # Optax itself promotes
        return jax.device_get(outputs(inputs))


def masked_layer_norm(inputs, hyperparameters):
    h = hyperparameters
    old, new = h["old_width"], h["new_width"]
    x, scale, offset = (jnp.asarray(inputs[name]) for name in ("x", "scale", "offset"))

    def normalised(x, mask):
        size = x.shape[-1]
        y = models.masked_normalise(x, mask, h["eps"], centred=True)
        return y * scale[None, :size] + offset[None, :size]

    outputs = {"y_small": normalised(x[:, :old], jnp.ones(old))}
    for name in h["output_shapes"]:
        if name != "y_small":
            mask = jnp.where(jnp.arange(new) < old, 1.0, float(name.removeprefix("y_")))
            outputs[name] = normalised(x, mask)
    return outputs


ADAPTERS = {
    "130_makespan": preemption,
    "258_stability": sgd_stability,
    "209_gbnn_losses": boosting_losses,
    "276_masked_layernorm": masked_layer_norm,
}
UNCOMPILED = {"126_learning_trace": learning_trace, "196_order_transfer": order_transfer}
