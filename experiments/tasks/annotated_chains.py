"""Chains of running sums with annotated solutions, whose hidden states a contrastive term draws to the annotation's."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import struct

import algax
from algax import policy
from algax.core.terms import differentiated
from algax.experiments.tasks.task import Task

DIGITS, STEPS, STATES = 10, 3, 16  # values of a sum, sums of a chain, size of a hidden state
ANNOTATED = 200


@struct.dataclass
class ChainTerms(policy.Terms):
    """The record of `policy` with embeddings.

    Differentiated, filled in by `forward`:
        sample_embeddings, annotation_embeddings: `[B, H]` of the sampled chains and of the prompts' annotated ones, see
            `policy.pooled_embedding`.
    """

    sample_embeddings: jax.Array = differentiated("B H")
    annotation_embeddings: jax.Array = differentiated("B H")


def chain_contrast(coefficient: float = 0.1) -> algax.LossTransform:
    """Adds `coefficient` times `policy.positive_contrast` of samples and annotations to the loss.

    Args:
        coefficient: at least 0.
    """

    def update(terms: ChainTerms) -> ChainTerms:
        contrast = policy.positive_contrast(terms.annotation_embeddings, terms.sample_embeddings, terms.correct)
        return terms.add_loss(coefficient * contrast)

    return algax.loss_transform(
        update,
        reads=("annotation_embeddings", "sample_embeddings", "correct"),
        writes=("loss",),
        name="chain_contrast",
        hyperparameters={"coefficient": coefficient},
        couples_batch=True,
    )


def annotated_chains(model: Any, warm_steps: int = 250, prompts_per_batch: int = 32, samples_per_prompt: int = 4) -> Task:
    """Four digits, and a chain of three running sums modulo 10 of which the last is checked; 200 prompts have worked chains.

    They warm the model up, then it practises on them.

    Args:
        model: a Linen module, the last sum and the next digit one-hot `[..., 20]` to `[..., 27]`: the next sum's logits, the
            value, and a hidden state.
        warm_steps: supervised steps on the annotations (Adam at 3e-3).
        prompts_per_batch: groups a batch.
        samples_per_prompt: chains a group.

    Returns:
        a task with the exact metric `accuracy` on 256 new prompts: the probability of the right last sum.
    """
    groups = jnp.repeat(jnp.arange(prompts_per_batch), samples_per_prompt)

    def outputs(params, last, digit):
        pair = jnp.concatenate([jax.nn.one_hot(last, DIGITS), jax.nn.one_hot(digit, DIGITS)], axis=-1)
        out = model.apply(params, pair)
        return out[..., :DIGITS], out[..., DIGITS], jax.nn.relu(out[..., DIGITS + 1 :])

    def along(params, prompts, tokens):
        """Logits, values and hidden states of every step of chains `[B, 3]`."""
        last = jnp.concatenate([prompts[:, :1], tokens[:, :-1]], axis=1)
        return outputs(params, last, prompts[:, 1:])

    def worked(prompts):
        return (jnp.cumsum(prompts, axis=1) % DIGITS)[:, 1:]

    def embedding(params, prompts, tokens):
        _, values, states = along(params, prompts, tokens)
        return policy.pooled_embedding(states, values, jnp.ones(tokens.shape, bool))

    def warm(params, prompts, key):
        tx = optax.adam(3e-3)

        def loss(params, chosen):
            logits, _, _ = along(params, prompts[chosen], worked(prompts[chosen]))
            return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, worked(prompts[chosen])))

        def step(carry, key):
            params, state = carry
            chosen = jax.random.randint(key, (64,), 0, ANNOTATED)
            updates, state = tx.update(jax.grad(loss)(params, chosen), state)
            return (optax.apply_updates(params, updates), state), None

        return jax.lax.scan(step, (params, tx.init(params)), jax.random.split(key, warm_steps))[0][0]

    def init(key):
        keys = jax.random.split(key, 4)
        annotated, test = (jax.random.randint(k, (n, STEPS + 1), 0, DIGITS) for k, n in ((keys[0], ANNOTATED), (keys[1], 256)))
        params = warm(model.init(keys[2], jnp.zeros([1, 2 * DIGITS])), annotated, keys[3])
        return params, {"annotated": annotated, "test": test, "reference": params}

    def sample(params, prompts, key):
        last, tokens = prompts[:, 0], []
        for step in range(STEPS):
            logits, _, _ = outputs(params, last, prompts[:, step + 1])
            last = jax.random.categorical(jax.random.fold_in(key, step), logits).astype(prompts.dtype)
            tokens.append(last)
        return jnp.stack(tokens, axis=1)

    def batch(params, context, step, key):
        del step
        prompt_key, sample_key = jax.random.split(key)
        chosen = jax.random.randint(prompt_key, (prompts_per_batch,), 0, ANNOTATED)[groups]
        prompts = context["annotated"][chosen]
        tokens = sample(params, prompts, sample_key)
        correct = tokens[:, -1] == worked(prompts)[:, -1]
        logits, values, _ = along(params, prompts, tokens)
        reference, _, _ = along(context["reference"], prompts, tokens)
        return ChainTerms(
            inputs=prompts,
            tokens=tokens,
            mask=jnp.ones(tokens.shape, bool),
            rewards=correct.astype(jnp.float32),
            correct=correct,
            group_ids=groups,
            old_log_probs=algax.Logits(logits).log_probs(tokens),
            ref_log_probs=algax.Logits(reference).log_probs(tokens),
            old_values=values,
        )

    def forward(params, terms, key):
        del key
        logits, values, _ = along(params, terms.inputs, terms.tokens)
        return terms.replace(
            log_probs=algax.Logits(logits).log_probs(terms.tokens),
            values=values,
            sample_embeddings=embedding(params, terms.inputs, terms.tokens),
            annotation_embeddings=embedding(params, terms.inputs, worked(terms.inputs)),
        )

    def evaluate(params, context, key):
        del key
        prompts, everyone = context["test"], jnp.arange(DIGITS)
        chances = jax.nn.one_hot(prompts[:, 0], DIGITS)
        for step in range(STEPS):
            digit = jnp.broadcast_to(prompts[:, step + 1, None], (len(prompts), DIGITS))
            logits, _, _ = outputs(params, jnp.broadcast_to(everyone, digit.shape), digit)
            chances = jnp.einsum("bl,bln->bn", chances, jax.nn.softmax(logits))
        return {"accuracy": jnp.mean(jnp.take_along_axis(chances, worked(prompts)[:, -1:], axis=1))}

    return Task(init, batch, forward, evaluate)
