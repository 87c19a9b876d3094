"""Ensembles of prompts, calibration and tuning regimes against NumPy."""

import jax
import numpy as np
import pytest

from algax import preference, pretrain

SCORES = np.random.default_rng(0).normal(size=(3, 2, 4))


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@pytest.mark.parametrize("mode", ["mixture", "geometric"])
def test_ensembles(mode):
    weights = np.array([1.0, 0.0, 3.0])
    p, shares = softmax(SCORES), np.array([0.25, 0.0, 0.75])
    expected = np.einsum("p,pbc->bc", shares, p) if mode == "mixture" else softmax(np.einsum("p,pbc->bc", shares, np.log(p)))
    ensemble = jax.jit(lambda scores, weights=None: pretrain.ensemble_prompts(scores, weights, mode))
    np.testing.assert_allclose(ensemble(SCORES, weights), expected, rtol=1e-5)
    for single in (SCORES[:1], np.repeat(SCORES[:1], 3, axis=0)):  # one prompt, or the same one three times
        np.testing.assert_allclose(ensemble(single), p[0], rtol=1e-5)


def test_calibration():
    scores, null = SCORES[0], SCORES[1, 0]
    calibrate = jax.jit(pretrain.calibrate)
    expected = softmax(SCORES[0]) / softmax(SCORES[1, 0])
    np.testing.assert_allclose(calibrate(scores, null), expected / expected.sum(1, keepdims=True), rtol=1e-5)
    np.testing.assert_allclose(calibrate(null[None], null), np.full((1, 4), 0.25), rtol=1e-6)
    with pytest.raises(ValueError, match="`null_scores`"):
        pretrain.calibrate(scores, scores)


def test_answers_of_equal_length_are_ranked_alike():
    logits = np.random.default_rng(1).normal(size=(5, 4, 6)).astype(np.float32)
    labels = np.random.default_rng(2).integers(0, 6, (5, 4))
    labels[:, :2] = -100
    score = jax.jit(preference.sequence_log_probs, static_argnames="reduction")
    sums, means = (np.asarray(score(logits, labels, reduction=reduction)) for reduction in ("sum", "mean"))
    np.testing.assert_allclose(sums, 2 * means, rtol=1e-6)


def test_regimes_partition_the_parameters():
    params = {"params": {"prompt": {"embedding": 1}, "blocks": [2, {"prompt_free": 3}], "head": 4}}

    def chosen(**tuned):
        return jax.tree.leaves(pretrain.tuning_mask(params, prompt="prompt/", **tuned))

    model, prompt = chosen(tune_model=True, tune_prompt=False), chosen(tune_model=False, tune_prompt=True)
    assert model == [True, True, True, False] and [not x for x in model] == prompt
    assert not any(chosen(tune_model=False, tune_prompt=False)) and all(chosen(tune_model=True, tune_prompt=True))
    with pytest.raises(TypeError, match="`tune_model`"):
        chosen(tune_model=1, tune_prompt=False)
