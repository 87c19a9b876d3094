"""Curricula over prompts and sources, and what chooses among them."""

import jax.numpy as jnp

from algax import curriculum

from ...kinds import CurriculumExample, Helper

arms = jnp.array([0, 2, 2, 1, 0])
seen = jnp.array([True, True, False, False, True])
values = jnp.array([-0.5, 0.2, 0.0, 0.0, 0.1])
hidden = jnp.where(seen, values, jnp.nan)

EXAMPLES = {
    "ucb": CurriculumExample(
        curriculum.ArmFeedback(arms, values, seen),
        curriculum.ArmFeedback(arms, hidden, seen),
        {"arms": 3, "window": 3},
        bad=(
            {"arms": 0},
            {"arms": 3, "window": 0},
            {"arms": 3, "temperature": 0.0},
            {"arms": 3, "bonus": -1.0},
        ),
    ),
    "gaussian_window": CurriculumExample(
        curriculum.WindowFeedback(values, jnp.abs(values), seen),
        curriculum.WindowFeedback(hidden, hidden * jnp.sign(hidden), seen),
        {"order": [2, 0, 1], "std": 1.0, "step": 2.0, "target": -0.3},
        bad=(
            {"order": [0, 2]},
            {"order": []},
            {"order": [0], "std": 0.0},
            {"order": [0], "step": -1.0},
            {"order": [0], "sensitivity": -1.0},
            {"order": [0], "target": float("nan")},
            {"order": [0], "reward_scale": 0.0},
            {"order": [0], "low": 2.0, "high": 1.0},
        ),
    ),
    **dict.fromkeys(("ArmFeedback", "UcbState", "within_sources"), Helper("curriculum/test_bandits.py")),
    **dict.fromkeys(
        ("gaussian_utility", "zones", "WindowFeedback", "Ranking", "rank_by_variance", "rank_by_lim", "repeat_prompts"),
        Helper("curriculum/test_difficulty.py"),
    ),
    "skills": CurriculumExample(
        curriculum.SkillFeedback(jnp.array([2.0, 0.0, 1.0]), jnp.array([True, False, True])),
        curriculum.SkillFeedback(jnp.array([2.0, jnp.nan, 1.0]), jnp.array([True, False, True])),
        {"skill_map": jnp.array([[1, 0, 1], [1, 1, 0]], bool)},
        bad=({"skill_map": [True, False]},),
    ),
    **dict.fromkeys(
        ("difficult_questions", "skill_profile", "skill_weights", "SkillFeedback", "majority_filter"),
        Helper("curriculum/test_skills.py"),
    ),
    **dict.fromkeys(("Pairs", "pairs_from_rollouts"), Helper("curriculum/test_pairs.py")),
}
