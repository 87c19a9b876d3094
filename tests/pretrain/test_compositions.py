"""Subsets of skills."""

import itertools

import jax
import numpy as np
import pytest

from algax import pretrain

KEY = jax.random.key(3)


def test_all_subsets_and_no_more():
    subsets = pretrain.skill_subsets(KEY, (5, 1, 9, 4), 2, 6)
    assert {tuple(subset) for subset in subsets} == set(itertools.combinations((1, 4, 5, 9), 2))
    with pytest.raises(ValueError, match="`count`"):
        pretrain.skill_subsets(KEY, (5, 1, 9, 4), 2, 7)
    with pytest.raises(ValueError, match="`skills`"):
        pretrain.skill_subsets(KEY, (1, 1), 1, 1)


def test_no_subset_of_the_test_is_in_the_training_data():
    training = pretrain.skill_subsets(KEY, range(8), 3, 40)
    test = pretrain.skill_subsets(jax.random.key(4), range(8), 3, 16, exclude=training)
    assert not {tuple(row) for row in training} & {tuple(row) for row in test}
    assert len({tuple(row) for row in np.concatenate([training, test])}) == 56
    with pytest.raises(ValueError, match="at most the 16 subsets"):
        pretrain.skill_subsets(KEY, range(8), 3, 17, exclude=training)


def test_every_skill_is_drawn_as_often():
    subsets = pretrain.skill_subsets(KEY, range(100), 4, 5000)
    assert len({tuple(row) for row in subsets}) == 5000 and (np.diff(subsets, axis=1) > 0).all()
    counts = np.bincount(subsets.ravel(), minlength=100)
    assert abs(counts - 200).max() < 5 * np.sqrt(200)
    np.testing.assert_array_equal(subsets, pretrain.skill_subsets(KEY, range(100), 4, 5000))
    assert (subsets != pretrain.skill_subsets(jax.random.key(5), range(100), 4, 5000)).any()


def test_split():
    training, held_out = pretrain.composition_split(KEY, range(10, 20), held_out=0.3)
    assert len(held_out) == 3 and sorted([*training, *held_out]) == list(range(10, 20))
