"""Initial weights of the Transformer.

Kernels are truncated normal with variance `1 / fan_in`. The two projections of a block that write into the residual
stream take a further `1 / (2 * num_layers)`, so that the stream's variance does not grow with depth (Radford et al.,
Language Models are Unsupervised Multitask Learners, 2019). Embeddings are normal with standard deviation 0.02.
"""

import flax.linen as nn
from flax.typing import Initializer

kernel_init = nn.initializers.variance_scaling(1.0, "fan_in", "truncated_normal")
embedding_init = nn.initializers.normal(0.02)


def residual_init(num_layers: int) -> Initializer:
    """Returns the initializer of a projection that writes into the residual stream."""
    return nn.initializers.variance_scaling(0.5 / num_layers, "fan_in", "truncated_normal")


def partitioned(initializer: Initializer, *axis_names: str) -> Initializer:
    """Returns `initializer` with its output boxed with the logical names of its axes."""
    return nn.with_logical_partitioning(initializer, axis_names)
