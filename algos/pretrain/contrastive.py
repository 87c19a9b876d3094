"""Contrast of source and target sequences, with targets perturbed into hard negatives and distant positives."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..core import LossTransform, chain, checks, loss_transform, numerics
from ..core.distribution import FactoredLogits
from ..core.terms import row_mask
from .objectives import next_token
from .terms import Terms

Array = jax.Array

READS = ("tokens", "hidden", "head_kernel", "source_hidden", "projection_kernel", "projection_bias")


class PerturbedStates(NamedTuple):
    """Decoder states moved by `perturb_states`, without gradient.

    Attributes:
      negative: `[B, T, D]` close by and less likely.
      positive: `[B, T, D]` far away with the same distribution of tokens.
    """

    negative: Array
    positive: Array


class _Batch(NamedTuple):
    """The sequences of the whole batch and the two maps of their states, without gradient."""

    source: Array
    source_mask: Array
    target: Array
    target_mask: Array
    tokens: Array
    project: Callable[[Array], Array]
    head: Callable[[Array], FactoredLogits]


def normalized_step(gradient: Array, size: float) -> Array:
    """A step of a given length along a gradient: size g / ||g|| along the last axis.

    Args:
      gradient: `[..., D]` g.
      size: length of the step, any real number.

    Returns:
      `[..., D]`, exactly 0 where the gradient is.
    """
    norm = numerics.safe_sqrt(jnp.sum(jnp.square(gradient), axis=-1, keepdims=True))
    return size * numerics.safe_divide(gradient, jnp.broadcast_to(norm, gradient.shape))


def perturb_states(
    terms: Terms, *, positive_size: float = 3.0, negative_size: float = 1.0, tau: float = 0.1
) -> PerturbedStates:
    """Moves the decoder states h of every token that counts, all by steps of one length along normalised gradients.

    negative = h + negative_size g / ||g||, g the gradient of the mean negative log-likelihood;
    moved = h + positive_size c / ||c||, c the gradient of the contrastive loss of the batch, so away from the source;
    positive = moved - positive_size k / ||k||, k the gradient by `moved` of the mean KL of its tokens from those of h.

    Args:
      terms: the whole batch with `tokens`, `hidden`, `head_kernel`, `source_hidden`, `projection_kernel`, `projection_bias`.
      positive_size: >= 0.
      negative_size: >= 0.
      tau: > 0, temperature of the contrastive loss.

    Returns:
      `PerturbedStates`.

    Raises:
      ValueError: an argument is out of range.

    Lee, Lee, Hwang, "Contrastive Learning with Adversarial Perturbations for Conditional Text Generation", 2021,
    arXiv 2012.07280.
    """
    checks.non_negative("positive_size", positive_size)
    checks.non_negative("negative_size", negative_size)
    checks.positive("tau", tau)
    terms = terms.prepare()
    batch = _gathered(terms)
    negative, positive = _perturbed(batch, positive_size, negative_size, tau)
    rows = terms.mask.shape[0]
    return PerturbedStates(terms.local_rows(negative, rows), terms.local_rows(positive, rows))


def contrast_sequences(
    *,
    tau: float = 0.1,
    positive_size: float = 3.0,
    negative_size: float = 1.0,
    scale_positive: bool = True,
    coefficient: checks.ScalarOrSchedule = 1.0,
) -> LossTransform:
    """Tells a source's own target from the batch's others, from a hard negative and as a distant positive.

    With x_i and y_i the mean projected states of source and target i, s the cosine similarity, n_i and p_i the negative and
    positive of `perturb_states`: loss += coefficient mean_i (L1_i + L2_i) / 2,

        L1_i = -log softmax([s(x_i, y_1), ..., s(x_i, y_B), s(x_i, n_i)] / tau)_i,

    and L2_i the same with s(x_i, p_i) in the place of s(x_i, y_i). The projection is relu(z A + b), token by token.

    Args:
      tau: temperature, > 0.
      positive_size: >= 0, length of the positive's steps.
      negative_size: >= 0, length of the negative's step; 3 in the paper for translation.
      scale_positive: whether L2 is divided by tau too.
      coefficient: >= 0, or a schedule.

    Returns:
      A transform reading `tokens`, `hidden`, `head_kernel`, `source_hidden`, `projection_kernel` and `projection_bias`; it
      couples the batch. The perturbed states carry no gradient but for the projection's.

    Lee, Lee, Hwang, "Contrastive Learning with Adversarial Perturbations for Conditional Text Generation", 2021,
    arXiv 2012.07280. The released code does not divide L2 by tau.
    """
    checks.positive("tau", tau)
    checks.non_negative("positive_size", positive_size)
    checks.non_negative("negative_size", negative_size)
    checks.boolean("scale_positive", scale_positive)
    checks.schedule("coefficient", coefficient, checks.non_negative)

    def update(terms: Terms) -> Terms:
        batch = _gathered(terms)
        perturbed = _perturbed(batch, positive_size, negative_size, tau)
        project = _projection(terms)
        rows = terms.mask.shape[0]
        sources = _with_own_rows(terms, _pooled(project(terms.source_hidden), _source_mask(terms)))
        own = (terms.hidden, *(terms.local_rows(x, rows) for x in perturbed))
        targets, negatives, positives = (_with_own_rows(terms, _pooled(project(x), terms.mask)) for x in own)
        taus = (tau, tau if scale_positive else 1.0)
        losses = _contrasts(sources, targets, negatives, positives, taus, row_mask(batch.target_mask))
        # Every device sees the loss of the whole batch, for the gradient, and counts its own rows of it.
        part = terms.mean(terms.local_rows(losses, rows))
        whole = numerics.safe_divide(jnp.sum(losses), terms.total(losses))
        return terms.add_loss(terms.value("coefficient", coefficient) * numerics.straight_through(part, whole))

    return loss_transform(
        update,
        reads=READS,
        optional_reads=("source_mask",),
        writes=("loss",),
        hyperparameters={
            "tau": tau,
            "positive_size": positive_size,
            "negative_size": negative_size,
            "scale_positive": scale_positive,
            "coefficient": coefficient,
        },
        couples_batch=True,
    )


def claps(
    *, tau: float = 0.1, positive_size: float = 3.0, negative_size: float = 1.0, scale_positive: bool = True
) -> LossTransform:
    """Conditional generation with adversarial contrast: L = mean token negative log-likelihood + `contrast_sequences`.

    Args:
      tau: > 0, see `contrast_sequences`.
      positive_size: >= 0, length of the positive's steps.
      negative_size: >= 0, length of the negative's step.
      scale_positive: whether the positive's loss is divided by tau too.

    Returns:
      A chain reading what `contrast_sequences` reads and `log_probs`; it couples the batch.

    Lee, Lee, Hwang, "Contrastive Learning with Adversarial Perturbations for Conditional Text Generation", 2021,
    arXiv 2012.07280.
    """
    contrast = contrast_sequences(
        tau=tau, positive_size=positive_size, negative_size=negative_size, scale_positive=scale_positive
    )
    return chain(next_token(), contrast, name="claps")


def _source_mask(terms: Terms) -> Array:
    return jnp.ones(terms.source_hidden.shape[:2], bool) if terms.source_mask is None else terms.source_mask


def _projection(terms: Terms) -> Callable[[Array], Array]:
    kernel, bias = terms.projection_kernel, terms.projection_bias
    return lambda x: jax.nn.relu(x.astype(kernel.dtype) @ kernel + bias[None, None, :])


def _gathered(terms: Terms) -> _Batch:
    fixed = jax.tree.map(jax.lax.stop_gradient, terms)
    target_mask = terms.gather(terms.mask)
    return _Batch(
        source=terms.gather(terms.source_hidden),
        source_mask=terms.gather(_source_mask(terms)),
        target=terms.gather(terms.hidden),
        target_mask=target_mask,
        tokens=jnp.where(target_mask, terms.gather(terms.tokens), 0),
        project=_projection(fixed),
        head=lambda hidden: FactoredLogits(hidden, fixed.head_kernel),
    )


def _perturbed(batch: _Batch, positive_size: float, negative_size: float, tau: float) -> PerturbedStates:
    sources = _pooled(batch.project(batch.source), batch.source_mask)

    def likelihood(hidden: Array) -> Array:
        return -jnp.sum(batch.head(hidden).log_probs(batch.tokens, batch.target_mask))

    def contrast(hidden: Array) -> Array:
        rows = row_mask(batch.target_mask)
        logits = _similarities(sources, _pooled(batch.project(hidden), batch.target_mask)) / tau
        return jnp.sum(jnp.where(rows, _cross_entropies(logits, rows), 0.0))

    def divergence(hidden: Array) -> Array:
        kl = batch.head(batch.target).map(_kl, batch.head(hidden), where=batch.target_mask)
        return jnp.sum(jnp.where(batch.target_mask, kl, 0.0))

    negative = batch.target + normalized_step(jax.grad(likelihood)(batch.target), negative_size)
    moved = batch.target + normalized_step(jax.grad(contrast)(batch.target), positive_size)
    positive = moved - normalized_step(jax.grad(divergence)(moved), positive_size)
    return PerturbedStates(negative, positive)


def _kl(log_p: Array, log_q: Array) -> Array:
    return jnp.sum(numerics.weighted(log_p, log_p - log_q), axis=-1)


def _pooled(x: Array, mask: Array) -> Array:
    """The masked mean of each row: `[B, T, E] -> [B, E]`."""
    total = jnp.sum(jnp.where(mask[..., None], x, 0.0), axis=1)
    return total / jnp.maximum(jnp.sum(mask, axis=1, dtype=total.dtype), 1.0)[:, None]


def _unit(x: Array) -> Array:
    return normalized_step(x, 1.0)


def _similarities(x: Array, y: Array) -> Array:
    """Cosines of every row with every row: `[B, E], [B, E] -> [B, B]`."""
    return _unit(x) @ _unit(y).T


def _cross_entropies(logits: Array, rows: Array, extra: Array | None = None) -> Array:
    """-log softmax over the columns that count and `extra` `[B]`, at the diagonal: `[B, B] -> [B]`."""
    columns = rows[None, :] | jnp.eye(rows.shape[0], dtype=bool)
    candidates = jnp.where(columns, logits, jnp.finfo(logits.dtype).min)
    if extra is not None:
        candidates = jnp.concatenate([candidates, extra[:, None]], axis=1)
    return jax.nn.logsumexp(candidates, axis=1) - jnp.diagonal(logits)


def _contrasts(
    sources: Array, targets: Array, negatives: Array, positives: Array, taus: tuple[float, float], rows: Array
) -> Array:
    """(L1 + L2) / 2 of every row, 0 for rows that do not count: `[B]`."""
    cosines = _similarities(sources, targets)
    hard = jnp.sum(_unit(sources) * _unit(negatives), axis=1)
    distant = jnp.sum(_unit(sources) * _unit(positives), axis=1)
    swapped = jnp.where(jnp.eye(rows.shape[0], dtype=bool), distant[:, None], cosines)
    first = _cross_entropies(cosines / taus[0], rows, hard / taus[0])
    second = _cross_entropies(swapped / taus[1], rows, hard / taus[1])
    return jnp.where(rows, 0.5 * (first + second), 0.0)


def _with_own_rows(terms: Terms, x: Array) -> Array:
    """The rows of all devices, of which this one's keep their gradient."""
    if terms.axis_name is None:
        return x
    start = jax.lax.axis_index(terms.axis_name) * x.shape[0]
    return jax.lax.dynamic_update_slice_in_dim(terms.gather(x), x, start, axis=0)
