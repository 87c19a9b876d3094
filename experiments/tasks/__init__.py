"""Tasks with embedded, real or verifiable data: pure functions in the graph, nothing downloaded."""

from algax.experiments.tasks import rollouts
from algax.experiments.tasks.adapted_digits import adapted_digits
from algax.experiments.tasks.annotated_chains import annotated_chains, chain_contrast
from algax.experiments.tasks.arithmetic import arithmetic, arithmetic_problems
from algax.experiments.tasks.attempted_digits import attempted_digits
from algax.experiments.tasks.attempts import attempts
from algax.experiments.tasks.audited_texts import audited_texts
from algax.experiments.tasks.balanced_start import balanced_start
from algax.experiments.tasks.bandit import bandit, refresh_sampler
from algax.experiments.tasks.bandit_rows import demonstration_rows, rehearsal_rows, replayed_rows, tempered_rows
from algax.experiments.tasks.batch_orders import batch_orders
from algax.experiments.tasks.boosted_network import boosted_network
from algax.experiments.tasks.bootstrapped_instructions import bootstrapped_instructions
from algax.experiments.tasks.bradley_terry import bradley_terry
from algax.experiments.tasks.choices import choices
from algax.experiments.tasks.coherent_prompts import coherent_prompts
from algax.experiments.tasks.composed_rules import composed_rules
from algax.experiments.tasks.corridor import corridor
from algax.experiments.tasks.corrupted_sums import corrupted_sums
from algax.experiments.tasks.countdown import countdown, countdown_problems
from algax.experiments.tasks.descriptions import descriptions
from algax.experiments.tasks.digit_chains import chain_problems
from algax.experiments.tasks.digits import digits, with_inputs
from algax.experiments.tasks.distilled_students import distilled_students
from algax.experiments.tasks.domain_models import domain_models
from algax.experiments.tasks.domain_shift import domain_shift
from algax.experiments.tasks.drawn_outputs import drawn_outputs
from algax.experiments.tasks.elicited import elicited
from algax.experiments.tasks.feature_noise import feature_noise
from algax.experiments.tasks.federated_digits import federated_digits
from algax.experiments.tasks.filled_cycles import filled_cycles
from algax.experiments.tasks.fine_tuning_runs import fine_tuning_runs
from algax.experiments.tasks.fitted_digits import fitted_digits
from algax.experiments.tasks.formats import formats
from algax.experiments.tasks.gapped_texts import gapped_texts
from algax.experiments.tasks.graded_digits import graded_digits
from algax.experiments.tasks.growing_markov import growing_markov
from algax.experiments.tasks.guided_chains import explanations, second_look
from algax.experiments.tasks.image_stages import ConvNet, image_stages
from algax.experiments.tasks.latent_sums import latent_sums
from algax.experiments.tasks.learning_curve import learning_curve
from algax.experiments.tasks.lengths import lengths
from algax.experiments.tasks.loss_surface import loss_surface
from algax.experiments.tasks.magic_tokens import magic_tokens
from algax.experiments.tasks.marked_examples import marked_examples
from algax.experiments.tasks.markov import markov
from algax.experiments.tasks.masked_sums import masked_sums
from algax.experiments.tasks.merged import merge_with_start
from algax.experiments.tasks.modes import modes
from algax.experiments.tasks.modular_addition import modular_addition
from algax.experiments.tasks.navigation import navigation
from algax.experiments.tasks.new_dialect import new_dialect
from algax.experiments.tasks.noisy_turns import noisy_turns, record_largest_update
from algax.experiments.tasks.offline_design import mean_prediction, offline_design
from algax.experiments.tasks.power_rates import power_rates
from algax.experiments.tasks.pretrained import pretrained
from algax.experiments.tasks.pretrained_decoders import pretrained_decoders
from algax.experiments.tasks.prompted_answers import prompted_answers
from algax.experiments.tasks.prompted_opinions import prompted_opinions
from algax.experiments.tasks.pseudo_labelled import pseudo_labelled
from algax.experiments.tasks.quadratic_curves import annealing_curves
from algax.experiments.tasks.reasoned_steps import reasoned_steps
from algax.experiments.tasks.redrawn_labels import NormalizedMLP, redrawn_labels
from algax.experiments.tasks.refined_schedule import refined_schedule
from algax.experiments.tasks.repeated_game import repeated_game
from algax.experiments.tasks.reversals import reversals
from algax.experiments.tasks.river_valley import mean_output, river_valley
from algax.experiments.tasks.scored_answers import scored_answers
from algax.experiments.tasks.scored_texts import scored_texts
from algax.experiments.tasks.searched_rates import searched_rates
from algax.experiments.tasks.separation import separation, with_margins
from algax.experiments.tasks.sequence_rows import branched_rows, imperfect_rows
from algax.experiments.tasks.sequences import sequences
from algax.experiments.tasks.shared_skills import shared_skills
from algax.experiments.tasks.shifted_chains import shifted_chains
from algax.experiments.tasks.similar_pairs import similar_pairs
from algax.experiments.tasks.skill_groups import skill_groups
from algax.experiments.tasks.slot_calls import slot_calls
from algax.experiments.tasks.socratic import socratic
from algax.experiments.tasks.sourced_texts import sourced_texts
from algax.experiments.tasks.sparse_activations import sparse_activations
from algax.experiments.tasks.sparse_regression import sparse_regression
from algax.experiments.tasks.strategies import spurious_step, two_ways
from algax.experiments.tasks.task import Task
from algax.experiments.tasks.taught_sums import taught_sums
from algax.experiments.tasks.text import text
from algax.experiments.tasks.thought_agent import thought_agent
from algax.experiments.tasks.tool_calls import tool_calls
from algax.experiments.tasks.traces import traces
from algax.experiments.tasks.two_domains import two_domains
from algax.experiments.tasks.unlearning import unlearning
from algax.experiments.tasks.verified import verified
from algax.experiments.tasks.weak_labels import weak_labels
from algax.experiments.tasks.weak_teachers import weak_teachers
from algax.experiments.tasks.workloads import workloads
from algax.experiments.tasks.written_tasks import written_tasks

