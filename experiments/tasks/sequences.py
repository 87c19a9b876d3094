"""Short sequences of symbols with tabular probabilities: policy losses over several tokens, exact where it counts."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

import algax
from algax import policy
from algax.experiments.tasks.task import Task

COVERED = 0.02  # a right sequence counts as one the policy still gives above this probability
EVALUATED = 64  # sequences sampled a prompt for the entropy and the KL


class Play(NamedTuple):
    """What rows are made of; see `sequence_rows` for those that join a batch.

    Attributes:
        prompts, length, symbols: their numbers.
        sample: `sample(params, context, chosen, key, given) -> (tokens, log_probs)`, `[B, T]`; where `given`, `[B, T]`, is not
            negative, the token is that one.
        scores: `scores(params, context, chosen, tokens)`, the logits `[B, T, symbols]` along sequences, and values or None.
        rows: `rows(params, chosen, tokens, log_probs, context) -> policy.Terms`.
    """

    prompts: int
    length: int
    symbols: int
    sample: Callable
    scores: Callable
    rows: Callable


def nodes(symbols: int, length: int, by_position: bool) -> tuple[Callable, int]:
    """Numbers the states of a sequence.

    Returns:
        `node(position, prefix)`, where `prefix` is the number whose digits in base `symbols` are the tokens so far, and the
        number of nodes; by position alone all prefixes share one.
    """
    if by_position:
        return lambda position, prefix: jnp.broadcast_to(position, prefix.shape), length
    starts = [sum(symbols**i for i in range(position)) for position in range(length + 1)]
    return lambda position, prefix: jnp.asarray(starts)[position] + prefix, starts[-1]


def sequences(
    model: Any,
    prompts: int = 8,
    length: int = 4,
    symbols: int = 4,
    right_answers: int = 10,
    samples_per_prompt: int = 16,
    epochs: int = 4,
    spread: float = 0.5,
    by_position: bool = False,
    graded: bool = False,
    critic: bool = False,
    extra: Callable | None = None,
) -> Task:
    """A tree of decisions a prompt: a sequence of symbols, some of the leaves right, all others wrong.

    The policy has a row of logits for every node (prefix) of every prompt's tree and starts at random preferences that a seed
    keeps. Samples are those of the policy at the start of an iteration, which `refresh_sampler` keeps beside it: the
    parameters are `{"policy": ..., "samplers": ...}`.

    Args:
        model: a Linen module, one-hot nodes to logits `[..., symbols]`, and with a critic the node's value behind them.
        prompts: number of prompts, all of them in every batch.
        length: of every sequence, in tokens.
        symbols: to choose from.
        right_answers: right sequences of every prompt.
        samples_per_prompt: sequences sampled to a prompt, one group.
        epochs: updates on the same samples.
        spread: standard deviation of the logits at the start.
        by_position: the policy knows the position only, not what it wrote before.
        graded: the reward is the share of tokens equal to those of the first right sequence, in place of 1 or 0.
        critic: the model predicts values too.
        extra: one of `sequence_rows`: rows that join every batch, flagged so that an arm may drop them.

    Returns:
        a task with the metrics `accuracy` (probability of a right sequence, exact), `right_answers_kept` (right sequences of
        probability above 0.02, mean over prompts, exact), and from 64 samples a prompt `entropy` and `kl` to the start (nats
        a token) and `reward`.
    """
    _check(symbols, length, right_answers, epochs)
    node, count = nodes(symbols, length, by_position)
    groups = jnp.repeat(jnp.arange(prompts), samples_per_prompt)

    def places(chosen, at):
        return chosen.reshape(-1, *(1,) * (at.ndim - 1)) * count + at

    def outputs(params, context, chosen, at):
        place = places(chosen, at)
        return model.apply(params, jax.nn.one_hot(place, prompts * count)), context["preferences"][place]

    def all_nodes(tokens):
        prefixes = [jnp.zeros_like(tokens[:, 0])]
        for position in range(length - 1):
            prefixes.append(prefixes[-1] * symbols + tokens[:, position])
        return jnp.stack([node(position, prefix) for position, prefix in enumerate(prefixes)], axis=1)

    def scores(params, context, chosen, tokens):
        """Logits `[B, T, symbols]` along sequences, and values `[B, T]` or None."""
        output, preferences = outputs(params, context, chosen, all_nodes(tokens))
        return output[..., :symbols] + preferences, output[..., symbols] if critic else None

    def sample(params, context, chosen, key, given=None):
        given = jnp.full([len(chosen), length], -1) if given is None else given

        def draw(carry, step):
            prefix, key = carry
            position, wanted = step
            key, draw_key = jax.random.split(key)
            output, preferences = outputs(params, context, chosen, node(position, prefix))
            log_probs = jax.nn.log_softmax(output[..., :symbols] + preferences)
            token = jnp.where(wanted >= 0, wanted, jax.random.categorical(draw_key, log_probs))
            return (prefix * symbols + token, key), (token, jnp.take_along_axis(log_probs, token[:, None], axis=1)[:, 0])

        start = (jnp.zeros(chosen.shape, given.dtype), key)
        _, (tokens, log_probs) = jax.lax.scan(draw, start, (jnp.arange(length), given.T))
        return tokens.T, log_probs.T

    def judge(context, chosen, tokens):
        """Which sequences are right, and their rewards: `[B]` each."""
        same = tokens[:, None] == context["right"][chosen]
        correct = jnp.any(jnp.all(same, axis=-1), axis=-1)
        share = jnp.mean(same[:, 0], axis=-1, dtype=jnp.float32)
        return correct, share if graded else correct.astype(jnp.float32)

    def init(key):
        model_key, preference_key, right_key, sample_key = jax.random.split(key, 4)
        params = model.init(model_key, jnp.zeros([1, prompts * count]))
        preferences = spread * jax.random.normal(preference_key, (prompts * count, symbols))
        if right_answers == 1:
            right = jax.random.randint(right_key, (prompts, 1, length), 0, symbols)
        else:
            draw = jax.vmap(lambda key: jax.random.choice(key, symbols**length, (right_answers,), replace=False))
            digits = symbols ** jnp.arange(length - 1, -1, -1)
            right = draw(jax.random.split(right_key, prompts))[..., None] // digits[None, None] % symbols
        context = {"preferences": preferences, "right": right, "key": sample_key, "reference": params}
        return {"policy": params, "samplers": jax.tree.map(lambda x: x[None], params)}, context

    def rows(params, chosen, tokens, log_probs, context):
        correct, rewards = judge(context, chosen, tokens)
        reference, _ = scores(context["reference"], context, chosen, tokens)
        _, values = scores(params, context, chosen, tokens)
        nobody = jnp.zeros(chosen.shape, bool)
        return policy.Terms(
            inputs={"chosen": chosen, "preferences": context["preferences"][places(chosen, all_nodes(tokens))]},
            tokens=tokens,
            mask=jnp.ones(tokens.shape, bool),
            rewards=rewards,
            correct=correct,
            truncated=nobody,
            group_ids=chosen,
            guided_tokens=jnp.zeros(tokens.shape, bool),
            demonstrations=nobody,
            regularising=nobody,
            old_log_probs=log_probs,
            ref_log_probs=algax.Logits(reference).log_probs(tokens),
            old_values=values,
        )

    play = Play(prompts, length, symbols, sample, scores, rows)

    def batch(params, context, step, key):
        del key  # the samples of all epochs are the same
        iteration = step // epochs
        sampler = jax.tree.map(lambda x: x[-1], params["samplers"])
        sample_key, extra_key = jax.random.split(jax.random.fold_in(context["key"], iteration))
        terms = rows(sampler, groups, *sample(sampler, context, groups, sample_key), context)
        if extra is None:
            return terms
        return jax.tree.map(lambda x, y: jnp.concatenate([x, y]), terms, extra(play, terms, sampler, context, step, extra_key))

    def forward(params, terms, key):
        del key
        place = places(terms.inputs["chosen"], all_nodes(terms.tokens))
        output = model.apply(params["policy"], jax.nn.one_hot(place, prompts * count))
        distribution = algax.Logits(output[..., :symbols] + terms.inputs["preferences"])
        values = output[..., symbols] if critic else None
        return terms.replace(distribution=distribution, log_probs=distribution.log_probs(terms.tokens), values=values)

    def log_probability(params, context, chosen, tokens):
        return jnp.sum(algax.Logits(scores(params, context, chosen, tokens)[0]).log_probs(tokens), axis=-1)

    def evaluate(params, context, key):
        now, right = params["policy"], context["right"]
        solved = jnp.repeat(jnp.arange(prompts), right_answers)
        found = jnp.exp(log_probability(now, context, solved, right.reshape(-1, length))).reshape(prompts, right_answers)
        chosen = jnp.repeat(jnp.arange(prompts), EVALUATED)
        tokens, log_probs = sample(now, context, chosen, key)
        distribution = algax.Logits(scores(now, context, chosen, tokens)[0])
        start = log_probability(context["reference"], context, chosen, tokens)
        return {
            "accuracy": jnp.mean(jnp.sum(found, axis=1)),
            "right_answers_kept": jnp.mean(jnp.sum(found > COVERED, axis=1, dtype=jnp.float32)),
            "entropy": jnp.mean(distribution.entropies()),
            "kl": jnp.mean(jnp.sum(log_probs, axis=1) - start) / length,
            "reward": jnp.mean(judge(context, chosen, tokens)[1]),
        }

    return Task(init, batch, forward, evaluate)


def _check(symbols: int, length: int, right_answers: int, epochs: int) -> None:
    if symbols < 2:
        raise ValueError(f"symbols must be at least 2; got {symbols}")
    if length < 1:
        raise ValueError(f"length must be at least 1; got {length}")
    if not 1 <= right_answers <= symbols**length:
        raise ValueError(f"right_answers must be from 1 to the {symbols**length} sequences; got {right_answers}")
    if epochs < 1:
        raise ValueError(f"epochs must be at least 1; got {epochs}")
