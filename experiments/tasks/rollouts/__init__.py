"""Ways to collect a batch of `tasks.verified`: what is sampled, under which prompt, in how many turns."""

from algax.experiments.tasks.rollouts.attempts import attempts
from algax.experiments.tasks.rollouts.branches import branched
from algax.experiments.tasks.rollouts.cold_start import cold_started
from algax.experiments.tasks.rollouts.controlled import controlled
from algax.experiments.tasks.rollouts.demonstrated import demonstrated
from algax.experiments.tasks.rollouts.hints import guided, prefixed
from algax.experiments.tasks.rollouts.limited import limited
from algax.experiments.tasks.rollouts.once import once
from algax.experiments.tasks.rollouts.partners import partners
from algax.experiments.tasks.rollouts.stepwise import stepwise
from algax.experiments.tasks.rollouts.thoughts import thoughts

__all__ = [
    "attempts",
    "branched",
    "cold_started",
    "controlled",
    "demonstrated",
    "guided",
    "limited",
    "once",
    "partners",
    "prefixed",
    "stepwise",
    "thoughts",
]