__all__ = [
    "ConvNet",
    "NormalizedMLP",
    "Task",
    "adapted_digits",
    "annotated_chains",
    "annealing_curves",
    "arithmetic",
    "arithmetic_problems",
    "attempted_digits",
    "attempts",
    "audited_texts",
    "balanced_start",
    "bandit",
    "batch_orders",
    "boosted_network",
    "bootstrapped_instructions",
    "bradley_terry",
    "branched_rows",
    "chain_contrast",
    "chain_problems",
    "choices",
    "coherent_prompts",
    "composed_rules",
    "corridor",
    "corrupted_sums",
    "countdown",
    "countdown_problems",
    "demonstration_rows",
    "descriptions",
    "digits",
    "distilled_students",
    "domain_models",
    "drawn_outputs",
    "elicited",
    "explanations",
    "domain_shift",
    "feature_noise",
    "federated_digits",
    "filled_cycles",
    "fine_tuning_runs",
    "fitted_digits",
    "formats",
    "gapped_texts",
    "graded_digits",
    "growing_markov",
    "image_stages",
    "imperfect_rows",
    "latent_sums",
    "learning_curve",
    "lengths",
    "magic_tokens",
    "marked_examples",
    "markov",
    "loss_surface",
    "masked_sums",
    "mean_output",
    "mean_prediction",
    "merge_with_start",
    "modes",
    "modular_addition",
    "navigation",
    "new_dialect",
    "noisy_turns",
    "offline_design",
    "power_rates",
    "pretrained",
    "pretrained_decoders",
    "prompted_answers",
    "prompted_opinions",
    "pseudo_labelled",
    "reasoned_steps",
    "record_largest_update",
    "redrawn_labels",
    "refined_schedule",
    "refresh_sampler",
    "rehearsal_rows",
    "repeated_game",
    "replayed_rows",
    "reversals",
    "river_valley",
    "rollouts",
    "scored_answers",
    "scored_texts",
    "searched_rates",
    "second_look",
    "separation",
    "sequences",
    "shared_skills",
    "shifted_chains",
    "similar_pairs",
    "skill_groups",
    "slot_calls",
    "socratic",
    "sourced_texts",
    "sparse_activations",
    "sparse_regression",
    "spurious_step",
    "taught_sums",
    "tempered_rows",
    "text",
    "thought_agent",
    "tool_calls",
    "traces",
    "two_domains",
    "two_ways",
    "unlearning",
    "verified",
    "weak_labels",
    "weak_teachers",
    "with_inputs",
    "with_margins",
    "workloads",
    "written_tasks",
]
