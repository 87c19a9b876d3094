"""Ways to collect a batch of `tasks.verified`: what is sampled, under which prompt, in how many turns."""

from algax.experiments.tasks.rollouts.attempts import attempts
from algax.experiments.tasks.rollouts.hints import guided, prefixed
from algax.experiments.tasks.rollouts.once import once

__all__ = ["attempts", "guided", "once", "prefixed"]
