"""Objectives on sequences of tokens."""

from .compositions import composition_split as composition_split
from .compositions import skill_subsets as skill_subsets
from .contrastive import PerturbedStates as PerturbedStates
from .contrastive import claps as claps
from .contrastive import contrast_sequences as contrast_sequences
from .contrastive import normalized_step as normalized_step
from .contrastive import perturb_states as perturb_states
from .control import ControlledText as ControlledText
from .control import ScoredText as ScoredText
from .control import control_prefix as control_prefix
from .denoising import hide as hide
from .denoising import span_corruption as span_corruption
from .denoising import span_lengths as span_lengths
from .dialogues import DialogueText as DialogueText
from .dialogues import FeedbackTurns as FeedbackTurns
from .dialogues import feedback_dialogue as feedback_dialogue
from .feedback import awr as awr
from .feedback import drop_bad_sequences as drop_bad_sequences
from .feedback import reward_regression as reward_regression
from .feedback import reward_weights as reward_weights
from .feedback import rwr as rwr
from .feedback import unlikelihood as unlikelihood
from .latent import latent_feedback as latent_feedback
from .latent import step_supervision as step_supervision
from .latent import step_weights as step_weights
from .masking import corrupt_tokens as corrupt_tokens
from .masking import mask_rate as mask_rate
from .masking import masked_language as masked_language
from .masking import masked_thought as masked_thought
from .mixtures import choose_rows as choose_rows
from .mixtures import mixture as mixture
from .noise import alternating_spans as alternating_spans
from .noise import iid_noise as iid_noise
from .noise import noise_counts as noise_counts
from .noise import prefix_noise as prefix_noise
from .noise import span_noise as span_noise
from .noise import suffix_noise as suffix_noise
from .objectives import next_token as next_token
from .prefixes import drop_prefix as drop_prefix
from .prefixes import meco as meco
from .prefixes import prepend as prepend
from .prefixes import url_domain as url_domain
from .reasoning import Piece as Piece
from .reasoning import ReasoningStep as ReasoningStep
from .reasoning import reasoning_format as reasoning_format
from .reasoning import receding_horizon as receding_horizon
from .templates import render as render
from .templates import verbalize as verbalize
from .terms import Terms as Terms
from .terms import forward as forward
from .text import Seq2SeqBatch as Seq2SeqBatch
from .text import TokenBatch as TokenBatch
from .text import causal_terms as causal_terms
from .text import token_batch as token_batch

__all__ = [
    "ControlledText",
    "DialogueText",
    "FeedbackTurns",
    "PerturbedStates",
    "Piece",
    "ReasoningStep",
    "ScoredText",
    "Seq2SeqBatch",
    "Terms",
    "TokenBatch",
    "alternating_spans",
    "awr",
    "causal_terms",
    "choose_rows",
    "claps",
    "composition_split",
    "contrast_sequences",
    "control_prefix",
    "corrupt_tokens",
    "drop_bad_sequences",
    "drop_prefix",
    "feedback_dialogue",
    "forward",
    "hide",
    "iid_noise",
    "latent_feedback",
    "mask_rate",
    "masked_language",
    "masked_thought",
    "meco",
    "mixture",
    "next_token",
    "noise_counts",
    "normalized_step",
    "perturb_states",
    "prefix_noise",
    "prepend",
    "reasoning_format",
    "receding_horizon",
    "render",
    "reward_regression",
    "reward_weights",
    "rwr",
    "skill_subsets",
    "span_corruption",
    "span_lengths",
    "span_noise",
    "step_supervision",
    "step_weights",
    "suffix_noise",
    "token_batch",
    "unlikelihood",
    "url_domain",
    "verbalize",
]
