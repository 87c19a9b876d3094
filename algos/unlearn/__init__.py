"""Unlearning: losses that remove what a model knows, and terms that keep the rest."""

from .forget import gradient_ascent as gradient_ascent
from .forget import npo as npo
from .forget import npo_weights as npo_weights
from .forget import satimp as satimp
from .forget import simnpo as simnpo
from .forget import weighted_gradient_ascent as weighted_gradient_ascent
from .presets import gradient_difference as gradient_difference
from .presets import npo_kl as npo_kl
from .presets import npo_retain as npo_retain
from .replacement import idk_dpo as idk_dpo
from .replacement import idk_sft as idk_sft
from .retain import retain_kl as retain_kl
from .retain import retain_nll as retain_nll
from .targets import ce_u as ce_u
from .targets import drop_first_forget_tokens as drop_first_forget_tokens
from .targets import undial as undial
from .terms import Terms as Terms
from .terms import forward as forward

__all__ = [
    "Terms",
    "ce_u",
    "drop_first_forget_tokens",
    "forward",
    "gradient_ascent",
    "gradient_difference",
    "idk_dpo",
    "idk_sft",
    "npo",
    "npo_kl",
    "npo_retain",
    "npo_weights",
    "retain_kl",
    "retain_nll",
    "satimp",
    "simnpo",
    "undial",
    "weighted_gradient_ascent",
]
