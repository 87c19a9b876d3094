"""A solver, a teacher who rewrites questions and a generator that learns to: questions are made where they teach most."""

from typing import Any

import jax
import jax.numpy as jnp

from algax import curriculum, preference
from algax.experiments.tasks.digit_chains import chain_problems
from algax.experiments.tasks.task import Task
from algax.experiments.tasks.verified import answer_mask, make_setting, transcript, warm_start

SIZES = (2, 3, 4)  # operands of the questions, a kind each; the last is the hardest third
MOVES = (-1, 0, 1)  # what a rewriting does to the number of operands
GENERATIONS = ("weighted", "uniform", "seeds")
HELD_OUT = (5, 25, 60)  # questions of each kind that are never asked
TESTED = 128


def socratic(
    model: Any,
    generation: str = "weighted",
    seeds: int = 100,
    warm_steps: int = 150,
    questions: int = 16,
    attempts: int = 8,
    mu: float = 0.5,
    sigma: float = 0.2,
) -> Task:
    """Preference pairs from a solver's attempts at questions that a generator makes from those it has.

    A seed begins with `seeds` questions of two or three operands, whose worked chains warm the solver up. In every step half of
    the questions are drawn from all so far; the others are new: the generator rewrites one of those that the solver solves at
    times or always into a question with fewer, as many or more operands. A verifier checks the attempts; right ones are
    preferred to wrong ones, and the teacher's chain where all are wrong. The generator imitates the teacher, who makes each
    kind of rewriting alike, with weights: those of the success rates of its questions, see `curriculum.gaussian_utility`.

    Args:
        model: a `models.Transformer` over the characters of `checker.VOCABULARY`.
        generation: "weighted"; "uniform" gives all of its rewritings the same weight; "seeds" makes no questions.
        seeds: questions at the start.
        warm_steps: supervised steps on them.
        questions: a step, an even number.
        attempts: at each question.
        mu: the most useful success rate.
        sigma: how fast usefulness falls off.

    Returns:
        a task of `preference.Terms` with the metrics `accuracy` (of all kinds alike, on questions never asked), `hard_accuracy`
        (of the longest) and `easy_accuracy` (of the others).

    Raises:
        ValueError: an unknown generation or an odd number of questions.
    """
    if generation not in GENERATIONS:
        raise ValueError(f"generation must be one of {', '.join(GENERATIONS)}; got {generation!r}")
    if questions < 2 or questions % 2:
        raise ValueError(f"questions must be an even number from 2 on; got {questions}")
    setting = make_setting(model, chain_problems(SIZES))
    prompts, answers, kinds = (
        jnp.asarray(x) for x in (setting.problems.prompts, setting.problems.answers, setting.problems.kinds)
    )
    count, groups = len(prompts), jnp.repeat(jnp.arange(questions), attempts)
    moves, last = jnp.array(MOVES), len(SIZES) - 1

    def init(key):
        split_key, model_key, warm_key = jax.random.split(key, 3)
        place = jax.random.uniform(split_key, (count,))
        earlier = (kinds[:, None] == kinds[None]) & (place[None] < place[:, None])
        held = jnp.sum(earlier, axis=1, dtype=jnp.int32) < jnp.array(HELD_OUT)[kinds]
        chosen = jnp.argsort(jnp.where(held | (kinds == last), 2.0, place))[:seeds]
        params = warm_start(
            setting, setting.model.init(model_key, prompts[:1]), chosen, warm_key, steps=warm_steps, learning_rate=4e-3
        )
        return params, {"held": held, "seeds": jnp.zeros(count, bool).at[chosen].set(True), "reference": params}

    def memory(context):
        """Which questions there are, the solver's success on each when last asked, and the generator's counts of moves."""
        return {
            "asked": context["seeds"],
            "success": jnp.full(count, 0.5),
            "generator": jnp.ones([len(SIZES), len(MOVES)]),
        }

    def pick(key, where, size):
        """`size` indices drawn alike where it says so, `[N]`."""
        return jax.random.categorical(key, jnp.where(where, 0.0, -1e9), shape=(size,))

    def rewritten(key, parents, state, held):
        """Questions made from others, and the number of the move that made each."""
        move_key, question_key = jax.random.split(key)
        move = jax.random.categorical(move_key, jnp.log(state["generator"])[kinds[parents]])
        wanted = jnp.clip(kinds[parents] + moves[move], 0, last)
        open_to = (kinds[None] == wanted[:, None]) & ~held[None]
        return jax.random.categorical(question_key, jnp.where(open_to, 0.0, -1e9)), move

    def batch(params, context, step, key):
        del step
        keys, half, state = jax.random.split(key, 4), questions // 2, context["memory"]
        zone = curriculum.zones(state["success"])
        parents = pick(keys[0], state["asked"] & (zone < 2), half)
        old = pick(keys[1], state["asked"], half)
        new, move = rewritten(keys[2], parents, state, context["held"])
        if generation == "seeds":
            new = pick(keys[2], state["asked"], half)
        asked = jnp.concatenate([old, new])
        shown = prompts[asked[groups]]
        samples = setting.sample(params, shown, keys[3])
        correct = setting.right(shown, samples.tokens)
        pairs = curriculum.pairs_from_rollouts(correct, groups, jnp.ones(groups.shape, bool))
        chosen = jnp.where(pairs.from_reference[:, None], answers[asked[groups]], samples.tokens[pairs.chosen])
        inputs = {"prompts": shown, "chosen": chosen, "rejected": samples.tokens}
        ref_chosen, ref_rejected = log_probs_of(context["reference"], inputs)
        rates = jnp.mean(correct.reshape(questions, attempts), axis=1, dtype=jnp.float32)
        news = {"asked": asked, "rates": rates, "parents": parents, "moves": move}
        return preference.Terms(
            inputs={**inputs, "news": jax.tree.map(lambda x: jnp.resize(x, groups.shape), news)},
            mask=pairs.where,
            ref_chosen_log_probs=ref_chosen,
            ref_rejected_log_probs=ref_rejected,
        )

    def log_probs_of(params, inputs):
        def total(tokens):
            logits = setting.logits(params, **transcript(inputs["prompts"], tokens), length=tokens.shape[1])
            own = jnp.take_along_axis(jax.nn.log_softmax(logits), tokens[..., None], axis=2)[..., 0]
            return jnp.sum(jnp.where(answer_mask(tokens), own, 0.0), axis=1)

        return total(inputs["chosen"]), total(inputs["rejected"])

    def forward(params, terms, key):
        del key
        chosen, rejected = log_probs_of(params, terms.inputs)
        return terms.replace(chosen_log_probs=chosen, rejected_log_probs=rejected)

    def remember(context, terms):
        state, news, half = context["memory"], terms.inputs["news"], questions // 2
        asked, rates = news["asked"][:questions], news["rates"][:questions]
        made = curriculum.gaussian_utility(rates[half:], mu=mu, sigma=sigma)
        made = made if generation == "weighted" else jnp.ones_like(made)
        parents, move = news["parents"][:half], news["moves"][:half]
        # Imitation of a teacher who rewrites alike: a move that the generator makes rarely counts for more.
        chances = state["generator"] / jnp.sum(state["generator"], axis=1, keepdims=True)
        weight = made / (len(MOVES) * chances[kinds[parents], move])
        return {
            "asked": state["asked"] if generation == "seeds" else state["asked"].at[asked].set(True),
            "success": state["success"].at[asked].set(rates),
            "generator": state["generator"].at[kinds[parents], move].add(weight),
        }

    def evaluate(params, context, key):
        sample_key, *keys = jax.random.split(key, 1 + len(SIZES))
        asked = jnp.concatenate([pick(keys[kind], context["held"] & (kinds == kind), TESTED) for kind in range(len(SIZES))])
        samples = setting.sample(params, prompts[asked], sample_key)
        right = setting.right(prompts[asked], samples.tokens).astype(jnp.float32).reshape(len(SIZES), TESTED)
        found = jnp.mean(right, axis=1)
        return {"accuracy": jnp.mean(found), "hard_accuracy": found[-1], "easy_accuracy": jnp.mean(found[:-1])}

    return Task(init, batch, forward, evaluate, memory, remember)
