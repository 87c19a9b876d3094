"""One-token answers to a few prompts, some of them right: policy losses with exact probabilities to measure them by."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

import algax
from algax import policy
from algax.experiments.tasks.task import Task

COVERED = 0.02  # an answer counts as one the policy still gives above this probability
RARE = 0.05  # a wrong answer is rare if it starts below this probability
CORRUPTION = 90.0  # nats by which a corrupted log-prob is too low


class Play(NamedTuple):
    """What rows are made of; see `bandit_rows` for those that join a batch.

    Attributes:
        prompts, samples_per_prompt: their numbers.
        logits: `logits(policy, prompts, context) -> [B, answers]`.
        rows: `rows(terms_prompts, tokens, sampler, reference, context) -> policy.Terms`, one answered prompt a row; `sampler`
            and `reference` are logits `[B, answers]`.
    """

    prompts: int
    samples_per_prompt: int
    logits: Callable
    rows: Callable


def refresh_sampler(every: int) -> optax.GradientTransformation:
    """The last step of an arm's optimizer on `bandit`: a copy of the policy joins the samplers every so many updates.

    Args:
        every: updates between copies, the task's `epochs` so that every batch has a new sampler.

    Raises:
        ValueError: `every` is below 1.
    """
    if every < 1:
        raise ValueError(f"every must be at least 1; got {every}")

    def update(updates, count, params):
        updated = optax.apply_updates(params["policy"], updates["policy"])
        due = (count + 1) % every == 0

        def change(new, old):
            queue = jnp.concatenate([old[1:], new[None]])
            return jnp.where(due, queue - old, 0.0)

        return {"policy": updates["policy"], "samplers": jax.tree.map(change, updated, params["samplers"])}, count + 1

    return optax.GradientTransformation(lambda params: jnp.zeros([], jnp.int32), update)


def measure(probabilities: jax.Array, right: jax.Array, paths: int = 1, start: jax.Array | None = None) -> dict[str, jax.Array]:
    """What a policy over answers is judged by.

    Args:
        probabilities: `[prompts, answers]`.
        right: the same in booleans.
        paths: neighbouring answers that say the same.
        start: the probabilities at the start; those of now for None.
    """
    start = probabilities if start is None else start
    log_probs = jnp.log(jnp.where(probabilities > 0, probabilities, 1.0))
    changes = log_probs - jnp.log(jnp.where(start > 0, start, 1.0))
    accuracy = jnp.sum(jnp.where(right, probabilities, 0.0), axis=-1)
    said = probabilities.reshape(len(probabilities), -1, paths).sum(axis=-1)
    rare = (start < RARE) & ~right
    kept = probabilities > COVERED
    return {
        "accuracy": jnp.mean(accuracy),
        "worst_accuracy": jnp.min(accuracy),
        "entropy": jnp.mean(-jnp.sum(probabilities * log_probs, axis=-1)),
        "kl": jnp.mean(jnp.sum(probabilities * changes, axis=-1)),
        "right_answers_kept": jnp.mean(jnp.sum(right & kept, axis=-1, dtype=jnp.float32)),
        "answers_kept": jnp.mean(jnp.sum(kept, axis=-1, dtype=jnp.float32)),
        "majority": jnp.mean(jnp.max(said, axis=-1)),
        "rare_kept": jnp.mean(jnp.where(rare, probabilities, 0.0)) / jnp.mean(jnp.where(rare, start, 0.0)),
    }


def bandit(
    model: Any,
    prompts: int = 24,
    answers: int = 48,
    right_answers: int = 6,
    samples_per_prompt: int = 8,
    epochs: int = 4,
    delay: int = 0,
    memory: int = 0,
    spread: float = 1.5,
    lowest_reward: float = 0.0,
    paths: int = 1,
    handicap: float = 0.0,
    bundle: int = 4,
    corrupted: float = 0.0,
    target_entropy: float = 0.0,
    longest: int = 1,
    extra: Callable | None = None,
) -> Task:
    """A contextual bandit for policy losses: every prompt has the same number of right answers, drawn at random.

    The policy starts at random preferences, logits = model + spread * normal noise that a seed keeps. Samples come from one of
    the samplers, a queue of copies of the policy that `refresh_sampler`, the last step of an arm's optimizer, moves on.
    Together they are the parameters, `{"policy": ..., "samplers": ...}`. Every other prompt counts as the second step of an
    episode.

    Args:
        model: a Linen module, one-hot prompts `[B, prompts]` to logits `[B, answers]`; without a hidden layer a table.
        prompts: number of prompts, all of them in every batch.
        answers: number of answers to every prompt.
        right_answers: how many of them are right; with paths how many final answers.
        samples_per_prompt: answers sampled to a prompt, one group.
        epochs: updates on the same samples.
        delay: how many batches before its use a batch was sampled.
        memory: how many of the earlier samplers to keep, at least `delay` of them.
        spread: standard deviation of the logits at the start.
        lowest_reward: of a wrong answer; a right one has 1.
        paths: number of neighbouring answers that lead to the same final answer; their embeddings differ.
        handicap: subtracted from the right answers' logits.
        bundle: number of neighbouring prompts in a bundle.
        corrupted: share of samples whose recorded log-prob is 90 nats too low.
        target_entropy: what `entropy_gap` compares with, in nats.
        longest: answers are spelt in 1 to so many tokens, drawn at random, of which the first says it all and the rest are
            certain; above 1 without distributions over tokens and without `extra`.
        extra: one of `bandit_rows`: rows that join every batch, flagged so that an arm may drop them.

    Returns:
        a task with exact metrics: `accuracy` (mean probability of a right answer), `worst_accuracy` (of the worst prompt),
        `entropy`, its distance `entropy_gap` from the target and `kl` to the start (nats), `right_answers_kept` and
        `answers_kept` (answers of probability above 0.02, mean over prompts), `majority` (probability of the likeliest final
        answer), `rare_kept` (probability of the wrong answers that started below 0.05, as a multiple of the start's) and
        `mean_length` (as a share of the longest).
    """
    _check(answers, right_answers, epochs, delay, paths, corrupted)
    if longest < 1 or (longest > 1 and extra is not None):
        raise ValueError(f"longest must be at least 1, and 1 with extra rows; got {longest}")
    groups = jnp.repeat(jnp.arange(prompts), samples_per_prompt)

    def logits(policy_params, chosen, context):
        return model.apply(policy_params, jax.nn.one_hot(chosen, prompts)) + context["preferences"][chosen]

    def init(key):
        model_key, preference_key, right_key, sample_key = jax.random.split(key, 4)
        params = model.init(model_key, jnp.zeros([1, prompts]))
        preferences = spread * jax.random.normal(preference_key, (prompts, answers))
        ranks = jnp.argsort(jnp.argsort(jax.random.uniform(right_key, (prompts, answers // paths)), axis=-1), axis=-1)
        right = jnp.repeat(ranks < right_answers, paths, axis=1)
        preferences = jnp.where(right, preferences - handicap, preferences)
        sizes = jax.random.randint(jax.random.fold_in(key, 4), (prompts, answers), 1, longest + 1)
        context = {"preferences": preferences, "right": right, "sizes": sizes, "key": sample_key}
        samplers = jax.tree.map(lambda x: jnp.stack([x] * (max(delay, memory) + 1)), params)
        reference = logits(params, jnp.arange(prompts), context)
        return {"policy": params, "samplers": samplers}, {**context, "reference": reference}

    def spell(first):
        return jnp.pad(first, ((0, 0), (0, longest - 1)))

    def rows(chosen, tokens, sampler, reference, context):
        right = jnp.take_along_axis(context["right"][chosen], tokens, axis=1)[:, 0]
        sampler, reference = algax.Logits(sampler[:, None]), algax.Logits(reference[:, None])
        sizes = jnp.take_along_axis(context["sizes"][chosen], tokens, axis=1)
        everyone = jnp.ones(right.shape, bool)
        return policy.Terms(
            inputs={"prompts": chosen, "preferences": context["preferences"][chosen]},
            tokens=spell(tokens),
            mask=jnp.arange(longest)[None] < sizes,
            rewards=jnp.where(right, 1.0, lowest_reward),
            correct=right,
            answer_ids=tokens[:, 0] // paths,
            embeddings=jax.nn.one_hot(tokens[:, 0], answers),
            group_ids=chosen,
            bundle_ids=chosen // bundle,
            environment_steps=chosen % 2,
            paper_ids=policy.bundle_papers(chosen, chosen // bundle),
            old_log_probs=spell(sampler.log_probs(tokens)),
            behaviour_log_probs=spell(sampler.log_probs(tokens)),
            ref_log_probs=spell(reference.log_probs(tokens)),
            ref_distribution=reference if longest == 1 else None,
            old_distribution=sampler if longest == 1 else None,
            consistent=everyone,
            well_formed=everyone,
            demonstrations=~everyone,
            rehearsal=~everyone,
            regularising=~everyone,
        )

    play = Play(prompts, samples_per_prompt, logits, rows)

    def batch(params, context, step, key):
        del key  # the samples of all epochs are the same
        iteration = step // epochs
        sample_key = jax.random.fold_in(context["key"], iteration)
        sampler = logits(jax.tree.map(lambda x: x[-1 - delay], params["samplers"]), groups, context)
        tokens = jax.random.categorical(sample_key, sampler[:, None])
        terms = rows(groups, tokens, sampler, context["reference"][groups], context)
        wrong = jax.random.bernoulli(jax.random.fold_in(sample_key, 0), corrupted, tokens.shape)
        terms = terms.replace(old_log_probs=terms.old_log_probs - jnp.where(wrong, CORRUPTION, 0.0))
        if extra is None:
            return terms
        joined = extra(play, params["samplers"], context, iteration, jax.random.fold_in(sample_key, 1))
        return jax.tree.map(lambda x, y: jnp.concatenate([x, y]), terms, joined)

    def forward(params, terms, key):
        del key
        inputs = terms.inputs
        scores = model.apply(params["policy"], jax.nn.one_hot(inputs["prompts"], prompts)) + inputs["preferences"]
        distribution = algax.Logits(scores[:, None])
        log_probs = spell(distribution.log_probs(terms.tokens[:, :1]))
        return terms.replace(distribution=distribution if longest == 1 else None, log_probs=log_probs)

    def evaluate(params, context, key):
        del key
        now = jax.nn.softmax(logits(params["policy"], jnp.arange(prompts), context))
        measured = measure(now, context["right"], paths, jax.nn.softmax(context["reference"]))
        length = jnp.mean(jnp.sum(now * context["sizes"].astype(now.dtype), axis=1)) / longest
        return {**measured, "entropy_gap": jnp.abs(measured["entropy"] - target_entropy), "mean_length": length}

    return Task(init, batch, forward, evaluate)


def _check(answers: int, right_answers: int, epochs: int, delay: int, paths: int, corrupted: float) -> None:
    if not 1 <= right_answers <= answers:
        raise ValueError(f"right_answers must be from 1 to the {answers} answers; got {right_answers}")
    if paths < 1 or answers % paths:
        raise ValueError(f"paths must divide the {answers} answers; got {paths}")
    if epochs < 1:
        raise ValueError(f"epochs must be at least 1; got {epochs}")
    if delay < 0:
        raise ValueError(f"delay must be at least 0; got {delay}")
    if not 0 <= corrupted <= 1:
        raise ValueError(f"corrupted must be in [0, 1]; got {corrupted}")
