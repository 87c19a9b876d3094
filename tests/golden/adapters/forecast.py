"""The golden record of the loss forecast."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from algax import schedules


def exp_forecast(inputs, hyperparameters):
    h = hyperparameters
    degree, outputs = h["spline_degree"], {}

    @jax.jit
    def forecast(losses):
        predicted, fit = schedules.exponential_forecast(losses, h["pred_index"])
        return predicted, jnp.stack(fit)

    for name in ("clean", "noisy"):
        outputs[f"pred_{name}"], outputs[f"fit_{name}"] = forecast(inputs[f"loss_{name}"])
    noisy = inputs["loss_noisy"]
    steps = np.arange(len(noisy))
    options = {
        "train": {"fraction": h["filter_ratio"], "rounds": h["iterations_train"]},
        "val": {"fraction": 1 / len(noisy), "rounds": h["iterations_val"], "region": 1.0},
    }
    for name, option in options.items():
        prune = functools.partial(schedules.prune_outliers, degree=degree, **option)
        kept = np.flatnonzero(jax.jit(prune)(noisy))
        # The released code forecasts from its smoothing spline, which is one polynomial.
        smooth = np.polyval(np.polyfit(kept, noisy[kept].astype(np.float64), degree), steps)
        outputs[f"full_pred_{name}"], outputs[f"full_fit_{name}"] = forecast(smooth.astype(np.float32))
        outputs[f"kept_indices_{name}"] = kept
    return outputs


UNCOMPILED = {"222_exp_forecast": exp_forecast}
