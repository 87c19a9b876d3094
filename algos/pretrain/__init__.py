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
from .denoisers import DENOISERS as DENOISERS
from .denoisers import Denoiser as Denoiser
from .denoisers import ul2 as ul2
from .denoising import hide as hide
from .denoising import span_corruption as span_corruption
from .denoising import span_lengths as span_lengths
from .dialogues import DialogueText as DialogueText
from .dialogues import FeedbackTurns as FeedbackTurns
from .dialogues import feedback_dialogue as feedback_dialogue
from .distillation import hidden_matching as hidden_matching
from .distillation import masked_distillation as masked_distillation
from .distillation import spoken_form as spoken_form
from .distillation import teacher_divergence as teacher_divergence
from .feedback import awr as awr
from .feedback import drop_bad_sequences as drop_bad_sequences
from .feedback import reward_regression as reward_regression
from .feedback import reward_weights as reward_weights
from .feedback import rwr as rwr
from .feedback import unlikelihood as unlikelihood
from .infilling import sequential_prompting as sequential_prompting
from .latent import latent_feedback as latent_feedback
from .latent import step_supervision as step_supervision
from .latent import step_weights as step_weights
from .markers import MarkedText as MarkedText
from .markers import group_buckets as group_buckets
from .markers import markers as markers
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
from .noise import scored_noise as scored_noise
from .noise import span_noise as span_noise
from .noise import suffix_noise as suffix_noise
from .objectives import next_token as next_token
from .objectives import z_loss as z_loss
from .prefix_language import DecoderInputs as DecoderInputs
from .prefix_language import EncoderDecoderInputs as EncoderDecoderInputs
from .prefix_language import decoder_terms as decoder_terms
from .prefix_language import encoder_decoder_terms as encoder_decoder_terms
from .prefix_language import packed_prefix_language as packed_prefix_language
from .prefix_language import prefix_language as prefix_language
from .prefix_language import split_text as split_text
from .prefixes import drop_prefix as drop_prefix
from .prefixes import meco as meco
from .prefixes import prepend as prepend
from .prefixes import url_domain as url_domain
from .prompting import calibrate as calibrate
from .prompting import ensemble_prompts as ensemble_prompts
from .prompting import tuning_mask as tuning_mask
from .pseudo_labels import PseudoLabelRun as PseudoLabelRun
from .pseudo_labels import PseudoLabels as PseudoLabels
from .pseudo_labels import pseudo_label_pretrain as pseudo_label_pretrain
from .pseudo_labels import pseudo_labels as pseudo_labels
from .reasoning import Piece as Piece
from .reasoning import ReasoningStep as ReasoningStep
from .reasoning import reasoning_format as reasoning_format
from .reasoning import receding_horizon as receding_horizon
from .spectrum import SpectrumTask as SpectrumTask
from .spectrum import spectrum as spectrum
from .spectrum import trained_messages as trained_messages
from .task_generation import GeneratedTask as GeneratedTask
from .task_generation import parse_task as parse_task
from .task_generation import render_task as render_task
from .task_generation import task_prompt as task_prompt
from .templates import PromptTemplate as PromptTemplate
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
    "DENOISERS",
    "DecoderInputs",
    "Denoiser",
    "DialogueText",
    "EncoderDecoderInputs",
    "FeedbackTurns",
    "GeneratedTask",
    "MarkedText",
    "PerturbedStates",
    "Piece",
    "PromptTemplate",
    "PseudoLabelRun",
    "PseudoLabels",
    "ReasoningStep",
    "ScoredText",
    "Seq2SeqBatch",
    "SpectrumTask",
    "Terms",
    "TokenBatch",
    "alternating_spans",
    "awr",
    "calibrate",
    "causal_terms",
    "choose_rows",
    "claps",
    "composition_split",
    "contrast_sequences",
    "control_prefix",
    "corrupt_tokens",
    "decoder_terms",
    "drop_bad_sequences",
    "drop_prefix",
    "encoder_decoder_terms",
    "ensemble_prompts",
    "feedback_dialogue",
    "forward",
    "group_buckets",
    "hidden_matching",
    "hide",
    "iid_noise",
    "latent_feedback",
    "markers",
    "mask_rate",
    "masked_distillation",
    "masked_language",
    "masked_thought",
    "meco",
    "mixture",
    "next_token",
    "noise_counts",
    "normalized_step",
    "packed_prefix_language",
    "parse_task",
    "perturb_states",
    "prefix_language",
    "prefix_noise",
    "prepend",
    "pseudo_label_pretrain",
    "pseudo_labels",
    "reasoning_format",
    "receding_horizon",
    "render",
    "render_task",
    "reward_regression",
    "reward_weights",
    "rwr",
    "scored_noise",
    "sequential_prompting",
    "skill_subsets",
    "span_corruption",
    "span_lengths",
    "span_noise",
    "spectrum",
    "split_text",
    "spoken_form",
    "step_supervision",
    "step_weights",
    "suffix_noise",
    "task_prompt",
    "teacher_divergence",
    "token_batch",
    "trained_messages",
    "tuning_mask",
    "ul2",
    "unlikelihood",
    "url_domain",
    "verbalize",
    "z_loss",
]
