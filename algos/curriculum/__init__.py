"""What to train on next: samplers that learn from feedback, and the order of data."""

from .bandits import ArmFeedback as ArmFeedback
from .bandits import UcbState as UcbState
from .bandits import ucb as ucb
from .bandits import within_sources as within_sources
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
from .skills import SkillFeedback as SkillFeedback
from .skills import difficult_questions as difficult_questions
from .skills import majority_filter as majority_filter
from .skills import skill_profile as skill_profile
from .skills import skill_weights as skill_weights
from .skills import skills as skills

__all__ = [
    "ArmFeedback",
    "Pairs",
    "Ranking",
    "SkillFeedback",
    "UcbState",
    "WindowFeedback",
    "difficult_questions",
    "gaussian_utility",
    "gaussian_window",
    "majority_filter",
    "pairs_from_rollouts",
    "rank_by_lim",
    "rank_by_variance",
    "repeat_prompts",
    "skill_profile",
    "skill_weights",
    "skills",
    "ucb",
    "within_sources",
    "zones",
]
