"""Examples of the room `curriculum`: what to pretrain on."""

import jax.numpy as jnp

from algax import curriculum

from ...kinds import CurriculumExample, Helper

SEEN = jnp.array([True, False, True])
EXAMPLES = dict.fromkeys(
    ("decontaminate", "fair_downsample", "novelty_filter", "threshold_filter"), Helper("curriculum/test_instruction_data.py")
) | {
    "TopicPerplexities": Helper("curriculum/test_topics.py"),
    "TopicState": Helper("curriculum/test_topics.py"),
    "topic_mixture": CurriculumExample(
        feedback=curriculum.TopicPerplexities(jnp.array([8.0, 1.0, 20.0]), SEEN),
        unseen=curriculum.TopicPerplexities(jnp.array([8.0, jnp.nan, 20.0]), SEEN),
        kwargs={"initial_rates": (1.0, 2.0, 1.0)},
        bad=({"initial_rates": ()}, {"initial_rates": (1.0, 0.0)}, {"initial_rates": (1.0,), "step_size": 1.0}),
    ),
}
