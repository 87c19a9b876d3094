"""Named objectives on pairs against a reference: each is a chain score -> margin -> link -> mean, and nothing else."""

from __future__ import annotations

from ..core import LossTransform, chain, checks
from .links import discopop_link, exo_link, hinge_link, robust_link, sigmoid_link, squared_link
from .margins import margin, quantile_margin
from .prospect import kto_link, paired_kto_link, reference_point, unpaired_log_ratio_score, unpaired_mean
from .reductions import pair_mean
from .score_links import apo_down_link, apo_zero_link, nca_link, sppo_link
from .scores import divergence_score, log_ratio_score, mean_log_ratio_score


def dpo(*, beta: checks.ScalarOrSchedule = 0.1) -> LossTransform:
    """Direct preference optimisation: L = -mean_b log sigma(beta (h_w - h_l)), h = log(pi / ref).

    Args:
      beta: > 0, weight of the KL to the reference, or a schedule.

    Returns:
      A chain reading log-probs and reference log-probs of both responses.

    Example:
      >>> loss = preference.dpo()
      >>> pair = preference.Terms(**dict.fromkeys(loss.requires, jnp.zeros(1)))
      >>> float(loss(pair))  # log 2
      0.69314...

    Rafailov et al., "Direct Preference Optimization: Your Language Model is Secretly a Reward Model", 2023,
    arXiv 2305.18290.
    """
    return chain(log_ratio_score(), margin(beta=beta), sigmoid_link(), pair_mean(), name="dpo")


def divergence_dpo(divergence: str = "js", order: float | None = None, *, beta: checks.ScalarOrSchedule = 0.1) -> LossTransform:
    """DPO under another divergence: L = -mean_b log sigma(beta (f'(exp h_w) - f'(exp h_l))), h = log(pi / ref).

    Args:
      divergence: its name, see the function `divergence`; `"reverse_kl"` is DPO.
      order: order of the `"alpha"` divergence.
      beta: > 0, or a schedule.

    Returns:
      A chain reading log-probs and reference log-probs of both responses.

    Example:
      >>> loss = preference.divergence_dpo("forward_kl")
      >>> pair = preference.Terms(**dict.fromkeys(loss.requires, jnp.zeros(1)))
      >>> float(loss(pair))  # log 2
      0.69314...

    Wang, Jiang, Yang, Liu, Chen, "Beyond Reverse KL: Generalizing Direct Preference Optimization with Diverse Divergence
    Constraints", 2023, arXiv 2309.16240.
    """
    steps = (divergence_score(divergence, order), margin(beta=beta), sigmoid_link(), pair_mean())
    return chain(*steps, name="divergence_dpo")


def conservative_dpo(*, beta: checks.ScalarOrSchedule = 0.1, label_smoothing: float = 0.1) -> LossTransform:
    """DPO with smoothed labels (cDPO): L = mean_b [-(1 - e) log sigma(z_b) - e log sigma(-z_b)], z = beta (h_w - h_l).

    Args:
      beta: > 0, or a schedule.
      label_smoothing: e in [0, 1), the share of labels assumed wrong.

    Returns:
      A chain reading log-probs and reference log-probs of both responses.

    Example:
      >>> loss = preference.conservative_dpo()
      >>> pair = preference.Terms(**dict.fromkeys(loss.requires, jnp.zeros(1)))
      >>> float(loss(pair))  # log 2
      0.69314...

    Mitchell, "A note on DPO with noisy preferences & relationship to IPO", 2023.
    """
    link = sigmoid_link(label_smoothing=label_smoothing)
    return chain(log_ratio_score(), margin(beta=beta), link, pair_mean(), name="conservative_dpo")


def robust_dpo(*, beta: checks.ScalarOrSchedule = 0.1, label_smoothing: float = 0.1) -> LossTransform:
    """DPO made unbiased under flipped labels, see `robust_link`.

    Args:
      beta: > 0, or a schedule.
      label_smoothing: e in [0, 1/2), the share of labels assumed wrong.

    Returns:
      A chain reading log-probs and reference log-probs of both responses.

    Example:
      >>> loss = preference.robust_dpo()
      >>> pair = preference.Terms(**dict.fromkeys(loss.requires, jnp.zeros(1)))
      >>> float(loss(pair))  # log 2
      0.69314...

    Chowdhury, Kini, Natarajan, "Provably Robust DPO: Aligning Language Models with Noisy Feedback", 2024,
    arXiv 2403.00409.
    """
    link = robust_link(label_smoothing=label_smoothing)
    return chain(log_ratio_score(), margin(beta=beta), link, pair_mean(), name="robust_dpo")


def slic_hinge(*, beta: checks.ScalarOrSchedule = 0.1) -> LossTransform:
    """Hinge loss on the implicit reward: L = mean_b max(0, 1 - beta (h_w - h_l)).

    Args:
      beta: > 0, or a schedule.

    Returns:
      A chain reading log-probs and reference log-probs of both responses.

    Example:
      >>> loss = preference.slic_hinge()
      >>> pair = preference.Terms(**dict.fromkeys(loss.requires, jnp.zeros(1)))
      >>> float(loss(pair))
      1.0

    Zhao et al., "SLiC-HF: Sequence Likelihood Calibration with Human Feedback", 2023, arXiv 2305.10425.
    """
    return chain(log_ratio_score(), margin(beta=beta), hinge_link(), pair_mean(), name="slic_hinge")


