"""Named objectives on pairs without a reference: each is a chain of the room's transforms, and nothing else."""

from __future__ import annotations

from ..core import LossTransform, chain, checks
from .links import sigmoid_link
from .margins import margin
from .reductions import chosen_nll, pair_mean
from .score_links import linear_link
from .scores import log_odds_score, log_prob_score, mean_log_prob_score


def simpo(
    *,
    beta: checks.ScalarOrSchedule = 2.0,
    gamma: checks.ScalarOrSchedule = 1.0,
    label_smoothing: float = 0.0,
) -> LossTransform:
    """L = -mean_b log sigma(beta (s_w / |y_w| - s_l / |y_l|) - gamma), s the log-prob of a response.

    Args:
      beta: > 0, or a schedule.
      gamma: target margin, any real number, or a schedule; 0.5 to 1.6 in the paper.
      label_smoothing: in [0, 1), see `sigmoid_link`.

    Returns:
      A chain reading log-probs and lengths of both responses.

    Example:
      >>> loss = preference.simpo(gamma=0.0)
      >>> pair = preference.Terms(**dict.fromkeys(loss.requires, jnp.zeros(1)))
      >>> float(loss(pair))  # log 2
      0.69314...

    Meng, Xia, Chen, "SimPO: Simple Preference Optimization with a Reference-Free Reward", 2024, arXiv 2405.14734.
    """
    link = sigmoid_link(label_smoothing=label_smoothing)
    return chain(mean_log_prob_score(), margin(beta=beta, gamma=gamma), link, pair_mean(), name="simpo")


def cpo(*, beta: checks.ScalarOrSchedule = 0.1, nll_coefficient: checks.ScalarOrSchedule = 1.0) -> LossTransform:
    """Contrastive preference optimisation: L = -mean_b log sigma(beta (s_w - s_l)) + c NLL(chosen).

    Args:
      beta: > 0, or a schedule.
      nll_coefficient: c >= 0, or a schedule; see `chosen_nll` with `"token_mean"`.

    Returns:
      A chain reading log-probs of both responses and `chosen_lengths`.

    Example:
      >>> loss = preference.cpo()
      >>> pair = preference.Terms(**dict.fromkeys(loss.requires, jnp.zeros(1)))
      >>> float(loss(pair))  # log 2
      0.69314...

    Xu et al., "Contrastive Preference Optimization: Pushing the Boundaries of LLM Performance in Machine Translation",
    2024, arXiv 2401.08417.
    """
    checks.schedule("nll_coefficient", nll_coefficient, checks.non_negative)
    steps = (log_prob_score(), margin(beta=beta), sigmoid_link(), pair_mean())
    return chain(*steps, chosen_nll(coefficient=nll_coefficient), name="cpo")


def orpo(*, coefficient: checks.ScalarOrSchedule = 0.1) -> LossTransform:
    """Odds-ratio preference optimisation: L = NLL(chosen) - c mean_b log sigma(log odds_w - log odds_l).

    Args:
      coefficient: c >= 0, the paper's lambda, or a schedule.

    Returns:
      A chain reading log-probs and lengths of both responses; odds are those of the mean log-prob, see `log_odds_score`.

    Example:
      >>> loss = preference.orpo()
      >>> same = {name: jnp.array([-0.693147]) for name in ("chosen_log_probs", "rejected_log_probs")}
      >>> pair = preference.Terms(**same, chosen_lengths=jnp.ones(1), rejected_lengths=jnp.ones(1))
      >>> float(loss(pair))  # 1.1 log 2
      0.76246...

    Hong, Lee, Thorne, "ORPO: Monolithic Preference Optimization without Reference Model", 2024, arXiv 2403.07691.
    """
    checks.schedule("coefficient", coefficient, checks.non_negative)
    odds = (log_odds_score(), margin(beta=1.0), sigmoid_link(), pair_mean(coefficient=coefficient))
    return chain(*odds, chosen_nll(), name="orpo")


def redi(*, alpha: float = 0.8, chosen_coefficient: float = 1.0, negative_exponent: float | None = None) -> LossTransform:
    """Reinforcement distillation: L = mean_b (-s_w / |y_w| + alpha s_l / |y_l|), after supervised training on s_w.

    Args:
      alpha: >= 0, as a rule at most 1; the paper's best is 0.8.
      chosen_coefficient: >= 0, factor of the first term.
      negative_exponent: see `linear_link`; None as in the paper.

    Returns:
      A chain reading log-probs and lengths of both responses. The loss is unbounded below: warm up and decay the rate.

    Example:
      >>> loss = preference.redi(alpha=1.0)
      >>> pair = preference.Terms(**dict.fromkeys(loss.requires, jnp.zeros(1)))
      >>> float(loss(pair))
      0.0

    Xu et al., "Harnessing Negative Signals: Reinforcement Distillation from Teacher Data for LLM Reasoning", 2025,
    arXiv 2505.24850.
    """
    link = linear_link(alpha=alpha, chosen_coefficient=chosen_coefficient, negative_exponent=negative_exponent)
    return chain(mean_log_prob_score(), link, pair_mean(), name="redi")
