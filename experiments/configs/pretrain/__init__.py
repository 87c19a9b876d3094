"""Objectives on sequences, what stands before a text and what is hidden in it, and where training data come from.

    algax run pretrain/meco

The docstring of each config says what to expect of it.
"""

from ml_collections import ConfigDict

from algax.experiments.configs import choose
from algax.experiments.configs.pretrain import objectives, sequences, sources

METHODS = (
    objectives.arch_objective,
    objectives.aux_think,
    objectives.markers,
    objectives.paramanu_ganita,
    objectives.pcp,
    objectives.sap,
    objectives.syne,
    objectives.ul2,
    sequences.alexa_tm,
    sequences.cpt_uda,
    sequences.masked_thought,
    sequences.meco,
    sequences.simcot,
    sequences.skill_mix,
    sequences.spectrum,
    sources.bonito,
    sources.data_guide,
    sources.instruct_open,
    sources.magic_token,
    sources.openmathinstruct2,
    sources.prompting,
    sources.pseudo_pretrain,
)
VARIANTS = {method.__name__: method for method in METHODS}


def get_config(variant: str = "meco") -> ConfigDict:
    """The config of an experiment of this room."""
    return choose(VARIANTS, variant)
