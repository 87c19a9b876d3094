"""What to train on next: samplers that learn from feedback, and the order of data."""

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
from .pairs import Pairs as Pairs
from .pairs import pairs_from_rollouts as pairs_from_rollouts
from .passes import one_epoch as one_epoch
from .resolution import ImageStage as ImageStage
from .resolution import efficient_train as efficient_train
from .resolution import low_frequency_crop as low_frequency_crop
from .skills import SkillFeedback as SkillFeedback
from .skills import difficult_questions as difficult_questions
from .skills import majority_filter as majority_filter
from .skills import skill_profile as skill_profile
from .skills import skill_weights as skill_weights
from .skills import skills as skills

__all__ = [
    "ArmFeedback",
    "ImageStage",
    "MultiEpochState",
    "Pairs",
    "Ranking",
    "SkillFeedback",
    "UcbState",
    "WindowFeedback",
    "difficult_questions",
    "efficient_train",
    "gaussian_utility",
    "gaussian_window",
    "low_frequency_crop",
    "majority_filter",
    "multi_epoch",
    "one_epoch",
    "pairs_from_rollouts",
    "rank_by_lim",
    "rank_by_variance",
    "repeat_prompts",
    "replay_mix",
    "skill_profile",
    "skill_weights",
    "skills",
    "top_quality_subset",
    "ucb",
    "within_sources",
    "zones",
]
