"""Ways to collect a batch of `tasks.verified`: what is sampled, under which prompt, in how many turns."""

from algax.experiments.tasks.rollouts.attempts import attempts
from algax.experiments.tasks.rollouts.branches import branched
from algax.experiments.tasks.rollouts.hints import guided, prefixed
from algax.experiments.tasks.rollouts.once import once
from algax.experiments.tasks.rollouts.partners import partners
from algax.experiments.tasks.rollouts.thoughts import thoughts

__all__ = ["attempts", "branched", "guided", "once", "partners", "prefixed", "thoughts"]
