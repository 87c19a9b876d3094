"""Examples of the room `curriculum`: stages of difficulty, mixtures and the hardest share."""

import jax.numpy as jnp

from ...kinds import CurriculumExample, Helper

BINS = {"difficulty": (1.0, 2.0, 2.0, 5.0), "boundaries": (1.0, 2.0), "steps_per_stage": 2}

EXAMPLES = {
    "difficulty_stages": CurriculumExample(
        feedback=jnp.zeros(4),
        unseen=jnp.full(4, jnp.nan, jnp.float32),
        kwargs=BINS | {"replay": 0.2},
        bad=(
            BINS | {"boundaries": (2.0, 1.0)},
            BINS | {"boundaries": (1.0, 1.5)},
            BINS | {"steps_per_stage": 0},
            BINS | {"replay": 1.0},
        ),
    ),
    "mixture_schedule": Helper("curriculum/test_difficulty_stages.py"),
    "top_share": Helper("curriculum/test_difficulty_stages.py"),
}
