"""Divergences from other policies at chosen tokens or responses: f-divergences on rehearsal, and a proxy for rare tokens."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core import LossTransform, checks, loss_transform
from ..decode import min_p
from .selection import select_largest
from .shared import penalise
from .terms import Terms

F_DIVERGENCES = ("forward_kl", "js", "alpha")


def f_divergence(log_ratios: jax.Array, kind: str = "forward_kl", alpha: float = 0.2) -> jax.Array:
    """Generators of f-divergences at u = pi / ref, whose mean over tokens drawn from ref is the divergence; elementwise.

    "forward_kl": u - log u - 1, for KL(ref || pi). "js": u log u - (u + 1) log((u + 1) / 2), for twice the Jensen-Shannon
    divergence. "alpha": (u^(1 - alpha) - (1 - alpha) u - alpha) / (alpha (alpha - 1)), between KL(pi || ref) as alpha -> 0
    and KL(ref || pi) as alpha -> 1.

    Args:
      log_ratios: log u = log pi - log ref, any shape; beyond 20 nats on either side the value is constant.
      kind: one of the above.
      alpha: in (0, 1), for "alpha".

    Returns:
      Values >= 0, with value and slope 0 at u = 1.

    Raises:
      ValueError: an unknown kind, or alpha out of range.

    Li et al., "The Choice of Divergence: A Neglected Key to Mitigating Diversity Collapse in RLVR", 2025, arXiv 2509.07430.
    """
    checks.option("kind", kind, F_DIVERGENCES)
    checks.between("alpha", alpha, 0.0, 1.0, closed="neither")
    log_u = jnp.clip(log_ratios, -20.0, 20.0)
    u = jnp.exp(log_u)
    if kind == "forward_kl":
        return u - log_u - 1.0
    if kind == "js":
        return u * log_u - (u + 1.0) * (jnp.logaddexp(log_u, jnp.zeros_like(log_u)) - jnp.log(2.0).astype(u.dtype))
    return (jnp.exp((1.0 - alpha) * log_u) - (1.0 - alpha) * u - alpha) / (alpha * (alpha - 1.0))


def rehearsal_penalty(
    coefficient: checks.ScalarOrSchedule = 0.05, *, kind: str = "forward_kl", alpha: float = 0.2
) -> LossTransform:
    """Keeps the modes of the initial policy by rehearsal: stored responses of it contribute a divergence and nothing else.

    On rows of `rehearsal` penalties += coefficient * `f_divergence`(log pi - log ref) and weights = 0; other rows stay as
    they are. The rows' other fields must be finite.

    Args:
      coefficient: >= 0, or a schedule; 0.01 to 0.05 for "forward_kl" and "alpha", 0.05 to 0.2 for "js".
      kind: see `f_divergence`.
      alpha: in (0, 1), for "alpha".

    Returns:
      A `LossTransform` reading `rehearsal` `[B]`, `log_probs`, `ref_log_probs` and writing `penalties`, `weights` `[B, T]`;
      metric `rehearsal_divergence`, the mean over rehearsal tokens.

    Raises:
      ValueError: an argument is out of range or unknown.

    Li et al., "The Choice of Divergence: A Neglected Key to Mitigating Diversity Collapse in RLVR", 2025, arXiv 2509.07430.
    """
    checks.schedule("coefficient", coefficient, checks.non_negative)
    f_divergence(jnp.zeros([]), kind, alpha)

    def update(terms: Terms) -> Terms:
        rehearsal = jnp.broadcast_to(terms.rehearsal.astype(bool)[:, None], terms.mask.shape)
        divergences = f_divergence(terms.log_probs - terms.ref_log_probs, kind, alpha)
        terms = terms.add_metric("rehearsal_divergence", divergences, where=rehearsal)
        weights = jnp.where(rehearsal, 0.0, jnp.ones_like(divergences) if terms.weights is None else terms.weights)
        strength = jnp.asarray(terms.value("coefficient", coefficient), divergences.dtype)
        return penalise(terms.replace(weights=weights), strength, jnp.where(rehearsal, divergences, 0.0))

    return loss_transform(
        update,
        reads=("rehearsal", "log_probs", "ref_log_probs"),
        writes=("penalties", "weights"),
        optional_reads=("penalties", "weights"),
        metrics=("rehearsal_divergence",),
        hyperparameters={"coefficient": coefficient, "kind": kind, "alpha": alpha},
    )


def split_by_solved(success_counts: jax.Array, samples: int) -> jax.Array:
    """Says which prompts the initial policy solves in all of its samples, so that they serve as rehearsal.

    Args:
      success_counts: `[P]`, how many of the initial policy's responses to each prompt are correct.
      samples: >= 1, how many responses there are to each.

    Returns:
      `[P]` booleans: true for rehearsal, false for exploration.

    Raises:
      ValueError: samples is not an integer >= 1.

    Li et al., "The Choice of Divergence: A Neglected Key to Mitigating Diversity Collapse in RLVR", 2025, arXiv 2509.07430.
    """
    return success_counts >= checks.integer("samples", samples, least=1)


def min_p_proxy(log_probs: jax.Array, kappa: float = 0.02) -> jax.Array:
    """Drops the noise of a distribution and renormalises: keeps the tokens with p >= kappa max p.

    Args:
      log_probs: `[..., V]`.
      kappa: in [0, 1].

    Returns:
      `[..., V]` log-probs of the proxy, -inf for tokens that are dropped; without gradient.

    Raises:
      ValueError: kappa is out of range.

    Huang et al., "Low-probability Tokens Sustain Exploration in Reinforcement Learning with Verifiable Reward", 2025, arXiv
    2510.03222. Released code gives dropped tokens the logit -1e4.
    """
    checks.between("kappa", kappa, 0.0, 1.0)
    return jax.nn.log_softmax(min_p(kappa)(jax.lax.stop_gradient(log_probs)), axis=-1)


def protect_rare_tokens(
    coefficient: checks.ScalarOrSchedule = 1.0, *, fraction: float = 0.01, kappa: float = 0.02, proxy: str = "old"
) -> LossTransform:
    """Lifts rare but plausible tokens that a negative advantage would push down, towards a proxy without noise.

    Selected are, of the floor(fraction M) least likely of the M valid tokens with A < 0 in the batch (none if that is
    <= 1), those with log pi < log q, where q is `min_p_proxy`. There surrogates = r A, unclipped, and penalties +=
    coefficient (q / pi - log(q / pi) - 1), whose gradient is that of KL(q || pi). Comes after the surrogate.

    Args:
      coefficient: >= 0, or a schedule.
      fraction: in [0, 1]; 0.01 for 14B models, 0.005 for 32B.
      kappa: in [0, 1], tokens below kappa times the largest probability are noise.
      proxy: "old" makes q from `old_distribution`, "current" from `distribution`, without gradient.

    Returns:
      A `LossTransform` writing `surrogates` and `penalties` `[B, T]`; metric `protected`, the share of tokens selected.

    Raises:
      ValueError: an argument is out of range or unknown.

    Huang et al., "Low-probability Tokens Sustain Exploration in Reinforcement Learning with Verifiable Reward", 2025, arXiv
    2510.03222.
    """
    checks.schedule("coefficient", coefficient, checks.non_negative)
    checks.between("fraction", fraction, 0.0, 1.0)
    checks.between("kappa", kappa, 0.0, 1.0)
    checks.option("proxy", proxy, ("old", "current"))
    field = "old_distribution" if proxy == "old" else "distribution"

    def update(terms: Terms) -> Terms:
        proxies = proxy_log_probs(terms, field, kappa)
        selected = _rare(terms, fraction) & (jax.lax.stop_gradient(terms.log_probs) < proxies)
        differences = jnp.where(selected, proxies - terms.log_probs, 0.0)
        terms = terms.add_metric("protected", selected.astype(differences.dtype))
        unclipped = terms.ratios * jax.lax.stop_gradient(terms.advantages)
        terms = terms.replace(surrogates=jnp.where(selected, unclipped, terms.surrogates))
        strength = jnp.asarray(terms.value("coefficient", coefficient), differences.dtype)
        return penalise(terms, strength, f_divergence(differences, "forward_kl"))

    return loss_transform(
        update,
        reads=("log_probs", "ratios", "advantages", "surrogates", "tokens", field),
        writes=("surrogates", "penalties"),
        optional_reads=("penalties",),
        metrics=("protected",),
        hyperparameters={"coefficient": coefficient, "fraction": fraction, "kappa": kappa, "proxy": proxy},
        couples_batch=True,
    )


def proxy_log_probs(terms: Terms, field: str, kappa: float) -> jax.Array:
    """The proxy's log-probs of the sampled tokens, `[B, T]`, made from one of the record's distributions."""

    def of_tokens(log_probs: jax.Array, tokens: jax.Array) -> jax.Array:
        return jnp.take_along_axis(min_p_proxy(log_probs, kappa), tokens[:, None], axis=-1)[:, 0]

    distribution = jax.tree.map(jax.lax.stop_gradient, getattr(terms, field))
    return distribution.map(of_tokens, terms.tokens)


def _rare(terms: Terms, fraction: float) -> jax.Array:
    """The least likely tokens of those with a negative advantage, `[B, T]`."""
    negative = terms.mask & (terms.advantages < 0)
    count = jnp.floor(fraction * terms.batch_sum(negative.astype(jnp.float32)))
    count = jnp.where(count > 1, count, 0.0)
    return select_largest(terms, -terms.log_probs, negative, count, terms.advantages, terms.ratios)
