"""Verified arithmetic: a small Transformer samples answers to sums, a checker that reads them gives the reward."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import algax
from algax import decode, policy
from algax.experiments.tasks import checker
from algax.experiments.tasks.characters import CharacterModel, character_model
from algax.experiments.tasks.task import Task


def problems(digits: int, operators: str) -> tuple[np.ndarray, np.ndarray]:
    """All problems with operands of `digits` digits.

    Returns:
        prompts `[N, 2 * digits + 2]` and right answers `[N, T]`, filled up with stop tokens.
    """
    operands = range(10**digits)
    texts, answers = [], []
    for operator, left, right in itertools.product(operators, operands, operands):
        texts.append(f"{left:0{digits}d}{operator}{right:0{digits}d}=")
        answers.append({"+": left + right, "-": left - right, "*": left * right}[operator])
    length = max(len(str(answer)) for answer in answers) + 1
    completions = [checker.encode(str(answer).ljust(length, ".")) for answer in answers]
    return np.stack([checker.encode(text) for text in texts]), np.stack(completions)


def answer_mask(completions: jax.Array) -> jax.Array:
    """`[..., T]` booleans, true up to and with the first stop token."""
    stops = jnp.cumsum(completions == checker.STOP, axis=-1, dtype=jnp.int32)
    return (stops == 0) | ((stops == 1) & (completions == checker.STOP))


def answer_logits(model: CharacterModel, params: Any, prompts: jax.Array, completions: jax.Array) -> jax.Array:
    """Logits of the completion's tokens, `[B, T, V]`."""
    tokens = jnp.concatenate([prompts, completions], axis=-1)
    return model.apply(params, tokens)[:, prompts.shape[1] - 1 : -1]


def warm_start(model, params, prompts, completions, key, *, steps: int, learning_rate: float):
    """Supervised steps on worked problems, 128 a step (Adam, cosine decay); returns the parameters."""
    if not steps:
        return params
    tx = optax.adam(optax.cosine_decay_schedule(learning_rate, steps, alpha=0.1))

    def loss(params, indices):
        logits = answer_logits(model, params, prompts[indices], completions[indices])
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, completions[indices])
        return jnp.mean(losses, where=answer_mask(completions[indices]))

    def step(carry, key):
        params, state = carry
        indices = jax.random.randint(key, (128,), 0, len(prompts))
        updates, state = tx.update(jax.grad(loss)(params, indices), state)
        return (optax.apply_updates(params, updates), state), None

    (params, _), _ = jax.lax.scan(step, (params, tx.init(params)), jax.random.split(key, steps))
    return params


