"""The golden record of the loss forecast."""

import jax.numpy as jnp
import numpy as np

from algax import schedules


def exp_forecast(inputs, hyperparameters):
    h = hyperparameters
    at, degree, outputs = h["pred_index"], h["spline_degree"], {}
    for name in ("clean", "noisy"):
        outputs[f"pred_{name}"], fit = schedules.exponential_forecast(jnp.asarray(inputs[f"loss_{name}"]), at)
        outputs[f"fit_{name}"] = jnp.stack(fit)
    noisy = inputs["loss_noisy"]
    steps = np.arange(len(noisy))
    options = {
        "train": {"fraction": h["filter_ratio"], "rounds": h["iterations_train"]},
        "val": {"fraction": 1 / len(noisy), "rounds": h["iterations_val"], "region": 1.0},
    }
    for name, option in options.items():
        kept = np.flatnonzero(schedules.prune_outliers(jnp.asarray(noisy), degree=degree, **option))
        # The released code forecasts from its smoothing spline, which is one polynomial.
        smooth = np.polyval(np.polyfit(kept, noisy[kept].astype(np.float64), degree), steps)
        outputs[f"full_pred_{name}"], fit = schedules.exponential_forecast(jnp.asarray(smooth, jnp.float32), at)
        outputs[f"full_fit_{name}"] = jnp.stack(fit)
        outputs[f"kept_indices_{name}"] = kept
    return outputs


ADAPTERS = {"222_exp_forecast": exp_forecast}