def ipo(*, tau: float = 0.1, score: str = "mean") -> LossTransform:
    """Identity preference optimisation: L = mean_b (c_w - c_l - 1 / (2 tau))^2.

    Args:
      tau: > 0, weight of the KL.
      score: `"mean"` for c = h / |y|, `"sum"` for c = h.

    Returns:
      A chain reading log-probs and reference log-probs of both responses, and for `"mean"` their lengths.

    Example:
      >>> loss = preference.ipo(score="sum")
      >>> pair = preference.Terms(**dict.fromkeys(loss.requires, jnp.zeros(1)))
      >>> float(loss(pair))  # 1 / (2 tau)^2
      25.0

    Azar et al., "A General Theoretical Paradigm to Understand Learning from Human Preferences", 2023, arXiv 2310.12036.
    The paper writes sums over tokens; its authors confirmed means, which current released code uses.
    """
    checks.option("score", score, ("mean", "sum"))
    scores = mean_log_ratio_score() if score == "mean" else log_ratio_score()
    return chain(scores, margin(beta=1.0), squared_link(tau=tau), pair_mean(), name="ipo")


def length_normalised_dpo(*, beta: checks.ScalarOrSchedule = 5.0, label_smoothing: float = 0.0) -> LossTransform:
    """DPO on log-ratios per token: z = beta (h_w / |y_w| - h_l / |y_l|).

    Args:
      beta: > 0, or a schedule; larger than DPO's, because the scores are smaller.
      label_smoothing: in [0, 1), see `sigmoid_link`.

    Returns:
      A chain reading log-probs, reference log-probs and lengths of both responses.

    Example:
      >>> loss = preference.length_normalised_dpo()
      >>> pair = preference.Terms(**dict.fromkeys(loss.requires, jnp.zeros(1)))
      >>> float(loss(pair))  # log 2
      0.69314...

    Lambert et al., "Tulu 3: Pushing Frontiers in Open Language Model Post-Training", 2024, arXiv 2411.15124.
    """
    link = sigmoid_link(label_smoothing=label_smoothing)
    return chain(mean_log_ratio_score(), margin(beta=beta), link, pair_mean(), name="length_normalised_dpo")


def exo(*, beta: checks.ScalarOrSchedule = 0.1, label_smoothing: float = 1e-3) -> LossTransform:
    """Efficient exact optimisation on pairs: the reverse KL to the smoothed label, see `exo_link`.

    Args:
      beta: > 0, or a schedule.
      label_smoothing: in (0, 1).

    Returns:
      A chain reading log-probs and reference log-probs of both responses.

    Example:
      >>> loss = preference.exo(label_smoothing=0.5)
      >>> pair = preference.Terms(**dict.fromkeys(loss.requires, jnp.zeros(1)))
      >>> float(loss(pair))
      0.0

    Ji et al., "Towards Efficient Exact Optimization of Language Model Alignment", 2024, arXiv 2402.00856.
    """
    link = exo_link(label_smoothing=label_smoothing)
    return chain(log_ratio_score(), margin(beta=beta), link, pair_mean(), name="exo")


def nca(*, beta: checks.ScalarOrSchedule = 0.1) -> LossTransform:
    """Noise contrastive alignment on pairs, see `nca_link`.

    Args:
      beta: > 0, or a schedule.

    Returns:
      A chain reading log-probs and reference log-probs of both responses.

    Example:
      >>> loss = preference.nca()
      >>> pair = preference.Terms(**dict.fromkeys(loss.requires, jnp.zeros(1)))
      >>> float(loss(pair))  # 2 log 2
      1.38629...

    Chen et al., "Noise Contrastive Alignment of Language Models with Explicit Rewards", 2024, arXiv 2402.05369.
    """
    return chain(log_ratio_score(), nca_link(beta=beta), pair_mean(), name="nca")


def sppo_hard(*, beta: checks.ScalarOrSchedule = 0.1) -> LossTransform:
    """Self-play preference optimisation with hard labels: L = mean_b (h_w - 1 / (2 beta))^2 + (h_l + 1 / (2 beta))^2.

    Args:
      beta: > 0, or a schedule.

    Returns:
      A chain reading log-probs and reference log-probs of both responses.

    Example:
      >>> loss = preference.sppo_hard()
      >>> pair = preference.Terms(**dict.fromkeys(loss.requires, jnp.zeros(1)))
      >>> float(loss(pair))
      50.0

    Wu et al., "Self-Play Preference Optimization for Language Model Alignment", 2024, arXiv 2405.00675.
    """
    return chain(log_ratio_score(), sppo_link(beta=beta), pair_mean(), name="sppo_hard")


