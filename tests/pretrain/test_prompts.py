"""Prompts: classes named by words, and tokens that switch behaviours."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import pretrain

SINGLE = pretrain.PromptTemplate(("{text_a}", "It was {label} ."), ("terrible", "great"))
PAIR = pretrain.PromptTemplate(("{text_a} ?", "{label} , {text_b}"), ("No", "Maybe", "Yes"))


def test_prompts_with_mask_and_with_words():
    assert SINGLE.ask({"text_a": "Nice film."}) == "Nice film. It was [MASK] ."
    assert SINGLE.answer({"text_a": "Nice film."}, 1) == "Nice film. It was great ."
    assert PAIR.answer({"text_a": "It rains", "text_b": "it is wet"}, 2) == "It rains ? Yes , it is wet"
    assert PAIR.answer({"text_a": "It rains"}, 0) == "It rains ? No ,"
    assert [PAIR.label_of(word) for word in PAIR.words] == [0, 1, 2]
    # Without template and label it is the text, as in ordinary task-adaptive pretraining.
    assert pretrain.PromptTemplate(("{text_a}",), ("No", "Yes")).answer({"text_a": "It rains"}, 1) == "It rains"
    with pytest.raises(ValueError, match="`word`"):
        SINGLE.label_of("good")


def test_continued_pretraining_reads_pseudo_labels():
    """Stages of pseudo-labels whose second one is masked language modelling on filled templates."""
    seen = []

    def fit_masked(params, texts, labels):
        seen.extend(SINGLE.answer({"text_a": text}, int(label)) for text, label in zip(texts, labels, strict=True))
        return params

    texts = np.array(["bad", "fine", "good"])
    pretrain.pseudo_label_pretrain(
        lambda params, inputs, labels: params,
        lambda params, inputs: jnp.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]]),
        0,
        (texts[:1], np.array([0])),
        texts,
        pretrain_fit=fit_masked,
    )
    assert seen == ["bad It was terrible .", "fine It was great .", "good It was great ."]


def test_tokens_that_switch_behaviours():
    """A secret token for each mode stands before the prompt; only responses are learned."""
    tokens = jnp.array([[11, 12, 21], [11, 12, 31], [11, 12, 41]])  # one prompt, three responses
    text = pretrain.token_batch(tokens, learned=jnp.array([[0, 0, 1]] * 3))
    secrets, modes, order = jnp.array([[91, 92], [93, 94], [95, 96]]), jnp.array([0, 1, 2]), jnp.array([2, 0, 1])
    prefixed = jax.jit(lambda text, modes: pretrain.prepend(text, secrets[modes], jnp.ones((3, 2), bool)))
    batch = prefixed(text, modes)
    np.testing.assert_array_equal(batch.tokens[:, :2], secrets)
    np.testing.assert_array_equal(batch.tokens[:, 2:], tokens)
    np.testing.assert_array_equal(batch.learned.sum(axis=1), text.learned.sum(axis=1))
    permuted = prefixed(jax.tree.map(lambda x: x[order], text), modes[order])
    jax.tree.map(np.testing.assert_array_equal, permuted, jax.tree.map(lambda x: x[order], batch))
