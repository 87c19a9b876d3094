"""Diversity of latents, by hand."""

import jax
import numpy as np

from algax import measure


def test_right_angles_and_copies():
    embeddings = np.array([[1.0, 1.0], [1.0, -1.0]])  # centre (1, 0)
    latents = np.array([[[1.0, 0.0], [0.0, 2.0], [-3.0, 0.0]], [[2.0, 0.0], [2.0, 0.0], [5.0, 0.0]]])
    latent_diversity = jax.jit(measure.latent_diversity)
    diversity = latent_diversity(latents, embeddings)
    assert isinstance(diversity, measure.LatentDiversity)
    np.testing.assert_allclose(diversity.between, [(1 + 2 + 1) / 3, 0.0], atol=1e-6)
    np.testing.assert_allclose(diversity.from_centre, [(0 + np.sqrt(5) + 4) / 3, (1 + 1 + 4) / 3], rtol=1e-6)
    single = latent_diversity(latents[:, :1], embeddings)
    np.testing.assert_allclose(single.between, [0.0, 0.0])
