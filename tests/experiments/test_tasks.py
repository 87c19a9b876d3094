"""Splits and metrics of the tasks."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import stats
from sklearn import datasets

from algax import models
from algax.experiments import configs, tasks, trainer
from algax.experiments.tasks.bandit import measure
from algax.experiments.tasks.bradley_terry import kendall_tau, objective
from algax.experiments.tasks.digits import split
from algax.experiments.tasks.modular_addition import table


def digits_pixels(indices):
    """The raw pixels of some images, straight from scikit-learn."""
    return datasets.load_digits().data[np.asarray(indices)]


def test_digits_parts_are_disjoint_and_complete():
    parts = split(jax.random.key(3), 1797)
    assert {name: len(indices) for name, indices in parts.items()} == {"train": 1300, "validation": 200, "test": 297}
    np.testing.assert_array_equal(np.sort(np.concatenate(list(parts.values()))), np.arange(1797))


def test_digits_batches_visit_every_training_image_once_an_epoch():
    task = tasks.digits(models.MLP((10,)), batch_size=100)
    params, context = jax.jit(task.init)(jax.random.key(0))
    key = jax.random.key(1)
    batch = jax.jit(task.batch)
    seen = np.concatenate([batch(params, context, step, key).inputs for step in range(13)])
    assert len(np.unique(seen, axis=0)) == len(np.unique(digits_pixels(context["train"]), axis=0))
    np.testing.assert_allclose(seen.mean(0), 0, atol=1e-4)


def test_modular_addition_table():
    inputs, labels = table(5)
    pairs = np.asarray(inputs).reshape(25, 2, 5).argmax(-1)
    np.testing.assert_array_equal(labels, pairs.sum(1) % 5)
    assert len(np.unique(pairs, axis=0)) == 25


def test_modular_addition_parts_are_disjoint():
    task = tasks.modular_addition(models.MLP((5,)), modulus=5, train_fraction=0.4)
    _, context = jax.jit(task.init)(jax.random.key(0))
    assert len(context["train"]) == 10
    np.testing.assert_array_equal(np.sort(np.concatenate([context["train"], context["test"]])), np.arange(25))


def test_optimum_of_the_preference_objective():
    """The closed form q* = p exp(r / beta) / Z reaches beta log Z, and no other policy exceeds it."""
    generator, beta = np.random.default_rng(0), 0.7
    reference, rewards = generator.normal(size=(4, 6)), generator.normal(size=(4, 6))
    reference -= np.log(np.exp(reference).sum(-1, keepdims=True))
    scores = reference + rewards / beta
    log_normaliser = np.log(np.exp(scores).sum(-1))
    other = generator.normal(size=(4, 6))
    other -= np.log(np.exp(other).sum(-1, keepdims=True))
    reached = jax.jit(lambda *args: objective(*args, beta))
    reference, rewards, *policies = (
        x.astype(np.float32) for x in (reference, rewards, scores - log_normaliser[:, None], other)
    )
    best, less = (np.asarray(reached(policy, reference, rewards)) for policy in policies)
    np.testing.assert_allclose(best, beta * log_normaliser, rtol=1e-5)
    assert (less < best).all()


def test_kendall_tau_against_scipy():
    first, second = np.random.default_rng(1).normal(size=(2, 3, 6))
    expected = np.mean([stats.kendalltau(a, b).statistic for a, b in zip(first, second, strict=True)])
    np.testing.assert_allclose(jax.jit(kendall_tau)(first.astype(np.float32), second.astype(np.float32)), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda model: tasks.digits(model, batch_size=0), "batch_size must be between 1 and 1300; got 0"),
        (lambda model: tasks.modular_addition(model, modulus=1), "modulus must be at least 2; got 1"),
        (lambda model: tasks.modular_addition(model, train_fraction=1.0), "train_fraction must lie between 0 and 1"),
    ],
)
def test_wrong_options(build, message):
    with pytest.raises(ValueError, match=message):
        build(models.MLP((3,)))


def test_wrong_options_of_arithmetic():
    config = models.TransformerConfig(vocabulary_size=15, hidden_size=8, num_layers=1, num_heads=2, max_length=8)
    with pytest.raises(ValueError, match="digits must be 1 or 2; got 3"):
        tasks.arithmetic(models.Transformer(config), digits=3)
    with pytest.raises(ValueError, match="at most the 100 problems; got 90 \\+ 20"):
        tasks.arithmetic(models.Transformer(config), digits=1, labelled=90, held_out=20)


def text_config():
    """Next-token prediction on library text, which no experiment uses by itself."""
    sizes = {"vocabulary_size": 259, "hidden_size": 8, "num_layers": 1, "num_heads": 2, "max_length": 16}
    return {
        "task": {"name": "tasks.text", "domains": ["json", "email"], "length": 16, "batch_size": 4, "held_out": 8},
        "model": {"name": "models.Transformer", "config": {"name": "models.TransformerConfig", **sizes}},
        "arms": {
            "adam": {
                "loss": {"name": "pretrain.next_token"},
                "optimizer": [{"name": "optax.adam", "learning_rate": 0.01}],
            }
        },
        "seeds": 2,
    }


def test_text_trains():
    """A fresh model is near the uniform distribution over tokens; ten steps bring it below."""
    run = trainer.prepare(text_config() | {"devices": configs.DEVICES})
    state = run.init(trainer.seed_numbers(2))
    start = run.evaluate["adam"](state["arms"]["adam"]["params"], state["context"], state["keys"])["nll"]
    np.testing.assert_allclose(start, np.log(259), atol=1.0)
    arm, _ = run.train["adam"](10, state["arms"]["adam"], state["context"], state["keys"], np.int32(0))
    assert (run.evaluate["adam"](arm["params"], state["context"], state["keys"])["nll"] < start - 0.1).all()


def test_bandit_measures_a_known_policy():
    """Two prompts of four answers: probabilities written down by hand."""
    probabilities = np.float32([[0.5, 0.5, 0.0, 0.0], [0.01, 0.97, 0.01, 0.01]])
    right = np.array([[True, False, True, False], [True, True, False, False]])
    measured = jax.jit(measure)(probabilities, right)
    np.testing.assert_allclose(measured["accuracy"], (0.5 + 0.98) / 2, rtol=1e-6)
    np.testing.assert_allclose(measured["worst_accuracy"], 0.5, rtol=1e-6)
    np.testing.assert_allclose(measured["entropy"], (np.log(2) - 0.03 * np.log(0.01) - 0.97 * np.log(0.97)) / 2, rtol=1e-6)
    assert measured["right_answers_kept"] == 1.0  # one each: 0.01 is too little to count


def test_bandit_samples_once_for_all_epochs_from_a_policy_as_old_as_asked():
    """The policy moves by 1 an update, so that its distance from the oldest sampler is that sampler's age."""
    task = tasks.bandit(models.MLP((5,), use_bias=False), prompts=3, answers=5, right_answers=2, epochs=2, delay=1)
    tx = tasks.refresh_sampler(2)

    def run(key):
        params, context = task.init(key)

        def move(carry, step):
            params, state = carry
            tokens = task.batch(params, context, step, None).tokens
            age = jax.tree.leaves(params["policy"])[0][0, 0] - jax.tree.leaves(params["samplers"])[0][0, 0, 0]
            updates = {"policy": jax.tree.map(jnp.ones_like, params["policy"]), "samplers": params["samplers"]}
            updates, state = tx.update(updates, state, params)
            return (optax.apply_updates(params, updates), state), (tokens, age)

        return jax.lax.scan(move, (params, tx.init(params)), jnp.arange(8))[1]

    tokens, ages = jax.device_get(jax.jit(run)(jax.random.key(0)))
    np.testing.assert_allclose(ages, [0.0, 1.0, 2.0, 3.0, 2.0, 3.0, 2.0, 3.0], atol=1e-5)
    np.testing.assert_array_equal(tokens[0], tokens[1])
    np.testing.assert_array_equal(tokens[2], tokens[3])
    assert np.any(tokens[0] != tokens[2])


