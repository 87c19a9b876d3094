"""Controls of rewards and signs, caps on turns, and training on one prompt."""

from algax import policy, schedules

from ...kinds import LossExample
from .completions import group, reward, score, surrogate, to_loss

EXAMPLES = {
    "corrupt_rewards": LossExample({"kind": "inverted"}, around=to_loss(after=(reward(), *score)), bad=({"kind": "none"},)),
    "keep_sign": LossExample({"sign": "negative"}, around=to_loss(group(), after=surrogate), bad=({"sign": "both"},)),
    "cap_turns": LossExample({"cap": 2}, around=to_loss(after=(group(), *surrogate)), bad=({"cap": 0},)),
    "scaling_inter": LossExample(
        {"cap": schedules.staged((1, 2), every=1), "objective": policy.grpo()}, bad=({"cap": 0.5, "objective": policy.grpo()},)
    ),
    "one_shot": LossExample(bad=({"kl_coefficient": -1.0}, {"entropy_coefficient": -1.0})),
}
