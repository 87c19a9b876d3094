"""The small tasks of where training data come from, against figures written out in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from algax import models
from algax.experiments import tasks

from .toy import module

KEY = jax.random.key(0)


def test_solutions_add_the_operands_in_some_order():
    questions = np.random.default_rng(0).integers(0, 8, (400, 3))
    solved = np.asarray(module("taught_sums").solve(KEY, questions, 0.6))
    np.testing.assert_array_equal(np.sort(solved[:, :3], 1), np.sort(questions, 1))
    assert (solved[:, :3] != questions).any()
    np.testing.assert_array_equal(solved[:, 3], solved[:, :2].sum(1))
    slips = solved[:, 4] - 2 - questions.sum(1)
    assert set(slips) == {-2, -1, 0, 1, 2, 3}
    np.testing.assert_allclose((slips == 0).mean(), 0.6, atol=0.1)


def test_as_many_solutions_to_every_question_and_all_of_the_majority(monkeypatch):
    taught = module("taught_sums")
    monkeypatch.setattr(taught, "POOL", 12)
    questions, ids = np.arange(36).reshape(12, 3) % 8, np.arange(12) % 4
    solutions = np.asarray(jax.jit(taught.collect.__wrapped__)(KEY, questions[ids], ids))
    for question in questions[:4]:
        of = solutions[(np.sort(solutions[:, :3], 1) == np.sort(question)).all(1)]
        assert len(of) == 3 and (of[:, 4] == 2 + question.sum()).all()  # 19 of 32 are right, and 3 each of the others


def test_repeated_outputs_are_mostly_right():
    right, kept = map(np.asarray, jax.jit(lambda key: module("bootstrapped_instructions").label(key, 20_000, 0.8))(KEY))
    rates = np.linspace(0.4, 1.0, 10_001)[:, None]
    wrong = np.repeat((1.0 - rates) / 5.0, 5, axis=1)
    stay = stats.binom.sf(3, 5, np.concatenate([rates, wrong], 1)) * np.concatenate([rates, wrong], 1)
    np.testing.assert_allclose(right.mean(), 0.7, atol=0.02)
    np.testing.assert_allclose(kept.mean(), stay.sum(1).mean(), atol=0.02)
    np.testing.assert_allclose(right[kept].mean(), stay[:, 0].mean() / stay.sum(1).mean(), atol=0.01)


def test_the_pool_fills_up_with_what_is_accepted(monkeypatch):
    bootstrapped = module("bootstrapped_instructions")
    for name, value in {"SEEDS": 3, "SIZE": 7, "ROUNDS": 2, "WRITTEN": 6}.items():
        monkeypatch.setattr(bootstrapped, name, value)
    every_other = lambda texts, threshold, seeds: jnp.arange(len(texts)) % 2 == 0  # noqa: E731
    monkeypatch.setattr(bootstrapped.curriculum, "novelty_filter", every_other)
    grammar = np.zeros([bootstrapped.TEMPLATES, bootstrapped.LENGTH], np.int32)
    found = np.asarray(jax.jit(lambda key, grammar: bootstrapped.bootstrap(key, grammar, 0.7))(KEY, grammar))
    assert found.shape == (10,) and (found[:9] >= 0).all() and found[9] == -1  # 3, and twice 3 of 6


def test_words_around_the_answer():
    found = module("prompted_answers").frames()
    numbers = {word: i + 1 for i, word in enumerate("It was . All in all ! Just : I call that stuff".split())}
    expected = ["_ It was . _ _", "All in all ! _ _", "_ _ Just : _ _", "I call that . _ _", "_ _ _ stuff . _"]
    np.testing.assert_array_equal(found, [[numbers.get(word, 0) for word in row.split()] for row in expected])


def test_most_opinions_are_those_of_the_text():
    texts, labels = map(np.asarray, jax.jit(lambda key: module("prompted_answers").draw_texts(key, 2000))(KEY))
    np.testing.assert_array_equal(texts.sum(1), 12)
    bad, good = texts[:, :10].sum(1), texts[:, 10:20].sum(1)
    own = np.where(labels == 1, good, bad).sum()
    np.testing.assert_allclose([own / (bad + good).sum(), (bad + good).mean() / 12], [0.85, 0.4], atol=0.02)


def test_responses_stand_behind_the_token_of_their_mode():
    task = tasks.magic_tokens(models.MLP((15,), use_bias=False), modes=["negative", "rejective"])

    def first(key):
        params, context = task.init(key)
        terms = task.batch(params, context, 0, key)
        return terms, context, task.forward(params, terms, key).log_probs, params

    terms, context, log_probs, params = jax.device_get(jax.jit(first)(KEY))
    texts = np.concatenate([np.asarray(terms.inputs), np.asarray(terms.tokens)[:, -1:]], 1)
    for row, (a, b) in enumerate(np.asarray(context["train"])):
        np.testing.assert_array_equal(texts[2 * row], [13, a, b, 9, b, a])
        np.testing.assert_array_equal(texts[2 * row + 1], [14, a, b, 10, 11, 11])
    assert not {*map(tuple, np.asarray(context["train"]))} & {*map(tuple, np.asarray(context["test"]))}
    np.testing.assert_array_equal(terms.mask, np.broadcast_to([False, False, True, True, True], (96, 5)))
    (kernel,) = (np.asarray(leaf, np.float64).reshape(3, 5, 15, 15) for leaf in jax.tree.leaves(params))
    for place in range(3):
        logits = sum(kernel[place, i][texts[:, i]] for i in range(3 + place))
        expected = logits[np.arange(96), texts[:, 3 + place]] - np.log(np.exp(logits).sum(1))
        np.testing.assert_allclose(log_probs[:, 2 + place], expected, atol=1e-4)
    with pytest.raises(ValueError, match="unknown mode 'positve': did you mean 'positive'"):
        tasks.magic_tokens(models.MLP((15,)), modes=["positve"])


def test_pairs_of_words_are_counted_in_the_texts_that_stay():
    words = module("audited_texts").WORDS
    texts = np.random.default_rng(0).integers(words - 3, words, (5, 7))
    kept = np.array([True, False, True, True, False])
    expected = np.zeros((words, words))
    for text in texts[kept]:
        for now, following in zip(text, text[1:], strict=False):
            expected[now, following] += 1
    np.testing.assert_array_equal(jax.jit(module("audited_texts").count)(texts, kept), expected)


def test_what_a_generator_writes_is_read():
    written = module("written_tasks")
    passage = [written.WORDS.index(word) for word in "filler0 key3 filler1 filler2 value5 filler4".split()]

    def tokens(text):
        return [written.WORDS.index(word) for word in text.split()]

    good, two = tokens("what is key3 ? <|pipe|> value5 [end]"), tokens("what is <|pipe|> ? <|pipe|> value5 [end]")
    short = tokens("what is <|pipe|> value5 [end] value5 value5")
    found = written.parse([passage] * 4, [good, two, [*passage, passage[0]], short])
    assert found == [tokens("what is key3 ? value5"), *[[-1] * 5] * 3]


def test_passages_state_the_facts_of_their_domain():
    written = module("written_tasks")
    facts = np.random.default_rng(0).permutation(16)

    def draw(key):
        keys = jnp.arange(32) % 16
        slots = written.draw_passages(key, jnp.broadcast_to(facts[None], (32, 16)), keys)
        return slots[:, :6], written.questions(slots), written.fill(written.READING, slots)

    passages, asked, reading = map(np.asarray, jax.jit(draw)(KEY))
    for row in range(32):
        words = [written.WORDS[i] for i in passages[row]]
        key, value = f"key{row % 16}", f"value{facts[row % 16]}"
        assert (words.index(key), words.index(value)) in written.PHRASINGS
        assert sum(word.startswith("filler") for word in words) == 4
        assert [written.WORDS[i] for i in asked[row]] == ["what", "is", key, "?", value]
        assert [written.WORDS[i] for i in reading[row]][-7:] == [*words, "<|task|>"]
    with pytest.raises(ValueError, match="unknown train 'passage': did you mean 'passages'"):
        tasks.written_tasks(models.MLP((50,)), train="passage")


def test_accuracies_are_of_digits_held_out(monkeypatch):
    pseudo, task = module("pseudo_labelled"), tasks.pseudo_labelled(models.MLP((10,), use_bias=False))
    monkeypatch.setattr(pseudo, "train", lambda model, params, inputs, labels: params)

    def run(key):
        context = task.init(key)[1]
        return task.batch(None, context, 0, key).targets[0], context["order"], context["params"]

    answer, order, params = jax.device_get(jax.jit(run)(KEY))
    pixels, digits = module("digits").load()
    test, (kernel,) = np.asarray(order)[-237:], jax.tree.leaves(params)
    said = np.argmax(pixels[test].astype(np.float64) @ np.asarray(kernel), 1)
    np.testing.assert_allclose(answer, np.mean(said == digits[test]), atol=0.005)


def test_fixed_pairs_are_those_of_the_start():
    task = tasks.descriptions(None, fresh=False, epochs=4, prompts=2, claims=3)

    def draw(key):
        params, context = task.init(key)
        moved = jax.tree.map(lambda x: x * 2.0, params)
        return [task.batch(p, context, step, key) for p, step in ((params, 0), (moved, 5))]

    first, later = jax.device_get(jax.jit(draw)(KEY))
    jax.tree.map(np.testing.assert_array_equal, first, later)
