"""Rewards put together from parts."""

from ...kinds import LossExample
from .completions import reward, score, to_loss

EXAMPLES = {
    "composite_reward": LossExample(
        {"weights": (0.1, 0.4, 0.5), "gates": {2: 1}},
        around=to_loss(after=(reward(), *score)),
        bad=({"weights": ()}, {"weights": (1.0,), "gates": {0: 1}}),
    ),
    "craft": LossExample(bad=({"weights": (1.0,)}, {"kl_coefficient": -1.0})),
}
