"""Policy objectives, on verified arithmetic and on small tasks whose probabilities are known.

    algax run policy/grpo

warms a small Transformer up on 40 worked one-digit sums, then practises on the 80 sums that are not held out, with GRPO and
with REINFORCE, rewarded only by a checker that reads the sampled answers. Expect accuracy to rise from about 0.4 at the warm
start to about 0.6 within 120 steps with either: clearly above the start, but no difference between the two, so that the
second claim comes out inconclusive.

    algax run policy/topr    (and the other names of `VARIANTS`)

compares an objective with its baseline in seconds: most on 24 prompts with 6 right answers of 48 each, the rest on other tables
of probabilities. Those of `protocols` and `loops` let a small Transformer sample and take about a minute. The function of the
same name says what to expect.
"""

from ml_collections import ConfigDict

from algax.experiments.configs import choose
from algax.experiments.configs.policy import (
    arithmetic,
    bandit,
    controls,
    curricula,
    entropy,
    guidance,
    lengths,
    loops,
    protocols,
    sequences,
)

METHODS = (
    arithmetic.grpo,
    bandit.aggregation,
    bandit.bapo,
    bandit.bnpo,
    bandit.cispo,
    bandit.copo,
    bandit.dapo,
    bandit.drpo,
    bandit.hpt,
    bandit.kl,
    bandit.nft,
    bandit.oreal,
    bandit.remix,
    bandit.riskpo,
    bandit.rover,
    bandit.stable_reinforce,
    bandit.topr,
    controls.advgamebench,
    controls.model_task_alignment,
    curricula.craft_gui,
    curricula.gain_rl,
    curricula.itool,
    curricula.one_shot_rlvr,
    curricula.scaling_inter,
    curricula.stat_skills,
    curricula.tl_training,
    entropy.aepo_arbitrary,
    entropy.aepo_balanced,
    entropy.clip_cov,
    entropy.dph,
    entropy.entropy,
    entropy.epo,
    entropy.evol_rl,
    entropy.kl_cov,
    entropy.light_if,
    entropy.lp_reg,
    entropy.steer,
    guidance.carft,
    guidance.expo_selfexplain,
    guidance.gtr,
    guidance.simplerl_zoo,
    guidance.simpletir,
    guidance.thinktuning,
    lengths.adacot,
    lengths.bai,
    lengths.canon,
    lengths.dler,
    lengths.dler_merge,
    lengths.grpo_lambda,
    lengths.hbpo,
    lengths.thinkless,
    lengths.ton,
    loops.dler_arithmetic,
    loops.hpt_countdown,
    loops.octothinker,
    loops.pure_chains,
    loops.rl_cold_start,
    loops.socratic_zero,
    loops.thinkless_arithmetic,
    sequences.cure,
    sequences.gspo,
    sequences.macro_action,
    sequences.ppo,
    sequences.prefix_rft_decisions,
    sequences.rlvr,
    sequences.pure,
    sequences.siren,
    sequences.step_advantage,
    protocols.cory,
    protocols.cure_countdown,
    protocols.dump,
    protocols.guide_grpo,
    protocols.prefix_rft_countdown,
    protocols.score_rl,
    protocols.soft_tokens,
    protocols.ufo,
)
VARIANTS = {method.__name__: method for method in METHODS}


def get_config(variant: str = "grpo") -> ConfigDict:
    """The config of an experiment of this room."""
    return choose(VARIANTS, variant)