def apo_zero(*, beta: checks.ScalarOrSchedule = 0.1) -> LossTransform:
    """Anchored preference optimisation for chosen responses better than the model's own, see `apo_zero_link`.

    Args:
      beta: > 0, or a schedule.

    Returns:
      A chain reading log-probs and reference log-probs of both responses.

    Example:
      >>> loss = preference.apo_zero()
      >>> pair = preference.Terms(**dict.fromkeys(loss.requires, jnp.zeros(1)))
      >>> float(loss(pair))
      1.0

    D'Oosterlinck et al., "Anchored Preference Optimization and Contrastive Revisions", 2024, arXiv 2408.06266.
    """
    return chain(log_ratio_score(), apo_zero_link(beta=beta), pair_mean(), name="apo_zero")


def apo_down(*, beta: checks.ScalarOrSchedule = 0.1) -> LossTransform:
    """Anchored preference optimisation for chosen responses worse than the model's own, see `apo_down_link`.

    Args:
      beta: > 0, or a schedule.

    Returns:
      A chain reading log-probs and reference log-probs of both responses.

    Example:
      >>> loss = preference.apo_down()
      >>> pair = preference.Terms(**dict.fromkeys(loss.requires, jnp.zeros(1)))
      >>> float(loss(pair))
      1.0

    D'Oosterlinck et al., "Anchored Preference Optimization and Contrastive Revisions", 2024, arXiv 2408.06266.
    """
    return chain(log_ratio_score(), apo_down_link(beta=beta), pair_mean(), name="apo_down")


def discopop(*, beta: checks.ScalarOrSchedule = 0.1, tau: float = 0.05) -> LossTransform:
    """The discovered blend of logistic and exponential loss, see `discopop_link`.

    Args:
      beta: > 0, or a schedule.
      tau: > 0, width of the blend.

    Returns:
      A chain reading log-probs and reference log-probs of both responses.

    Example:
      >>> loss = preference.discopop()
      >>> pair = preference.Terms(**dict.fromkeys(loss.requires, jnp.zeros(1)))
      >>> float(loss(pair))  # (log 2 + 1) / 2
      0.84657...

    Lu et al., "Discovering Preference Optimization Algorithms with and for Large Language Models", 2024, arXiv 2406.08414.
    """
    return chain(log_ratio_score(), margin(beta=beta), discopop_link(tau=tau), pair_mean(), name="discopop")


def aot(*, beta: checks.ScalarOrSchedule = 0.1, label_smoothing: float = 0.0) -> LossTransform:
    """Alignment by optimal transport on pairs: DPO with the reference's log-ratio of the same rank, see `quantile_margin`.

    Args:
      beta: > 0, or a schedule.
      label_smoothing: in [0, 1), see `sigmoid_link`.

    Returns:
      A chain reading log-probs and reference log-probs of both responses, which couples the pairs of a batch.

    Example:
      >>> loss = preference.aot()
      >>> pair = preference.Terms(**dict.fromkeys(loss.requires, jnp.zeros(1)))
      >>> float(loss(pair))  # log 2
      0.69314...

    Melnyk et al., "Distributional Preference Alignment of LLMs via Optimal Transport", 2024, arXiv 2406.05882.
    """
    link = sigmoid_link(label_smoothing=label_smoothing)
    return chain(quantile_margin(beta=beta), link, pair_mean(), name="aot")


def kto(*, beta: checks.ScalarOrSchedule = 0.1, desirable: float = 1.0, undesirable: float = 1.0) -> LossTransform:
    """Kahneman-Tversky optimisation of responses labelled one by one, see `kto_link` and `reference_point`.

    Args:
      beta: > 0, or a schedule.
      desirable: >= 0, weight of desirable responses.
      undesirable: >= 0, weight of undesirable ones.

    Returns:
      A chain reading `log_probs`, `ref_log_probs`, `labels`, `kl_log_probs` and `ref_kl_log_probs`, which couples the
      responses of a batch through the reference point.

    Example:
      >>> loss = preference.kto()
      >>> responses = preference.Terms(**dict.fromkeys(loss.requires, jnp.zeros(1)))
      >>> float(loss(responses))
      0.5

    Ethayarajh et al., "KTO: Model Alignment as Prospect Theoretic Optimization", 2024, arXiv 2402.01306.
    """
    link = kto_link(beta=beta, desirable=desirable, undesirable=undesirable)
    return chain(unpaired_log_ratio_score(), reference_point(), link, unpaired_mean(), name="kto")


def paired_kto(*, beta: checks.ScalarOrSchedule = 0.1) -> LossTransform:
    """KTO on as many desirable as undesirable responses, each kind the other's reference point, see `paired_kto_link`.

    Args:
      beta: > 0, or a schedule.

    Returns:
      A chain reading log-probs and reference log-probs of both responses, which couples the pairs of a batch.

    Example:
      >>> loss = preference.paired_kto()
      >>> pair = preference.Terms(**dict.fromkeys(loss.requires, jnp.zeros(1)))
      >>> float(loss(pair))
      0.5

    Ethayarajh et al., "KTO: Model Alignment as Prospect Theoretic Optimization", 2024, arXiv 2402.01306.
    """
    return chain(log_ratio_score(), paired_kto_link(beta=beta), pair_mean(), name="paired_kto")
