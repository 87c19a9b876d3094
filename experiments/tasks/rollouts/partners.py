"""Two copies of a policy: one answers, the other answers having seen that, and both are rewarded for both."""

import functools

import jax
import jax.numpy as jnp

import algax
from algax import policy
from algax.experiments.tasks.verified import MARK, MARK_TOKEN, Rollouts, Setting, left_padded

VALUE_SCALE = 10.0  # of a critic's linear function, whose weights take the small steps that suit a Transformer


def partners(cooperate: bool = True, every: int = 5) -> Rollouts:
    """A pioneer answers, an observer answers the same prompt with the pioneer's answer before it; they change roles.

    What is trained is {"first": params, "second": params, "critics": one for each}; the first is judged, alone. A critic is
    linear in its policy's probabilities of the next character, without a gradient to them.

    Args:
        cooperate: True rewards each for both answers; False lets each answer alone and rewards it for its own, which is two
            separate runs.
        every: updates between exchanges of the roles, >= 1.

    Returns:
        rollouts of twice as many rows, the pioneer's and then the observer's in groups of their own, with the metric
        `observer_accuracy`.

    Raises:
        ValueError: every is below 1.
    """
    if every < 1:
        raise ValueError(f"every must be at least 1; got {every}")

    def collect(setting, params, context, prompts, group_ids, key):
        step, agents = context["step"], (jnp.zeros([], jnp.int32), jnp.ones([], jnp.int32))
        roles = policy.exchange_roles(step, (params["first"], params["second"]), every=every)
        names = jnp.repeat(jnp.stack(policy.exchange_roles(step, agents, every=every)), len(prompts))
        shown, (pioneer, observer) = _play(setting, roles, prompts, key, cooperate)
        rewards = jnp.stack([setting.right(prompts, role.tokens).astype(jnp.float32) for role in (pioneer, observer)])
        weights = None if cooperate else jnp.eye(2)
        inputs = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), shown)
        both = jax.tree.map(lambda *x: jnp.concatenate(x), pioneer, observer)
        tokens = jnp.concatenate([inputs["tokens"], both.tokens], axis=1)
        mask = jnp.concatenate([inputs["mask"], both.mask], axis=1)
        ref = algax.Logits(setting.logits(context["reference"], tokens, mask, setting.answer_length))
        inputs = {"tokens": tokens, "mask": mask, "agents": names}
        return policy.Terms(
            inputs=inputs,
            tokens=both.tokens,
            mask=both.mask,
            rewards=policy.shared_rewards(rewards, weights).reshape(-1),
            correct=rewards.reshape(-1) > 0,
            group_ids=jnp.concatenate([group_ids, group_ids + jnp.max(group_ids) + 1]),
            old_log_probs=both.log_probs,
            ref_log_probs=ref.log_probs(both.tokens),
            old_values=_logits_and_values(setting, params, inputs)[1],
        )

    def forward(setting, params, terms):
        logits, values = _logits_and_values(setting, params, terms.inputs)
        distribution = algax.Logits(logits)
        return terms.replace(distribution=distribution, log_probs=distribution.log_probs(terms.tokens), values=values)

    def judge(setting, params, context, prompts, key):
        _, (_, observer) = _play(setting, (params, params), prompts, key, True)
        return {"observer_accuracy": jnp.mean(setting.right(prompts, observer.tokens).astype(jnp.float32))}

    def start(params):
        critics = {"weights": jnp.zeros([2, MARK_TOKEN + 1]), "biases": jnp.zeros([2])}
        return {"first": params, "second": params, "critics": critics}

    return Rollouts(collect, judge, MARK, start, lambda params: params["first"], forward)


def _logits_and_values(setting: Setting, params: dict, inputs: dict) -> tuple[jax.Array, jax.Array]:
    """Of the answers' characters under the agent of each row, `[B, T, C]` and `[B, T]`; one half of the rows is one agent's."""
    halves = jax.tree.map(lambda x: x.reshape(2, -1, *x.shape[1:]), inputs)
    order, agents, critics = halves["agents"][:, 0], inputs["agents"], params["critics"]
    policies = jax.tree.map(lambda *x: jnp.stack(x), params["first"], params["second"])
    logits_of = functools.partial(setting.logits, length=setting.answer_length)
    logits = jnp.concatenate(jax.vmap(logits_of)(policies, halves["tokens"][order], halves["mask"][order])[order])
    chances = jax.nn.softmax(jax.lax.stop_gradient(logits))[..., : MARK_TOKEN + 1]
    found = jnp.sum(chances * critics["weights"][agents][:, None], axis=-1) + critics["biases"][agents][:, None]
    return logits, VALUE_SCALE * found


def _alone(setting: Setting, prompts: jax.Array) -> dict[str, jax.Array]:
    """The prompts on the right of rows as long as those of `_told`."""
    return left_padded(prompts, setting.answer_length + 1)


def _told(setting: Setting, prompts: jax.Array, pioneer) -> dict[str, jax.Array]:
    """The prompts with an answer and a mark after them."""
    mark = jnp.full((len(prompts), 1), MARK_TOKEN, prompts.dtype)
    mask = jnp.concatenate([jnp.ones(prompts.shape, bool), pioneer.mask, jnp.ones(mark.shape, bool)], axis=1)
    return {"tokens": jnp.concatenate([prompts, pioneer.tokens, mark], axis=1), "mask": mask}


def _play(setting: Setting, roles: tuple, prompts: jax.Array, key: jax.Array, cooperate: bool):
    """The pioneer's turn, then the observer's: what each was shown, `[2, B, ...]`, and the samples of both."""
    alone = _alone(setting, prompts)

    def turn(shown, turn):
        params, key = turn
        samples = setting.sample(params, shown["tokens"], key, mask=shown["mask"])
        return _told(setting, prompts, samples) if cooperate else alone, (shown, samples)

    both = jax.tree.map(lambda *x: jnp.stack(x), *roles)
    _, (shown, samples) = jax.lax.scan(turn, alone, (both, jax.random.split(key)))
    return shown, tuple(jax.tree.map(lambda x, i=i: x[i], samples) for i in range(2))