def arithmetic(
    model: Any,
    digits: int = 2,
    operators: str = "+",
    labelled: int = 1000,
    held_out: int = 256,
    warm_steps: int = 300,
    warm_learning_rate: float = 3e-3,
    prompts_per_batch: int = 16,
    samples_per_prompt: int = 8,
) -> Task:
    """Verified arithmetic for policy losses.

    A seed holds some problems out and practises on the rest: the policy sees their prompts, and of its answers only whether
    they are right. A few of the rest are labelled: their answers warm the model up before the first policy step.

    Args:
        model: a `models.Transformer` over the 15 characters of `checker.VOCABULARY`, or a loaded one, see `tasks.pretrained`,
            which writes the same characters with its own tokenizer, see `characters.character_model`.
        digits: of each operand, 1 or 2.
        operators: some of `+-*`.
        labelled: problems whose answers the supervised steps use.
        held_out: problems kept from both kinds of step.
        warm_steps: supervised steps before the first policy step; 0 for none.
        warm_learning_rate: their peak rate (Adam, cosine decay).
        prompts_per_batch: problems a step.
        samples_per_prompt: completions a problem, one group.

    Returns:
        a task with the metrics `accuracy` and `greedy_accuracy` (at most 256 practised problems, sampled at temperature 1
        and 0) and `held_out_accuracy` (temperature 1).
    """
    _check(model, digits, operators, warm_steps)
    model = character_model(model, checker.VOCABULARY)
    prompts, answers = map(jnp.asarray, problems(digits, operators))
    prompts = jnp.concatenate([jnp.tile(model.prefix, (len(prompts), 1)), prompts], axis=1)
    length = answers.shape[1]
    if labelled < 1 or held_out < 1 or labelled + held_out > len(prompts):
        raise ValueError(f"labelled + held_out must be at most the {len(prompts)} problems; got {labelled} + {held_out}")

    def right(inputs, completions):
        return checker.check(inputs[:, len(model.prefix) :], completions, digits)

    def sample(params, prompts, key, temperature):
        mask = jnp.ones(prompts.shape, bool)
        options = {"max_new_tokens": length, "stop_token": checker.STOP, "pad_token": checker.STOP}
        return decode.sample(model.decoder, params, prompts, mask, key, temperature=temperature, **options)

    def init(key):
        split_key, model_key, warm_key = jax.random.split(key, 3)
        order = jax.random.permutation(split_key, len(prompts))
        test, practice = order[:held_out], order[held_out:]
        worked = practice[:labelled]
        params = model.init(model_key, prompts[:1])
        worked_problems = prompts[worked], answers[worked]
        params = warm_start(model, params, *worked_problems, warm_key, steps=warm_steps, learning_rate=warm_learning_rate)
        return params, {"practice": practice, "test": test, "reference": params}

    def batch(params, context, step, key):
        del step
        prompt_key, sample_key = jax.random.split(key)
        practice = context["practice"]
        chosen = practice[jax.random.randint(prompt_key, (prompts_per_batch,), 0, len(practice))]
        groups = jnp.repeat(jnp.arange(prompts_per_batch), samples_per_prompt)
        inputs = prompts[chosen[groups]]
        samples = sample(params, inputs, sample_key, 1.0)
        rewards = right(inputs, samples.tokens).astype(jnp.float32)
        ref = algax.Logits(answer_logits(model, context["reference"], inputs, samples.tokens))
        return policy.Terms(
            inputs=inputs,
            tokens=samples.tokens,
            mask=samples.mask,
            rewards=rewards,
            group_ids=groups,
            old_log_probs=samples.log_probs,
            ref_log_probs=ref.log_probs(samples.tokens),
        )

    def forward(params, terms, key):
        del key
        distribution = algax.Logits(answer_logits(model, params, terms.inputs, terms.tokens))
        return terms.replace(distribution=distribution, log_probs=distribution.log_probs(terms.tokens))

    def evaluate(params, context, key):
        practice = context["practice"][-256:]
        inputs = prompts[jnp.concatenate([practice, context["test"]])]

        def correct(temperature):
            return right(inputs, sample(params, inputs, key, temperature).tokens)

        # One program for both temperatures and both kinds of problem: sampling is the longest to compile.
        sampled, greedy = jax.vmap(correct)(jnp.array([1.0, 0.0])).astype(jnp.float32)
        count = len(practice)
        return {
            "accuracy": jnp.mean(sampled[:count]),
            "greedy_accuracy": jnp.mean(greedy[:count]),
            "held_out_accuracy": jnp.mean(sampled[count:]),
        }

    return Task(init, batch, forward, evaluate)


def _check(model: Any, digits: int, operators: str, warm_steps: int) -> None:
    if digits not in (1, 2):
        raise ValueError(f"digits must be 1 or 2; got {digits}")
    if not operators or set(operators) - set("+-*"):
        raise ValueError(f"operators must be some of '+-*'; got {operators!r}")
    if warm_steps < 0:
        raise ValueError(f"warm_steps must be at least 0; got {warm_steps}")
    if model.config.vocabulary_size < len(checker.VOCABULARY):
        raise ValueError(f"vocabulary_size must be at least {len(checker.VOCABULARY)}; got {model.config.vocabulary_size}")
