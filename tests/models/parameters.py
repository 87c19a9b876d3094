"""Parameters that NumPy draws: to compile a model's own draws takes longer than most of what a test does with them."""

import jax
import numpy as np
from flax.core import meta


def draw_params(module, *inputs, seed=0, noise=0.0):
    """Variables of a Flax module as `init` returns them: kernels of the usual size, scales one, biases zero, plus noise."""
    rng = np.random.default_rng(seed)

    def draw(path, leaf):
        mean = float(path[-1].key == "scale")
        fan_in = np.prod(leaf.shape[:-1])
        std = noise if leaf.ndim < 2 else np.hypot(noise, 1 / np.sqrt(fan_in))
        return (mean + std * rng.normal(size=leaf.shape)).astype(leaf.dtype)

    return jax.tree.map_with_path(draw, meta.unbox(jax.eval_shape(module.init, jax.random.key(0), *inputs)))
