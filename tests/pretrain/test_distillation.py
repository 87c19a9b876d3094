"""Distillation of masked language models against its limits, and texts as they are spoken."""

import jax
import numpy as np

from algax import FactoredLogits, Logits, pretrain

RNG = np.random.default_rng(0)
STUDENT, TEACHER = (RNG.normal(size=(2, 3, 5)).astype(np.float32) for _ in range(2))
MASK, TOKENS = np.array([[1, 0, 1], [1, 0, 0]], bool), RNG.integers(0, 5, (2, 3))


def value_and_gradient(loss, student, teacher):
    def value(student):
        terms = pretrain.Terms(tokens=TOKENS, mask=MASK, teacher_distribution=Logits(teacher))
        return loss(pretrain.forward(lambda params, inputs: params)(student, terms))

    return jax.device_get(jax.jit(jax.value_and_grad(value))(student))


def test_a_student_like_its_teacher_has_nothing_to_learn():
    value, gradient = value_and_gradient(pretrain.teacher_divergence(temperature=3.0), TEACHER + 1, TEACHER)
    assert abs(float(value)) < 1e-6 and np.max(np.abs(gradient)) < 1e-6


def test_hard_labels_alone_are_masked_language_modelling():
    found = value_and_gradient(pretrain.masked_distillation(hard=1.0, soft=0.0), STUDENT, TEACHER)
    expected = value_and_gradient(pretrain.next_token(), STUDENT, TEACHER)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), found, expected)


def test_the_gradient_hardly_depends_on_the_temperature():
    student, teacher = (0.1 * (TEACHER + 0.01 * STUDENT)).astype(np.float32), (0.1 * TEACHER).astype(np.float32)
    norms = []
    for temperature in (4.0, 8.0):
        value, gradient = value_and_gradient(pretrain.teacher_divergence(temperature=temperature), student, teacher)
        norms.append(np.linalg.norm(gradient))
    assert abs(norms[0] / norms[1] - 1) < 0.02


def test_hidden_states():
    hidden, kernel, target = (RNG.normal(size=shape) for shape in ((2, 3, 4), (4, 6), (2, 3, 6)))
    bias = RNG.normal(size=6)
    terms = pretrain.Terms(
        mask=MASK,
        hidden=hidden,
        projection_kernel=kernel,
        projection_bias=bias,
        teacher_hidden=target,
    )
    expected = 0.5 * np.mean((hidden @ kernel + bias - target)[MASK] ** 2)
    np.testing.assert_allclose(jax.jit(pretrain.hidden_matching(coefficient=0.5))(terms), expected, rtol=1e-5)


def test_factored_logits():
    hidden, kernel = (RNG.normal(size=shape).astype(np.float32) for shape in ((2, 3, 4), (4, 5)))
    loss = jax.jit(pretrain.teacher_divergence(temperature=2.0))
    teacher = Logits(TEACHER)
    values = [
        loss(pretrain.Terms(mask=MASK, distribution=student, teacher_distribution=teacher))
        for student in (FactoredLogits(hidden, kernel, chunk_size=2), Logits(hidden @ kernel))
    ]
    np.testing.assert_allclose(*values, rtol=1e-5)


def test_spoken_form():
    assert pretrain.spoken_form('"Hey, Alexa -- play U2\'s \u2018One\u2019!"') == "hey alexa play u2's one"
    assert pretrain.spoken_form("don\u2019t") == "don't" and pretrain.spoken_form("...") == ""
