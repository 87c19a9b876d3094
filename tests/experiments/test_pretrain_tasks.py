"""The small tasks of texts and chains of thought, against figures written out in NumPy."""

import jax
import numpy as np
import pytest

from algax.experiments import tasks
from algax.experiments.tasks.distilled_students import hide_one
from algax.experiments.tasks.two_domains import draw_texts

from .toy import table


def drawn(*given, steps=(0,)):
    """Of tasks: parameters, the first one's context, and the batches of each at these steps, in one program."""

    def draw(key):
        params, context = given[0].init(key)
        return params, context, [task.batch(params, context, step, key) for task in given for step in steps]

    return jax.device_get(jax.jit(draw)(jax.random.key(0)))


def test_names_come_first_and_are_not_learnt():
    task = tasks.sourced_texts(table(18), steps=10, plain_from=0.5, batch_size=4)
    _, _, (named, plain) = drawn(task, steps=(4, 5))
    names = np.asarray(named.inputs[:, 1])
    assert (named.inputs[:, 0] == 12).all() and ((names >= 14) & (names < 18)).all() and (plain.inputs < 13).sum() > 0
    assert not named.mask[:, 0].any() and (named.tokens[:, 0] >= 14).all()
    assert (np.asarray(plain.tokens) < 14).all()
    np.testing.assert_array_equal(np.asarray(named.mask).sum(1), 17)  # 16 characters and the end
    np.testing.assert_array_equal(np.asarray(plain.mask).sum(1), 17)
    np.testing.assert_array_equal(named.tokens[:, 1:], plain.tokens[:, :-1])


def test_only_written_sums_are_hidden_and_all_are_learnt():
    task = tasks.masked_sums(table(5), rate=1.0, replace_rate=0.0, steps=3, batch_size=4)
    _, _, (terms, before) = drawn(task, steps=(3, 0))
    questions = np.asarray(terms.inputs[:, :4])
    np.testing.assert_array_equal(terms.inputs[:, 4:], 5)
    np.testing.assert_array_equal(terms.tokens[:, 3:], np.cumsum(questions, 1)[:, 1:] % 5)
    np.testing.assert_array_equal(terms.mask, np.broadcast_to(np.arange(6) >= 3, (4, 6)))
    assert (np.asarray(before.inputs) < 5).all()


def test_a_state_reads_the_question_and_the_latent_before():
    task = tasks.latent_sums(table(3), width=3, batch_size=2)
    params, _, (terms,) = drawn(task)
    terms = jax.device_get(jax.jit(task.forward)(params, terms, None))
    (kernel,) = jax.tree.leaves(params["model"])
    kernel, state = np.asarray(kernel, np.float64), np.zeros([2, 3])
    asked = np.eye(5)[np.asarray(terms.inputs)].reshape(2, -1)
    heads = [np.asarray(params["decoder"])] * 4 + [np.asarray(params["answer"])]
    states = []
    for place in range(5):
        state = np.tanh(np.concatenate([state, asked, np.tile(np.eye(5)[place], (2, 1))], 1) @ kernel)
        states.append(state)
    for place, head in enumerate(heads):
        logits = states[place] @ head
        right = np.take_along_axis(logits, np.asarray(terms.tokens[:, place])[:, None], 1)[:, 0]
        np.testing.assert_allclose(terms.log_probs[:, place], right - np.log(np.exp(logits).sum(1)), atol=1e-4)
    sums = np.cumsum(terms.inputs, 1)[:, 1:] % 5
    np.testing.assert_array_equal(terms.tokens, np.concatenate([sums, sums[:, -1:]], 1))


def test_rules_are_applied_in_turn():
    task = tasks.composed_rules(table(4), most=2, width=4, batch_size=6)
    _, context, (terms,) = drawn(task)
    permutations = np.asarray(context["permutations"])
    for row in range(6):
        token, count = int(terms.inputs["tokens"][row]), int(terms.inputs["counts"][row])
        for rule in np.asarray(terms.inputs["rules"][row][:count]):
            token = int(permutations[rule, token])
        assert count == 1 + row % 2 and token == int(terms.tokens[row, 0])
    with pytest.raises(ValueError, match="most must be from 1 to 3; got 4"):
        tasks.composed_rules(table(4), most=4)


def test_the_first_output_is_not_learnt_and_modes_replace_the_others():
    task = tasks.drawn_outputs(table(10), batch_size=3)
    params, context, (draws, modes) = drawn(task, tasks.drawn_outputs(table(10), mode=True, batch_size=3))
    np.testing.assert_array_equal(draws.mask, modes.mask)
    outputs = np.asarray(draws.tokens) < 6
    np.testing.assert_array_equal(outputs.sum(1), 11)
    assert not np.asarray(draws.mask)[:, 0].any() and (np.asarray(draws.mask) & outputs).sum() == 3 * 10
    for row in range(3):
        assert len(set(np.asarray(modes.tokens)[row][outputs[row]].tolist())) == 1
    flat = jax.tree.map(np.zeros_like, params)
    found = jax.jit(task.evaluate)(flat, context, jax.random.key(0))
    chances = np.asarray(context["test"]["chances"], np.float64)
    variety = np.mean(np.sum(1 - (1 - chances) ** 100, 1))
    np.testing.assert_allclose(found["variety"], 6 * (1 - (1 - 1 / 10) ** 100) / variety, rtol=1e-4)
    middle = 0.5 * (chances + 1 / 6)
    js = 0.5 * np.sum(chances * np.log(np.maximum(chances, 1e-12) / middle) + np.log(1 / 6 / middle) / 6, 1)
    np.testing.assert_allclose(found["js"], js.mean(), atol=1e-4)


def test_one_token_is_hidden():
    texts = np.random.default_rng(0).integers(0, 8, (20, 6))
    read, right = map(np.asarray, jax.jit(hide_one)(jax.random.key(0), texts))
    tokens, places = read[:, :54].reshape(-1, 6, 9).argmax(-1), read[:, 54:].argmax(-1)
    np.testing.assert_array_equal((tokens == 8).sum(1), 1)
    np.testing.assert_array_equal(tokens[np.arange(20), places], 8)
    np.testing.assert_array_equal(right, texts[np.arange(20), places])
    np.testing.assert_array_equal(tokens[tokens < 8], texts[tokens < 8])
    with pytest.raises(ValueError, match="unknown teacher 'nobody'"):
        tasks.distilled_students(table(8), teacher="nobody")


def test_opinions_are_in_words_of_the_domain_and_of_the_label():
    texts = jax.jit(lambda key: draw_texts(key, 400, 1))(jax.random.key(0))
    words, good = np.asarray(texts["words"]), np.asarray(texts["labels"])[:, None] == 1
    own, shared, neutral = (words >= 30) & (words < 60), (words >= 60) & (words < 80), words >= 80
    assert (own | shared | neutral).all() and words.max() < 140
    np.testing.assert_array_equal((words >= 45)[own], np.broadcast_to(good, words.shape)[own])
    np.testing.assert_array_equal((words >= 70)[shared], np.broadcast_to(good, words.shape)[shared])
    np.testing.assert_allclose([own.mean(), shared.mean()], [0.25, 0.1], atol=0.02)
