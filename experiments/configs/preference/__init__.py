"""Preference optimisation, supervised training on whole responses, and the choice of what to train on.

    algax run preference/dpo

The docstring of each config says what to expect of it.
"""

from ml_collections import ConfigDict

from algax.experiments.configs import choose
from algax.experiments.configs.preference import demonstrations, pairs, supervision

METHODS = (
    pairs.ches,
    pairs.delta,
    pairs.dpo,
    pairs.iterative_dpo,
    pairs.redi,
    pairs.rlaifv_pairs,
    demonstrations.claps,
    demonstrations.dco,
    demonstrations.dress,
    demonstrations.fdiv_sft,
    demonstrations.phf,
    supervision.difficulty_cv,
    supervision.easy_to_hard,
    supervision.sft_recipe,
    supervision.supervision_quality,
    supervision.weak_to_strong,
)
VARIANTS = {method.__name__: method for method in METHODS}


def get_config(variant: str = "dpo") -> ConfigDict:
    """The config of an experiment of this room."""
    return choose(VARIANTS, variant)
