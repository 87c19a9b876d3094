"""Linear teachers: the closed form against simulation, the gain against a small step."""

import jax.numpy as jnp
import numpy as np

from algax import measure

RNG = np.random.default_rng(10)
CHOSEN, REJECTED, STUDENT, TARGET = RNG.normal(size=(4, 6)).astype(np.float32)


def cosine(a, b):
    return a @ b / (np.linalg.norm(a) * np.linalg.norm(b))


def test_the_mean_update():
    x = RNG.normal(size=(40_000, 6))
    updates = x * (np.sign(x @ CHOSEN) - np.sign(x @ REJECTED))[:, None]
    error = updates.mean(0) - measure.linear_teacher_delta(jnp.asarray(CHOSEN), jnp.asarray(REJECTED))
    assert (np.abs(error) < 4 * updates.std(0) / np.sqrt(len(x))).all()


def test_the_gain_is_the_slope_of_the_cosine():
    student = STUDENT / np.linalg.norm(STUDENT)
    gain = measure.linear_teacher_gain(*(jnp.asarray(x) for x in (CHOSEN, REJECTED, STUDENT, TARGET)))
    delta = np.asarray(measure.linear_teacher_delta(jnp.asarray(CHOSEN), jnp.asarray(REJECTED)), np.float64)
    slope = (cosine(student + 1e-4 * delta, TARGET) - cosine(student - 1e-4 * delta, TARGET)) / 2e-4
    np.testing.assert_allclose(gain, slope, rtol=1e-3)


def test_equally_good_teachers_teach_nothing_on_average():
    # Teachers at the same angle from the target, with errors at right angles to it and to the student.
    student, target = np.eye(6)[0], np.array([0.8, 0.6, 0, 0, 0, 0])
    errors = RNG.normal(size=(2, 4))
    teachers = [0.5 * target + np.r_[0, 0, np.sqrt(0.75) * e / np.linalg.norm(e)] for e in errors]
    vectors = [jnp.asarray(x, jnp.float32) for x in (*teachers, student, target)]
    np.testing.assert_allclose(measure.linear_teacher_gain(*vectors), 0.0, atol=1e-6)
    better = jnp.asarray(teachers[0] + 0.3 * target, jnp.float32)
    assert measure.linear_teacher_gain(better, *vectors[1:]) > 0.01
