"""Dialogues of responses and feedback, by hand, and what conditioning on feedback teaches."""

import functools

import jax
import numpy as np
import pytest

from algax import pretrain

KEY = jax.random.key(0)
TURNS = pretrain.FeedbackTurns(
    prompts=np.array([[1, 2], [3, 0]]),
    prompt_mask=np.array([[1, 1], [1, 0]], bool),
    responses=np.array([[[11, 12], [13, 0]], [[14, 15], [0, 0]]]),
    response_mask=np.array([[[1, 1], [1, 0]], [[1, 1], [0, 0]]], bool),
    feedback=np.array([[[91], [92]], [[93], [94]]]),
    feedback_mask=np.ones((2, 2, 1), bool),
)


@functools.partial(jax.jit, static_argnames=("train_turns", "pad_token"))
def dialogue(turns, train_turns, pad_token=0):
    return pretrain.feedback_dialogue(turns, train_turns, pad_token=pad_token)


def test_the_last_response_follows_all_earlier_turns():
    text = jax.device_get(dialogue(TURNS, "last"))
    assert isinstance(text, pretrain.DialogueText)
    np.testing.assert_array_equal(text.tokens, [[1, 2, 11, 12, 91, 13, 0, 0], [3, 14, 15, 0, 0, 0, 0, 0]])
    np.testing.assert_array_equal(text.mask.sum(1), [6, 3])
    np.testing.assert_array_equal(text.loss_mask, [[0, 0, 0, 0, 0, 1, 0, 0], [0, 1, 1, 0, 0, 0, 0, 0]])


def test_every_response_follows_its_own_feedback():
    text = dialogue(TURNS, "all", pad_token=7)
    np.testing.assert_array_equal(text.tokens, [[1, 2, 91, 11, 12, 92, 13, 7], [3, 93, 14, 15, 7, 7, 7, 7]])
    np.testing.assert_array_equal(text.loss_mask, [[0, 0, 0, 1, 1, 0, 1, 0], [0, 0, 1, 1, 0, 0, 0, 0]])


def test_feedback_is_never_trained_on():
    for which in ("last", "all"):
        text = dialogue(TURNS, which)
        assert not np.isin(np.asarray(text.tokens)[np.asarray(text.loss_mask)], [91, 92, 93, 94, 1, 2, 3]).any()


def test_one_kind_of_feedback_is_training_on_a_longer_prompt():
    single = jax.tree.map(lambda x: x[:, :1] if x.ndim == 3 else x, TURNS)
    single = single._replace(feedback=np.full((2, 1, 1), 91))
    longer = single._replace(
        prompts=np.array([[1, 2, 91], [3, 91, 0]]),
        prompt_mask=np.array([[1, 1, 1], [1, 1, 0]], bool),
        feedback_mask=np.zeros((2, 1, 1), bool),
    )
    text, plain = (jax.device_get(dialogue(turns, "all")) for turns in (single, longer))
    for ours, theirs in zip(text, plain, strict=True):
        np.testing.assert_array_equal(ours, theirs[:, : ours.shape[1]])


def answers(scores):
    """How often the (likeliest) model answers 1 after each score token, given a batch of one-token answers 0 and 1."""
    actions = ACTIONS[:, None]
    ones = np.ones(actions.shape, bool)
    # Tokens 2 to 5 stand for the scores 1 to 4.
    transform = pretrain.control_prefix((2, 3, 4, 5), (1.5, 2.5, 3.5), max_segments=1, drop_rate=0.0)
    scored = pretrain.ScoredText(actions, ones, ones, scores.astype(np.float32)[:, None])
    text = jax.device_get(jax.jit(transform)(KEY, scored))
    trained = text.mask & ~text.controls
    np.testing.assert_array_equal(trained, np.tile([False, True], (len(ACTIONS), 1)))
    tokens = text.tokens
    return {int(c): tokens[tokens[:, 0] == c, 1].mean() for c in np.unique(tokens[:, 0])}


ACTIONS = np.tile([0, 1], 500)


def test_conditioning_on_a_score_moves_the_answers_its_way():
    frequencies = answers(np.where(ACTIONS == 1, 4, 1))
    assert frequencies == {5: 1.0, 2: 0.0}


def test_shuffled_scores_tell_nothing():
    shuffled = np.random.default_rng(0).permutation(np.where(ACTIONS == 1, 4, 1))
    frequencies = answers(shuffled)
    np.testing.assert_allclose([frequencies[5], frequencies[2]], 0.5, atol=0.1)


def test_bad_options_are_refused():
    with pytest.raises(ValueError, match="`train_turns`"):
        pretrain.feedback_dialogue(TURNS, "first")
