"""One answer to each prompt."""

from algax.experiments.tasks.verified import Rollouts, answered


def once() -> Rollouts:
    """Samples one answer to each prompt and rewards it if it is right."""

    def collect(setting, params, context, prompts, group_ids, key):
        samples = setting.sample(params, prompts, key)
        return answered(setting, context, prompts, group_ids, samples.tokens, samples.mask, samples.log_probs)

    return Rollouts(collect)
