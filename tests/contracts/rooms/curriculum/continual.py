"""Data for training that goes on, and images that grow."""

import jax.numpy as jnp

from ...kinds import BatchExample, CurriculumExample, Helper

counts = jnp.array([1, 0, 2])
tokens = jnp.arange(48).reshape(16, 3)

EXAMPLES = {
    "ImageStage": Helper("curriculum/test_resolution.py"),
    "MultiEpochState": Helper("curriculum/test_continual.py"),
    "efficient_train": Helper("curriculum/test_resolution.py"),
    "low_frequency_crop": Helper("curriculum/test_resolution.py"),
    "multi_epoch": CurriculumExample(
        counts, counts, {"examples": 3, "epochs": 2}, bad=({"examples": 0}, {"examples": 3, "epochs": 0})
    ),
    "replay_mix": BatchExample(
        ({"tokens": tokens}, {"tokens": -tokens}), {"fraction": 0.25}, bad=({"fraction": -0.1}, {"fraction": 1.5})
    ),
    "scaled_augment": BatchExample(
        jnp.arange(2.0 * 6 * 6).reshape(2, 6, 6, 1) / 72,
        {"strength": 5.0},
        bad=({"strength": 11.0}, {"strength": 5.0, "count": 0}, {"strength": 5.0, "changes": ("flip",)}),
    ),
    "top_quality_subset": Helper("curriculum/test_continual.py"),
}
