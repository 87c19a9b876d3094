"""One answer to each prompt."""

import jax.numpy as jnp

import algax
from algax import policy
from algax.experiments.tasks.verified import Rollouts, transcript


def once(temperature: float = 1.0) -> Rollouts:
    """Samples one answer to each prompt and rewards it if it is right.

    Args:
        temperature: of the samples, > 0; the loss sees the policy at temperature 1.

    Raises:
        ValueError: temperature is not positive.
    """
    if temperature <= 0:
        raise ValueError(f"temperature must be above 0; got {temperature}")

    def collect(setting, params, context, prompts, group_ids, key):
        samples = setting.sample(params, prompts, key, temperature)
        right = setting.right(prompts, samples.tokens)
        inputs = transcript(prompts, samples.tokens)
        ref = algax.Logits(setting.logits(context["reference"], **inputs, length=samples.tokens.shape[1]))
        return policy.Terms(
            inputs=inputs,
            tokens=samples.tokens,
            mask=samples.mask,
            rewards=right.astype(jnp.float32),
            correct=right,
            group_ids=group_ids,
            old_log_probs=samples.log_probs,
            ref_log_probs=ref.log_probs(samples.tokens),
        )

    return Rollouts(collect)
