"""Skills that a student lacks: `SkillFeedback`."""

import jax.numpy as jnp
import numpy as np
import pytest

from algax import curriculum


def test_one_missing_skill_draws_from_its_examples_alone():
    skill_map = jnp.array([[1, 0], [1, 1], [0, 1], [0, 1]], bool)
    np.testing.assert_allclose(curriculum.skill_weights(jnp.array([5.0, 0.0]), skill_map), [0.5, 0.5, 0.0, 0.0])


def test_weights_by_hand():
    skill_map = jnp.array([[1, 0, 0], [1, 1, 0]], bool)  # the third skill has no example
    np.testing.assert_allclose(curriculum.skill_weights(jnp.array([2.0, 1.0, 9.0]), skill_map), [1 / 3, 2 / 3], rtol=1e-6)


def test_without_difficult_questions_the_weights_are_uniform():
    counts = curriculum.skill_profile(jnp.zeros(2, bool), jnp.ones([2, 3], bool))
    np.testing.assert_allclose(curriculum.skill_weights(counts, jnp.eye(3, dtype=bool)), 1 / 3, rtol=1e-6)


def difficult(scores, steps, **options):
    return bool(curriculum.difficult_questions(jnp.array([scores]), jnp.array([steps]), **options)[0])


def test_each_rule_of_difficulty():
    assert not difficult([0.9, 0.95, 0.1], 2)  # scores behind the answer do not count
    assert difficult([1.0, 1.0, 0.8], 3)  # the last step
    assert difficult([0.75, 0.75, 0.9], 3)  # the mean
    assert difficult([0.7, 1.0, 1.0], 3) and not difficult([0.75, 1.0, 1.0], 3)  # an earlier step
    assert not difficult([0.6, 0.0, 0.0], 1, least_score=0.5)  # a single step is no earlier one
    with pytest.raises(ValueError, match="`least_step`"):
        difficult([0.5], 1, least_step=2.0)


def test_feedback_adds_up():
    skills = curriculum.skills(np.eye(2, dtype=bool))
    state = skills.init()
    np.testing.assert_allclose(skills.weights(state), 0.5)
    for counts, where in (([3.0, np.nan], [True, False]), ([0.0, 1.0], [True, True])):
        state = skills.update(state, curriculum.SkillFeedback(jnp.array(counts), jnp.array(where)))
    np.testing.assert_allclose(skills.weights(state), [0.75, 0.25])


def test_majority_filter():
    answers = jnp.array([[4, 7, 4], [1, 2, 3], [-1, -1, 5], [6, 6, 6], [-1, 8, 8]])
    expected = [[1, 0, 1], [0, 0, 0], [0, 0, 0], [1, 1, 1], [0, 1, 1]]
    np.testing.assert_array_equal(curriculum.majority_filter(answers), np.array(expected, bool))
    with pytest.raises(ValueError, match="`min_agree`"):
        curriculum.majority_filter(answers, min_agree=0)
