"""Tasks of the recipes' claims: corridors, elicited answers, repeated games, starts and searched rates, against NumPy."""

import jax
import numpy as np
import pytest

from algax.experiments import tasks

from .toy import module, table

KEY = jax.random.key(0)


def played(task):
    """A table drawn at random, and a batch and the metrics under it."""

    def run():
        params, context = task.init(KEY)
        params = jax.tree.map(lambda x: jax.random.normal(KEY, x.shape), params)
        terms = task.batch(params, context, 0, jax.random.key(1))
        return params, task.forward(params, terms, None), task.evaluate(params, context, KEY)

    params, terms, metrics = jax.device_get(jax.jit(run)())
    logits = np.asarray(jax.tree.leaves(params)[0], np.float64)
    return logits, terms, metrics


def log_softmax(logits):
    """Over the last axis."""
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def test_a_corridor_is_left_at_the_goal_or_at_the_cap_and_its_turns_are_counted():
    cap, budget = 12, 200
    task = tasks.corridor(table(2), cap=cap, slip=0.1, interactions=budget, episodes=6)
    logits, terms, metrics = played(task)
    log_probs = log_softmax(logits)
    places, moves, mask = (np.asarray(x) for x in (terms.inputs, terms.tokens, terms.mask))
    np.testing.assert_allclose(terms.log_probs, log_probs[places, moves], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(terms.old_log_probs, terms.log_probs, rtol=1e-4, atol=1e-6)
    assert (np.abs(np.diff(places, axis=1)) <= 1).all() and not places[:, 0].any()
    turns = np.where(mask.any(1), mask.sum(1), 0)
    used = mask.any(1).reshape(6, 8)
    assert (used == used[:, :1]).all() and used[0].all() and not used[-1].any()
    assert np.minimum(turns, cap).sum() <= budget
    assert (turns[np.asarray(terms.rewards) == 1] <= cap).all()
    onward = np.exp(log_probs[:, 1]) * 0.8 + 0.1
    success = []
    for goal in (2, 3, 4, *range(10, 17)):
        chances = np.eye(17)[0]
        for _ in range(20):
            new = np.zeros(17)
            for place, chance in enumerate(chances):
                if place == goal:
                    new[goal] += chance
                else:
                    new[min(place + 1, 16)] += chance * onward[place]
                    new[max(place - 1, 0)] += chance * (1 - onward[place])
            chances = new
        success.append(chances[goal])
    np.testing.assert_allclose(metrics["near_success"], np.mean(success[:3]), rtol=1e-4)
    np.testing.assert_allclose(metrics["success"], 0.3 * np.mean(success[:3]) + 0.7 * np.mean(success[3:]), rtol=1e-4)


def test_families_share_a_way_and_prompts_have_answers_of_their_own():
    logits, terms, metrics = played(tasks.elicited(table(8), prompts=3, one_prompt=True, samples_per_prompt=4))
    chances = np.array([[0.05, 0.95], [0.01, 0.01]])
    known = np.concatenate([np.log(chances)[..., None], np.repeat(np.log((1 - chances) / 7)[..., None], 7, 2)], axis=2)
    ways = log_softmax(logits[:2, :2])
    answers = log_softmax(known[np.arange(6) // 3] + logits[2:, None])
    right = (np.exp(ways)[np.arange(6) // 3] * np.exp(answers[:, :, 0])).sum(1)
    np.testing.assert_allclose(metrics["aligned_accuracy"], right[:3].mean(), rtol=1e-4)
    np.testing.assert_allclose(metrics["unaligned_accuracy"], right[3:].mean(), rtol=1e-4)
    asked, tokens = np.asarray(terms.inputs), np.asarray(terms.tokens)
    np.testing.assert_array_equal(asked, np.repeat([0, 0, 0, 3, 3, 3], 4))
    expected = np.stack([ways[asked // 3, tokens[:, 0]], answers[asked, tokens[:, 0], tokens[:, 1]]], axis=1)
    np.testing.assert_allclose(terms.log_probs, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(terms.rewards, tokens[:, 1] == 0)
    np.testing.assert_array_equal(terms.group_ids, np.repeat(range(6), 4))


def test_players_revise_on_evidence_or_at_random_and_pay():
    rounds, games = 6, 3
    names = ("evidence", "random", "spender")
    arms = {name: tasks.repeated_game(None, name, games=games, rounds=rounds) for name in names}

    def run():
        _, context = arms["evidence"].init(KEY)
        answers = {name: arm.batch(None, context, 0, KEY).targets[0] for name, arm in arms.items()}
        return context, answers, {name: arms[name].evaluate(answers[name], context, KEY) for name in names}

    context, answers, metrics = jax.device_get(jax.jit(run)())
    moves = context["first"]
    won, cost = [], []
    for opponent in context["opponent"]:
        won.append((moves - opponent) % 3 == 1)
        cost.append(moves + 1)
        moves = np.where(won[-1], moves, (opponent + 1) % 3)
    np.testing.assert_array_equal(answers["evidence"], np.concatenate([np.ravel(won), np.ravel(cost)]))
    np.testing.assert_array_equal(answers["spender"], np.concatenate([np.ravel(won), np.ravel(cost) + 1]))
    others = answers["random"].reshape(2, rounds, games)
    np.testing.assert_array_equal(others[0], (others[1] - 1 - context["opponent"]) % 3 == 1)
    np.testing.assert_allclose(metrics["evidence"]["win_rate"], np.mean(won[1:]), rtol=1e-6)
    np.testing.assert_allclose(metrics["spender"]["over_budget"], np.mean(np.array(cost[1:]) == 3), rtol=1e-6)
    assert metrics["evidence"]["over_budget"] == 0


def test_a_start_is_judged_by_its_lengths_and_rewards():
    start = module("balanced_start")
    np.testing.assert_allclose(start.quality()[1], np.exp(-(((np.arange(40) - 17) / 8) ** 2) / 2), rtol=1e-5)
    task = start.balanced_start(table(40), "balanced", steps=4, window=2)
    lengths, rewards = [20.0, 16.0, 18.0, 5.0, 22.0], [0.5, 0.2, 0.4, 0.6, 0.7]
    found = jax.jit(lambda answer: task.evaluate(answer, None, KEY))(np.float32([*lengths, *rewards]))
    expected = {"length_collapse": 0.2, "reward": 0.7, "reward_fall": 0.3, "first_length": 20.0}
    np.testing.assert_allclose([found[name] for name in expected], list(expected.values()), rtol=1e-5)


def test_a_merge_of_tables_starts_between_them(monkeypatch):
    start = module("balanced_start")
    monkeypatch.setattr(start, "TUNING_STEPS", 40)
    task = start.balanced_start(table(40), "balanced", steps=1, samples=6)

    def run():
        _, context = task.init(KEY)
        return context, task.batch(None, context, 0, KEY).targets[0, :2]

    context, lengths = jax.device_get(jax.jit(run)())
    tables = {name: jax.tree.leaves(params)[0].astype(np.float64) for name, params in context.items()}
    merged = 0.25 * tables["instruct"] + 0.25 * tables["distilled"] + 0.5 * tables["pretrained"]
    means = {name: (np.exp(log_softmax(x)) * np.arange(1, 41)).sum(1).mean() for name, x in tables.items()}
    assert means["instruct"] < means["pretrained"] < means["distilled"]
    np.testing.assert_allclose(lengths[0], (np.exp(log_softmax(merged)) * np.arange(1, 41)).sum(1).mean(), rtol=1e-4)
    assert lengths[1] != lengths[0]


def test_searched_rates_are_trained_with_as_constant_ones_are(monkeypatch):
    rates = module("searched_rates")
    monkeypatch.setattr(rates, "STAGE_STEPS", 2)
    monkeypatch.setattr(rates, "GRID", np.array([0.1]))
    monkeypatch.setattr(rates, "cores", lambda: 2)

    def searched(train, state, low, high, *, steps, **options):
        assert (low, high, steps, options["candidates"]) == (1e-3, 1.0, 8, 6)
        return rates.schedules.Search(None, np.full(steps, 0.1, np.float32), ())

    monkeypatch.setattr(rates.schedules, "auto_learning_rates", searched)
    arms = {name: rates.searched_rates(table(10), name) for name in ("searched", "constant")}

    def run():
        _, context = arms["searched"].init(KEY)
        return context, {name: arm.batch(None, context, 0, KEY).targets[0] for name, arm in arms.items()}

    context, found = jax.device_get(jax.jit(run)())
    np.testing.assert_allclose(found["searched"][0], found["constant"][0], rtol=1e-5)
    assert found["searched"][1] == 0 and found["constant"][1] == 8
    inputs, labels = (context[name].astype(np.float64) for name in ("inputs", "labels"))
    weights = jax.tree.leaves(context["params"])[0].astype(np.float64)
    velocity = np.zeros_like(weights)
    truth = np.eye(10)[labels.astype(int)]
    for step in range(8):
        rows = np.arange(step * 64, step * 64 + 64) % 1300
        chances = np.exp(log_softmax(inputs[rows] @ weights))
        velocity = 0.9 * velocity + inputs[rows].T @ (chances - truth[rows]) / 64
        weights -= 0.1 * velocity
    expected = -(truth * log_softmax(inputs @ weights)).sum(1).mean()
    np.testing.assert_allclose(found["constant"][0], expected, rtol=1e-3)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: tasks.corridor(None, interactions=100), "interactions must be at least a group's 20 . 8; got 100"),
        (lambda: tasks.corridor(None, slip=0.5), "slip must be in .0, 0.5.; got 0.5"),
        (lambda: tasks.elicited(None, prompts=0), "prompts must be at least 1; got 0"),
        (lambda: tasks.repeated_game(None, rounds=1), "rounds must be at least 2; got 1"),
    ],
)
def test_wrong_numbers_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()
