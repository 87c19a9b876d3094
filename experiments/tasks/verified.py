"""Problems whose answers a program checks: a Transformer is warmed up on a few and practises on the rest."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

import algax
from algax import decode, policy
from algax.core.kinds import Curriculum
from algax.curriculum import ArmFeedback
from algax.experiments.tasks import checker
from algax.experiments.tasks.characters import CharacterModel, character_model
from algax.experiments.tasks.task import Task

EVALUATED = 256  # at most so many practised problems
MARK = "!"  # what rollouts write beyond the characters of problems: "again", "hint", "seen", a blank
MARK_TOKEN = len(checker.VOCABULARY)


class Problems(NamedTuple):
    """Problems over `checker.VOCABULARY`.

    Attributes:
        prompts: `[N, P]` int32.
        answers: `[N, T]` int32, one right answer each, filled up with stop tokens.
        check: `(prompts [..., P], completions [..., T]) -> [...]` booleans, whether they are right.
        kinds: `[N]` int32 from 0 on, the kind of each problem, for curricula.
    """

    prompts: np.ndarray
    answers: np.ndarray
    check: Callable[[jax.Array, jax.Array], jax.Array]
    kinds: np.ndarray


@dataclasses.dataclass(frozen=True)
class Setting:
    """A model that writes characters, and the problems it answers.

    Attributes:
        model: the policy over characters.
        problems: the problems; their prompts begin with the model's prefix.
    """

    model: CharacterModel
    problems: Problems

    @property
    def answer_length(self) -> int:
        """Tokens of a completion, T."""
        return self.problems.answers.shape[1]

    def right(self, prompts: jax.Array, completions: jax.Array) -> jax.Array:
        """Whether completions `[..., T]` answer their prompts, `[...]`."""
        return self.problems.check(prompts[..., len(self.model.prefix) :], completions)

    def answers_to(self, prompts: jax.Array) -> jax.Array:
        """The worked answers of prompts of these problems, `[B, P] -> [B, T]`."""
        same = jnp.all(prompts[:, None] == jnp.asarray(self.problems.prompts)[None], axis=-1)
        return jnp.asarray(self.problems.answers)[jnp.argmax(same, axis=1)]

    def sample(self, params, tokens, key, temperature: Any = 1.0, mask=None, length: int | None = None, **options: Any):
        """Samples one completion for each row of `tokens` `[B, P]`, of T tokens or `length`; see `decode.sample`."""
        return decode.sample(
            self.model.decoder, params, tokens, jnp.ones(tokens.shape, bool) if mask is None else mask, key,
            max_new_tokens=length or self.answer_length, temperature=temperature, stop_token=checker.STOP,
            pad_token=checker.STOP, **options,
        )  # fmt: skip

    def logits(self, params: Any, tokens: jax.Array, mask: jax.Array | None, length: int) -> jax.Array:
        """Logits of the last `length` tokens of each row, `[B, length, V]`."""
        return self.model.apply(params, tokens, mask)[:, -length - 1 : -1]


class Rollouts(NamedTuple):
    """A way to collect a batch; `algax.experiments.tasks.rollouts` has them.

    Attributes:
        collect: `(setting, params, context, prompts [B, P], group_ids [B], key) -> policy.Terms`, whose `inputs` are the tokens
            `[B, P + L]` of prompt and completion and the mask of the real ones, and whose `tokens` the last L of them;
            `context["step"]` is the number of the step.
        measure: `(setting, params, context, prompts [B, P], key) -> {name: scalar}`, metrics on practised prompts.
        marks: characters it writes beyond those of `checker.VOCABULARY`.
        start: `params -> params`, what is trained, from the warmed-up parameters.
        alone: `params -> params`, those of the policy that is judged.
        forward: `(setting, params, terms) -> terms` with the log-probs filled in; None for those of `tokens` after `inputs`.
        lesson: `(setting, prompts [B, P], answers [B, T]) -> [B, P']`, other prompts with the same answers, on which the warm
            start spends half its time, so that the policy knows how to read them; None for none.
    """

    collect: Callable[..., policy.Terms]
    measure: Callable[..., dict[str, jax.Array]] = lambda *_: {}
    marks: str = ""
    start: Callable[[Any], Any] = lambda params: params
    alone: Callable[[Any], Any] = lambda params: params
    forward: Callable[..., policy.Terms] | None = None
    lesson: Callable[..., jax.Array] | None = None


def transcript(prompts: jax.Array, completions: jax.Array, mask: jax.Array | None = None) -> dict[str, jax.Array]:
    """The `inputs` of a batch: prompts `[B, P]` and completions `[B, L]` in one row; all real where `mask` `[B, L]` is None."""
    mask = jnp.ones(completions.shape, bool) if mask is None else mask
    return {
        "tokens": jnp.concatenate([prompts, completions], axis=1),
        "mask": jnp.concatenate([jnp.ones(prompts.shape, bool), mask], axis=1),
    }


def left_padded(prompts: jax.Array, width: int) -> dict[str, jax.Array]:
    """Prompts `[B, P]` behind `width` tokens that nobody sees: their tokens and mask, `[B, width + P]`."""
    blank = jnp.full((len(prompts), width), checker.STOP, prompts.dtype)
    mask = jnp.concatenate([jnp.zeros(blank.shape, bool), jnp.ones(prompts.shape, bool)], axis=1)
    return {"tokens": jnp.concatenate([blank, prompts], axis=1), "mask": mask}


def answered(setting: Setting, context, prompts, group_ids, tokens, mask, old_log_probs) -> policy.Terms:
    """The batch of answers `tokens` `[B, T]` to prompts `[B, P]`: checked, and scored by the reference.

    Args:
        setting: the model and its problems.
        context: of the task, with the parameters `reference`.
        prompts: `[B, P]`.
        group_ids: `[B]`.
        tokens: `[B, T]`.
        mask: `[B, T]`, true up to and with the stop token.
        old_log_probs: `[B, T]` of whoever sampled.
    """
    inputs, right = transcript(prompts, tokens), setting.right(prompts, tokens)
    ref = algax.Logits(setting.logits(context["reference"], **inputs, length=tokens.shape[1]))
    return policy.Terms(
        inputs=inputs,
        tokens=tokens,
        mask=mask,
        rewards=right.astype(jnp.float32),
        correct=right,
        group_ids=group_ids,
        old_log_probs=old_log_probs,
        ref_log_probs=ref.log_probs(tokens),
    )


def answer_mask(completions: jax.Array) -> jax.Array:
    """`[..., T]` booleans, true up to and with the first stop token."""
    stops = jnp.cumsum(completions == checker.STOP, axis=-1, dtype=jnp.int32)
    return (stops == 0) | ((stops == 1) & (completions == checker.STOP))


def warm_start(setting: Setting, params, chosen, key, *, steps: int, learning_rate: float, lesson=None):
    """Supervised steps on the worked problems `chosen` `[W]`, 128 a step (Adam, cosine decay); returns the parameters.

    With a `lesson`, see `Rollouts`, each problem comes in both forms.
    """
    if not steps:
        return params
    prompts, completions = (jnp.asarray(x)[chosen] for x in (setting.problems.prompts, setting.problems.answers))
    forms = [prompts] if lesson is None else [prompts, lesson(setting, prompts, completions)]
    tx = optax.adam(optax.cosine_decay_schedule(learning_rate, steps, alpha=0.1))

    def loss_of(params, form, indices):
        tokens = jnp.concatenate([form[indices], completions[indices]], axis=1)
        logits = setting.logits(params, tokens, None, setting.answer_length)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, completions[indices])
        return jnp.mean(losses, where=answer_mask(completions[indices]))

    def loss(params, indices):
        return sum(loss_of(params, form, indices) for form in forms) / len(forms)

    def step(carry, key):
        params, state = carry
        indices = jax.random.randint(key, (128,), 0, len(prompts))
        updates, state = tx.update(jax.grad(loss)(params, indices), state)
        return (optax.apply_updates(params, updates), state), None

    (params, _), _ = jax.lax.scan(step, (params, tx.init(params)), jax.random.split(key, steps))
    return params


def verified(
    model: Any,
    problems: Problems,
    rollouts: Rollouts,
    labelled: int = 1000,
    held_out: int = 256,
    warm_steps: int = 300,
    warm_learning_rate: float = 3e-3,
    prompts_per_batch: int = 16,
    samples_per_prompt: int = 8,
    curriculum: Curriculum | None = None,
) -> Task:
    """Checked problems for policy losses.

    A seed holds some problems out and practises on the rest: the policy sees their prompts, and of its answers only whether
    they are right. A few of the rest are labelled: their answers warm the model up before the first policy step.

    Args:
        model: a `models.Transformer` over the characters of `checker.VOCABULARY` and the marks of the rollouts, or a loaded
            one, see `tasks.pretrained`, which writes the same characters with its own tokenizer, see `character_model`.
        problems: what is asked, such as `tasks.arithmetic_problems`.
        rollouts: how a batch is collected, such as `rollouts.once`.
        labelled: problems whose answers the supervised steps use.
        held_out: problems kept from both kinds of step.
        warm_steps: supervised steps before the first policy step; 0 for none.
        warm_learning_rate: their peak rate (Adam, cosine decay).
        prompts_per_batch: problems a step.
        samples_per_prompt: completions a problem, one group.
        curriculum: which kinds of problems a batch is drawn from, such as `curriculum.ucb(kinds)`; it hears of the advantages
            in every batch, as `curriculum.ArmFeedback`. None draws all problems alike.

    Returns:
        a task with the metrics `accuracy` and `greedy_accuracy` (at most 256 practised problems, sampled at temperature 1
        and 0), `held_out_accuracy` (temperature 1), and those of the rollouts on the practised problems.
    """
    count = len(problems.prompts)
    if warm_steps < 0:
        raise ValueError(f"warm_steps must be at least 0; got {warm_steps}")
    if labelled < 1 or held_out < 1 or labelled + held_out > count:
        raise ValueError(f"labelled + held_out must be at most the {count} problems; got {labelled} + {held_out}")
    setting = make_setting(model, problems, rollouts.marks)
    prompts, kinds = jnp.asarray(setting.problems.prompts), jnp.asarray(setting.problems.kinds)

    def init(key):
        split_key, model_key, warm_key = jax.random.split(key, 3)
        order = jax.random.permutation(split_key, count)
        test, practice = order[:held_out], order[held_out:]
        params = setting.model.init(model_key, prompts[:1])
        options = {"steps": warm_steps, "learning_rate": warm_learning_rate, "lesson": rollouts.lesson}
        params = warm_start(setting, params, practice[:labelled], warm_key, **options)
        return rollouts.start(params), {"practice": practice, "test": test, "reference": params}

    def batch(params, context, step, key):
        prompt_key, sample_key = jax.random.split(key)
        practice = context["practice"]
        if curriculum is None:
            chosen = practice[jax.random.randint(prompt_key, (prompts_per_batch,), 0, len(practice))]
        else:
            weights = curriculum.weights(context["memory"])
            chosen = practice[_draw_kinds(prompt_key, weights, kinds[practice], prompts_per_batch)]
        groups = jnp.repeat(jnp.arange(prompts_per_batch), samples_per_prompt)
        context = {**context, "step": step}
        terms = rollouts.collect(setting, params, context, prompts[chosen[groups]], groups, sample_key)
        return terms.replace(inputs={**terms.inputs, "kinds": kinds[chosen[terms.group_ids % prompts_per_batch]]})

    def forward(params, terms, key):
        del key
        if rollouts.forward is not None:
            return rollouts.forward(setting, params, terms)
        logits = setting.logits(params, terms.inputs["tokens"], terms.inputs["mask"], terms.tokens.shape[1])
        distribution = algax.Logits(logits)
        return terms.replace(distribution=distribution, log_probs=distribution.log_probs(terms.tokens))

    def evaluate(params, context, key):
        params = rollouts.alone(params)
        practice = context["practice"][-EVALUATED:]
        inputs = prompts[jnp.concatenate([practice, context["test"]])]

        def correct(temperature):
            return setting.right(inputs, setting.sample(params, inputs, key, temperature).tokens)

        # One program for both temperatures and both kinds of problem: sampling is the longest to compile.
        sampled, greedy = jax.vmap(correct)(jnp.array([1.0, 0.0])).astype(jnp.float32)
        return {
            "accuracy": jnp.mean(sampled[: len(practice)]),
            "greedy_accuracy": jnp.mean(greedy[: len(practice)]),
            "held_out_accuracy": jnp.mean(sampled[len(practice) :]),
            **rollouts.measure(setting, params, context, prompts[practice], jax.random.fold_in(key, 1)),
        }

    def remember(context, terms):
        advantages = policy.group_advantage().update(terms.prepare(), ())[0].advantages[:, 0]
        feedback = ArmFeedback(terms.inputs["kinds"], advantages, terms.mask.any(axis=1))
        return curriculum.update(context["memory"], feedback)

    if curriculum is None:
        return Task(init, batch, forward, evaluate)
    return Task(init, batch, forward, evaluate, lambda context: curriculum.init(), remember)


def _draw_kinds(key: jax.Array, weights: jax.Array, kinds: jax.Array, count: int) -> jax.Array:
    """Draws `count` indices of problems with these kinds `[N]`: a kind by its weight, then one of its problems alike."""
    sizes = jax.ops.segment_sum(jnp.ones(kinds.shape), kinds, num_segments=weights.shape[0])
    chances = weights[kinds] / sizes[kinds]
    return jax.random.categorical(key, jnp.log(jnp.maximum(chances, 1e-30)), shape=(count,))


def make_setting(model: Any, problems: Problems, marks: str = "") -> Setting:
    """The model over the characters of the problems and the `marks`, and the problems with its prefix before each prompt.

    Raises:
        ValueError: the model has too few tokens.
    """
    alphabet = checker.VOCABULARY + marks
    if model.config.vocabulary_size < len(alphabet):
        raise ValueError(f"vocabulary_size must be at least {len(alphabet)}; got {model.config.vocabulary_size}")
    characters = character_model(model, alphabet)
    prefixes = np.tile(characters.prefix, (len(problems.prompts), 1))
    return Setting(characters, problems._replace(prompts=np.concatenate([prefixes, problems.prompts], axis=1)))
