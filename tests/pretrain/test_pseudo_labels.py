"""The order of stages, seen by functions that write down how they are called."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import pretrain

LABELLED = (jnp.array([[0.0], [1.0]]), jnp.array([0, 1]))
UNLABELLED = jnp.array([[0.2], [0.6], [0.9]])


class Recorder:
    """Parameters are the histories of the stages that made them."""

    def __init__(self):
        self.fits = []

    def fit(self, params, inputs, labels):
        self.fits.append((params, np.asarray(inputs).ravel().tolist(), np.asarray(labels).tolist()))
        return f"{params}{len(self.fits)}"

    def predict(self, params, inputs):
        self.teacher = params
        return jnp.concatenate([1.0 - inputs, inputs], axis=1)


def run(**options):
    recorder = Recorder()
    arguments = {"unlabelled": UNLABELLED} | options
    unlabelled = arguments.pop("unlabelled")
    result = pretrain.pseudo_label_pretrain(recorder.fit, recorder.predict, "0", LABELLED, unlabelled, **arguments)
    return recorder, result


GOLD = ([0.0, 1.0], [0, 1])


def test_three_stages():
    recorder, result = run()
    assert isinstance(result, pretrain.PseudoLabelRun) and result == ("01", "02", "023")
    pseudo = (np.asarray(UNLABELLED).ravel().tolist(), [0, 1, 1])
    assert recorder.fits == [("0", *GOLD), ("0", *pseudo), ("02", *GOLD)] and recorder.teacher == "01"


@pytest.mark.parametrize("options", [{"unlabelled": UNLABELLED[:0]}, {"threshold": 1.1}])
def test_nothing_kept_is_plain_fitting(options):
    recorder, result = run(**options)
    assert result.pretrained == "0" and recorder.fits == [("0", *GOLD), ("0", *GOLD)]


def test_options():
    recorder, _ = run(threshold=0.75, soft=True)
    np.testing.assert_allclose(recorder.fits[1][1], [0.2, 0.9])
    np.testing.assert_allclose(recorder.fits[1][2], [[0.8, 0.2], [0.1, 0.9]], rtol=1e-6)
    recorder, result = run(rounds=2)
    assert [fit[0] for fit in recorder.fits] == ["0", "0", "02", "0", "04"] and result.final == "045"
    assert recorder.teacher == result.teacher == "023"
    _, result = run(pretrain_fit=lambda params, inputs, labels: "masked")
    assert result == ("01", "masked", "masked2")


def test_all_stages_compile_where_all_are_kept():
    """A class's score grows by the examples of it: two true ones, then those that the teacher labels, then the true ones."""
    fit = lambda params, inputs, labels: params + jnp.bincount(labels, length=2).astype(jnp.float32)  # noqa: E731
    predict = lambda params, inputs: jax.nn.softmax(inputs * jnp.array([[0.0, 1.0]]) + params[None])  # noqa: E731
    run = jax.jit(lambda texts: pretrain.pseudo_label_pretrain(fit, predict, jnp.zeros(2), LABELLED, texts))
    result = run(jnp.array([[-1.0], [1.0], [2.0]]))
    np.testing.assert_array_equal(jnp.stack(result), [[1, 1], [1, 2], [2, 3]])


def test_labels():
    found = pretrain.pseudo_labels(jnp.array([[0.7, 0.3], [0.4, 0.6]]), threshold=0.65)
    assert isinstance(found, pretrain.PseudoLabels)
    assert found.labels.tolist() == [0, 1] and found.kept.tolist() == [True, False]
    np.testing.assert_allclose(found.confidence, [0.7, 0.6])
    with pytest.raises(ValueError, match="`probs`"):
        pretrain.pseudo_labels(jnp.ones(3))
