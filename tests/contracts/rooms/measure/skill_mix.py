"""Examples of the room `measure`: combined skills."""

from ...kinds import Helper

EXAMPLES = {"SkillMix": Helper("measure/test_skill_mix.py"), "skill_mix": Helper("measure/test_skill_mix.py")}
