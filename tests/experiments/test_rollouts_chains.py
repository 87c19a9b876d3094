"""Chains of running sums and the loops on them: what is written, judged and recorded, against plain Python."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import models
from algax.experiments import tasks
from algax.experiments.tasks import checker, rollouts
from algax.experiments.tasks.digit_chains import ANSWER, THINK, chain_problems, in_style, judged
from algax.experiments.tasks.socratic import SIZES as OPERANDS
from algax.experiments.tasks.verified import make_setting

SIZES = {"hidden_size": 16, "num_layers": 1, "num_heads": 2, "mlp_size": 16, "max_length": 40}
MODEL = models.Transformer(models.TransformerConfig(vocabulary_size=18, positions="rotary", **SIZES))


def read(prompt, completion):
    """Whether a chain is right, and which of its characters are sound steps, in plain Python on texts."""
    digits = [int(character) for character in prompt[:-1].lstrip("0")]
    thought = completion[1:] if completion[0] in "+-" else completion
    body, stop, _ = thought.partition(".")
    right = bool(stop and body) and set(body) <= set("012345") and int(body[-1]) == sum(digits) % 6
    right = right and (completion[0] != "-" or len(body) == 1)
    sound, value, rest = [completion[0] in "+-" and False] * (len(completion) - len(thought)), digits[0], digits[1:]
    for character in body:
        added = bool(rest) and character == str((value + rest[0]) % 6)
        sound.append(added or character == str(value))
        if added:
            value, rest = (value + rest[0]) % 6, rest[1:]
    return right, sound + [False] * (len(completion) - len(sound))


def test_chains_are_judged_as_in_plain_python():
    problems = chain_problems((2, 3))
    rng = np.random.default_rng(0)
    chosen = rng.integers(len(problems.prompts), size=400)
    prompts = problems.prompts[chosen]
    spoilt = np.where(rng.random((400, 5)) < 0.3, rng.integers(0, 6, (400, 5)), problems.answers[chosen])
    spoilt = np.where(rng.random((400, 5)) < 0.1, rng.integers(0, 15, (400, 5)), spoilt).astype(np.int32)
    right, sound = jax.device_get(jax.jit(judged)(prompts, spoilt))
    expected = [read(checker.decode(p), checker.decode(c)) for p, c in zip(prompts, spoilt, strict=True)]
    np.testing.assert_array_equal(right, [verdict for verdict, _ in expected])
    np.testing.assert_array_equal(sound, [steps for _, steps in expected])
    assert 0.2 < np.mean(right) < 0.8


@pytest.mark.parametrize(("style", "longest"), [("direct", 2), ("chain", 4), ("verbose", 7), ("modes", 5)])
def test_worked_answers_are_right_in_their_style(style, longest):
    problems = chain_problems((2, 4), style)
    texts = [checker.decode(answer) for answer in problems.answers]
    prompts = [checker.decode(prompt) for prompt in problems.prompts]
    assert all(read(prompt, text)[0] for prompt, text in zip(prompts, texts, strict=True))
    assert max(len(text.rstrip(".")) + 1 for text in texts) == longest
    hard = texts[prompts.index("1234=")]
    assert (
        hard.rstrip(".")
        in {
            "direct": ["4"],
            "chain": ["304"],
            "verbose": [a * i + b * j + c * k for i in (1, 2) for j in (1, 2) for k in (1, 2) for a, b, c in ["304"]],
            "modes": ["+304", "-4"],
        }[style]
    )
    np.testing.assert_array_equal(problems.kinds, [0 if prompt.startswith("00") else 1 for prompt in prompts])


def test_shorter_problems_are_repeated_to_balance_kinds():
    assert np.bincount(chain_problems((2, 3, 4), balanced=True).kinds).tolist() == [625] * 3
    assert np.bincount(chain_problems((2, 3)).kinds).tolist() == [25, 125]


def test_styles_are_chosen_row_by_row():
    prompts = np.stack([checker.encode("1234=")] * 3)
    rows = jax.jit(in_style, static_argnums=3)(jax.random.key(0), prompts, np.arange(3), 7)
    texts = [checker.decode(row) for row in np.asarray(rows)]
    assert texts[0] == "4......" and texts[1] == "304...." and set(texts[2].rstrip(".")) == set("304")
    with pytest.raises(ValueError, match="operands must be numbers from 2 on"):
        chain_problems((1,))
    with pytest.raises(ValueError, match="style must be one of direct, chain, verbose, modes; got 'brief'"):
        chain_problems((2,), "brief")


SHAPE = {"labelled": 40, "held_out": 20, "prompts_per_batch": 6, "samples_per_prompt": 4}


@functools.cache
def warm():
    """Parameters and context after a warm start on both modes, which tests share; problems are the same in all styles."""
    task = tasks.verified(MODEL, chain_problems((2, 3), "modes"), rollouts.once(), warm_steps=30, **SHAPE)
    return jax.jit(task.init)(jax.random.key(0))


def collected(rollout, step=0, style="chain", judged=True):
    """A batch at a step, and if need be the metrics of the rollouts."""
    problems = chain_problems((2, 3), style)
    task = tasks.verified(MODEL, problems, rollout, **SHAPE)

    def run(params, context, key):
        params = rollout.start(params)
        terms = task.forward(params, task.batch(params, context, step, key), key)
        if not judged:
            return terms, None
        setting = make_setting(MODEL, problems)
        asked = jnp.asarray(problems.prompts)[context["practice"][:32]]
        return terms, rollout.measure(setting, params, context, asked, key)

    return jax.device_get(jax.jit(run)(*warm(), jax.random.key(0)))


def test_a_cold_start_shows_right_chains_alone():
    terms, metrics = collected(rollouts.cold_started(3, labelled=5, mistakes=0.5), step=2)
    kept, correct = np.asarray(terms.mask).any(axis=1), np.asarray(terms.correct)
    assert np.asarray(terms.demonstrations).all() and correct[kept].all() and not correct.all()
    np.testing.assert_array_equal(kept, correct)
    asked = {checker.decode(row[:4]) for row in np.asarray(terms.inputs["tokens"])}
    assert len(asked) <= 5 and 1 <= metrics["mean_length"] <= 5


def test_control_tokens_and_steps_are_marked_where_they_are():
    terms, metrics = collected(rollouts.controlled(), style="modes")
    first = np.asarray(terms.tokens)[:, 0]
    np.testing.assert_array_equal(terms.thinking, first == THINK)
    assert {THINK, ANSWER} <= set(first.tolist())
    np.testing.assert_array_equal(terms.needs_thought, np.asarray(terms.inputs["tokens"])[:, 0] != 0)
    assert np.asarray(terms.control_tokens).sum(axis=1).tolist() == [1] * 24
    assert 0 <= metrics["think_easy"] <= 1


def test_steps_are_rewarded_by_the_rule():
    terms, metrics = collected(rollouts.stepwise(), style="verbose")
    rewards, ends = np.asarray(terms.token_rewards), np.asarray(terms.step_ends)
    for row, tokens in enumerate(np.asarray(terms.inputs["tokens"])):
        _, sound = read(checker.decode(tokens[:4]), "".join((checker.VOCABULARY + "xxx")[t] for t in tokens[4:]))
        expected = np.where(sound, 0.3, -0.3) * ends[row]
        np.testing.assert_allclose(rewards[row], expected, rtol=1e-6)
    np.testing.assert_array_equal(ends, np.asarray(terms.mask) & (np.asarray(terms.tokens) < 10))
    assert metrics["worst_step"] <= 0.3 + 1e-6


def test_worked_answers_join_their_groups():
    terms, _ = collected(rollouts.demonstrated(4), judged=False)
    shown = np.asarray(terms.demonstrations)
    np.testing.assert_array_equal(shown, [False] * 24 + [True] * 6)
    np.testing.assert_array_equal(terms.group_ids[24:], np.arange(6))
    assert np.asarray(terms.correct)[shown].all()
    np.testing.assert_array_equal(terms.inputs["tokens"][24:, :4], terms.inputs["tokens"][:24:4, :4])
    where = np.asarray(terms.mask)
    np.testing.assert_allclose(terms.log_probs[where], terms.old_log_probs[where], atol=2e-4)


def test_what_the_loops_refuse():
    for build, message in (
        (lambda: rollouts.cold_started(-1), "steps must be at least 0"),
        (lambda: rollouts.cold_started(1, mistakes=2.0), "mistakes must be in"),
        (lambda: rollouts.demonstrated(0), "size must be at least 1; got 0"),
        (lambda: rollouts.limited(0), "limit must be at least 1; got 0"),
        (lambda: tasks.socratic(MODEL, generation="none"), "generation must be one of weighted, uniform, seeds"),
        (lambda: tasks.socratic(MODEL, questions=3), "questions must be an even number from 2 on; got 3"),
    ):
        with pytest.raises(ValueError, match=message):
            build()


def test_a_socratic_round_prefers_right_chains_and_weighs_new_questions():
    task = tasks.socratic(MODEL, warm_steps=60, questions=8, attempts=4)

    def run(key):
        params, context = task.init(key)
        context = {**context, "memory": task.memory(context)}
        terms = task.batch(params, context, 0, key)
        return context, terms, task.remember(context, terms)

    context, terms, memory = jax.device_get(jax.jit(run)(jax.random.key(0)))
    where, news = np.asarray(terms.mask), jax.tree.map(np.asarray, terms.inputs["news"])
    assert where.any()
    prompts, chosen, rejected = (np.asarray(terms.inputs[name])[where] for name in ("prompts", "chosen", "rejected"))
    for prompt, better, worse in zip(prompts, chosen, rejected, strict=True):
        text = (checker.VOCABULARY + "xxx").__getitem__
        assert read(checker.decode(prompt), "".join(map(text, better)))[0]
        assert not read(checker.decode(prompt), "".join(map(text, worse)))[0]
    asked, rates = news["asked"][:8], news["rates"][:8]
    held, seeds = np.asarray(context["held"]), np.asarray(context["seeds"])
    assert not held[asked].any() and seeds[asked[:4]].all() and seeds.sum() == 100
    kinds = np.asarray(chain_problems(OPERANDS).kinds)
    np.testing.assert_array_equal(kinds[asked[4:]], np.clip(kinds[news["parents"][:4]] + news["moves"][:4] - 1, 0, 2))
    expected = np.ones((3, 3))
    np.add.at(expected, (kinds[news["parents"][:4]], news["moves"][:4]), np.exp(-0.5 * ((rates[4:] - 0.5) / 0.2) ** 2))
    np.testing.assert_allclose(memory["generator"], expected, rtol=1e-4)
    assert np.asarray(memory["asked"])[asked].all()
