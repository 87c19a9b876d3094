"""Preference optimisation: scores, margins, links and the named losses they make."""

from .claims import LengthBalance as LengthBalance
from .claims import claim_scores as claim_scores
from .claims import length_balance as length_balance
from .claims import mean_implicit_rewards as mean_implicit_rewards
from .claims import score_pairs as score_pairs
from .coverage import coverage_link as coverage_link
from .coverage import dco as dco
from .coverage import unpaired_log_prob_score as unpaired_log_prob_score
from .delta import delta_pairs as delta_pairs
from .divergences import Divergence as Divergence
from .divergences import divergence as divergence
from .imitation import divergence_sft as divergence_sft
from .imitation import imitation_link as imitation_link
from .imitation import implicit_token_rewards as implicit_token_rewards
from .imitation import implicit_values as implicit_values
from .links import discopop_link as discopop_link
from .links import exo_link as exo_link
from .links import hinge_link as hinge_link
from .links import robust_link as robust_link
from .links import sigmoid_link as sigmoid_link
from .links import squared_link as squared_link
from .margins import margin as margin
from .margins import pair_weights as pair_weights
from .margins import quantile_margin as quantile_margin
from .presets import aot as aot
from .presets import apo_down as apo_down
from .presets import apo_zero as apo_zero
from .presets import conservative_dpo as conservative_dpo
from .presets import discopop as discopop
from .presets import divergence_dpo as divergence_dpo
from .presets import dpo as dpo
from .presets import exo as exo
from .presets import ipo as ipo
from .presets import kto as kto
from .presets import length_normalised_dpo as length_normalised_dpo
from .presets import nca as nca
from .presets import paired_kto as paired_kto
from .presets import robust_dpo as robust_dpo
from .presets import slic_hinge as slic_hinge
from .presets import sppo_hard as sppo_hard
from .prospect import kto_link as kto_link
from .prospect import paired_kto_link as paired_kto_link
from .prospect import reference_point as reference_point
from .prospect import unpaired_log_ratio_score as unpaired_log_ratio_score
from .prospect import unpaired_mean as unpaired_mean
from .reductions import chosen_nll as chosen_nll
from .reductions import count_chosen_tokens as count_chosen_tokens
from .reductions import pair_mean as pair_mean
from .reference_free import cpo as cpo
from .reference_free import orpo as orpo
from .reference_free import redi as redi
from .reference_free import simpo as simpo
from .score_links import apo_down_link as apo_down_link
from .score_links import apo_zero_link as apo_zero_link
from .score_links import linear_link as linear_link
from .score_links import nca_link as nca_link
from .score_links import sppo_link as sppo_link
from .scores import divergence_score as divergence_score
from .scores import implicit_rewards as implicit_rewards
from .scores import log_odds_score as log_odds_score
from .scores import log_prob_score as log_prob_score
from .scores import log_ratio_score as log_ratio_score
from .scores import mean_log_prob_score as mean_log_prob_score
from .scores import mean_log_ratio_score as mean_log_ratio_score
from .sequence import sequence_log_probs as sequence_log_probs
from .terms import Sequences as Sequences
from .terms import Terms as Terms
from .terms import forward as forward

__all__ = [
    "Divergence",
    "LengthBalance",
    "Sequences",
    "Terms",
    "aot",
    "apo_down",
    "apo_down_link",
    "apo_zero",
    "apo_zero_link",
    "chosen_nll",
    "claim_scores",
    "conservative_dpo",
    "count_chosen_tokens",
    "coverage_link",
    "cpo",
    "dco",
    "delta_pairs",
    "discopop",
    "discopop_link",
    "divergence",
    "divergence_dpo",
    "divergence_score",
    "divergence_sft",
    "dpo",
    "exo",
    "exo_link",
    "forward",
    "hinge_link",
    "imitation_link",
    "implicit_rewards",
    "implicit_token_rewards",
    "implicit_values",
    "ipo",
    "kto",
    "kto_link",
    "length_balance",
    "length_normalised_dpo",
    "linear_link",
    "log_odds_score",
    "log_prob_score",
    "log_ratio_score",
    "margin",
    "mean_implicit_rewards",
    "mean_log_prob_score",
    "mean_log_ratio_score",
    "nca",
    "nca_link",
    "orpo",
    "pair_mean",
    "pair_weights",
    "paired_kto",
    "paired_kto_link",
    "quantile_margin",
    "redi",
    "reference_point",
    "robust_dpo",
    "robust_link",
    "score_pairs",
    "sequence_log_probs",
    "sigmoid_link",
    "simpo",
    "slic_hinge",
    "sppo_hard",
    "sppo_link",
    "squared_link",
    "unpaired_log_prob_score",
    "unpaired_log_ratio_score",
    "unpaired_mean",
]
