"""What to train on next: samplers that learn from feedback, and the order of data."""

from .augmentation import scaled_augment as scaled_augment
from .bandits import ArmFeedback as ArmFeedback
from .bandits import UcbState as UcbState
from .bandits import ucb as ucb
from .bandits import within_sources as within_sources
from .continual import MultiEpochState as MultiEpochState
from .continual import multi_epoch as multi_epoch
from .continual import replay_mix as replay_mix
from .continual import top_quality_subset as top_quality_subset
from .difficulty import Ranking as Ranking
from .difficulty import WindowFeedback as WindowFeedback
from .difficulty import gaussian_utility as gaussian_utility
from .difficulty import gaussian_window as gaussian_window
from .difficulty import rank_by_lim as rank_by_lim
from .difficulty import rank_by_variance as rank_by_variance
from .difficulty import repeat_prompts as repeat_prompts
from .difficulty import zones as zones
from .difficulty_stages import difficulty_stages as difficulty_stages
from .difficulty_stages import mixture_schedule as mixture_schedule
from .difficulty_stages import top_share as top_share
from .hardness import hardness_cutoffs as hardness_cutoffs
from .hardness import hardness_levels as hardness_levels
from .hardness import model_hardness as model_hardness
from .instruction_data import decontaminate as decontaminate
from .instruction_data import fair_downsample as fair_downsample
from .instruction_data import novelty_filter as novelty_filter
from .instruction_data import threshold_filter as threshold_filter
from .pairs import Pairs as Pairs
from .pairs import pairs_from_rollouts as pairs_from_rollouts
from .passes import one_epoch as one_epoch
from .phased import phase_order as phase_order
from .resolution import ImageStage as ImageStage
from .resolution import efficient_train as efficient_train
from .resolution import low_frequency_crop as low_frequency_crop
from .selection import coefficient_of_variation as coefficient_of_variation
from .selection import difficulty_filter as difficulty_filter
from .selection import difficulty_grades as difficulty_grades
from .selection import keep_lowest as keep_lowest
from .selection import pass_rates as pass_rates
from .skills import SkillFeedback as SkillFeedback
from .skills import difficult_questions as difficult_questions
from .skills import majority_filter as majority_filter
from .skills import skill_profile as skill_profile
from .skills import skill_weights as skill_weights
from .skills import skills as skills
from .supervision import corrupt_steps as corrupt_steps
from .supervision import group_mixture as group_mixture
from .topics import TopicPerplexities as TopicPerplexities
from .topics import TopicState as TopicState
from .topics import topic_mixture as topic_mixture
from .tree_pairs import SiblingPairs as SiblingPairs
from .tree_pairs import sibling_pairs as sibling_pairs
from .tree_pairs import tree_search_scores as tree_search_scores

__all__ = [
    "ArmFeedback",
    "ImageStage",
    "MultiEpochState",
    "Pairs",
    "Ranking",
    "SiblingPairs",
    "SkillFeedback",
    "TopicPerplexities",
    "TopicState",
    "UcbState",
    "WindowFeedback",
    "coefficient_of_variation",
    "corrupt_steps",
    "decontaminate",
    "difficult_questions",
    "difficulty_filter",
    "difficulty_grades",
    "difficulty_stages",
    "efficient_train",
    "fair_downsample",
    "gaussian_utility",
    "gaussian_window",
    "group_mixture",
    "hardness_cutoffs",
    "hardness_levels",
    "keep_lowest",
    "low_frequency_crop",
    "majority_filter",
    "mixture_schedule",
    "model_hardness",
    "multi_epoch",
    "novelty_filter",
    "one_epoch",
    "pairs_from_rollouts",
    "pass_rates",
    "phase_order",
    "rank_by_lim",
    "rank_by_variance",
    "repeat_prompts",
    "replay_mix",
    "scaled_augment",
    "sibling_pairs",
    "skill_profile",
    "skill_weights",
    "skills",
    "threshold_filter",
    "top_quality_subset",
    "top_share",
    "topic_mixture",
    "tree_search_scores",
    "ucb",
    "within_sources",
    "zones",
]