def test_bandit_rewards_and_log_probs_are_those_of_its_table():
    task = tasks.bandit(models.MLP((6,), use_bias=False), prompts=4, answers=6, right_answers=2, lowest_reward=-1.0)

    def run(key):
        params, context = task.init(key)
        return params, context, task.forward(params, task.batch(params, context, 0, None), None)

    params, context, terms = jax.device_get(jax.jit(run)(jax.random.key(1)))
    assert np.all(np.sum(context["right"], axis=1) == 2)
    tokens, groups = np.asarray(terms.tokens)[:, 0], np.asarray(terms.group_ids)
    kernel = np.asarray(jax.tree.leaves(params["policy"])[0], np.float64)
    logits = kernel + np.asarray(context["preferences"], np.float64)
    log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    np.testing.assert_allclose(terms.log_probs[:, 0], log_probs[groups, tokens], rtol=1e-5)
    np.testing.assert_allclose(terms.old_log_probs, terms.log_probs, rtol=1e-6)
    right = np.asarray(context["right"])[groups, tokens]
    np.testing.assert_array_equal(terms.rewards, np.where(right, 1.0, -1.0))
    np.testing.assert_array_equal(terms.correct, right)


def test_bandit_refuses_what_it_cannot_play():
    with pytest.raises(ValueError, match="right_answers must be from 1 to the 48 answers; got 49"):
        tasks.bandit(models.MLP((48,)), right_answers=49)
    with pytest.raises(ValueError, match="epochs must be at least 1; got 0"):
        tasks.bandit(models.MLP((48,)), epochs=0)
    with pytest.raises(ValueError, match="delay must be at least 0; got -1"):
        tasks.bandit(models.MLP((48,)), delay=-1)
    with pytest.raises(ValueError, match="every must be at least 1; got 0"):
        tasks.refresh_sampler(0)
