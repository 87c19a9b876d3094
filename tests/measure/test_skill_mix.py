"""Grades of texts that combine skills."""

import jax.numpy as jnp
import numpy as np
import pytest

from algax import measure


def test_grades_by_hand():
    grades = measure.skill_mix(jnp.array([[1, 1, 0], [1, 1, 1], [1, 1, 1]]), jnp.array([[1, 1, 1], [1, 1, 0], [1, 1, 1]]))
    assert isinstance(grades, measure.SkillMix)
    assert grades.full_marks.tolist() == [False, False, True] and grades.all_skills.tolist() == [False, True, True]
    np.testing.assert_allclose(grades.skill_fraction, [2 / 3, 0.0, 1.0], rtol=1e-6)


def test_full_marks_are_rarer_than_all_skills():
    rng = np.random.default_rng(0)
    skills, others = (jnp.asarray(rng.integers(0, 2, (200, n))) for n in (2, 3))
    grades = measure.skill_mix(skills, others)
    assert not (grades.full_marks & ~grades.all_skills).any() and int(grades.full_marks.sum()) < int(grades.all_skills.sum())
    with pytest.raises(ValueError, match="other_points"):
        measure.skill_mix(skills, others[:, :2])
