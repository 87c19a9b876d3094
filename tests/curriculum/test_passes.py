"""One pass: every example at most once."""

import jax
import numpy as np
import pytest

from algax import curriculum


def test_one_epoch_sees_each_example_once():
    batches = jax.jit(lambda key: curriculum.one_epoch(key, 24, steps=6, batch_size=4))(jax.random.key(0))
    assert batches.shape == (6, 4)
    np.testing.assert_array_equal(np.sort(np.ravel(batches)), np.arange(24))
    fewer = np.ravel(curriculum.one_epoch(jax.random.key(1), 24, steps=5, batch_size=4))
    assert len(set(fewer.tolist())) == 20
    assert not np.array_equal(batches, curriculum.one_epoch(jax.random.key(2), 24, steps=6, batch_size=4))


def test_more_batches_than_examples_are_refused():
    with pytest.raises(ValueError, match="`examples` must be at least steps \\* batch_size = 25"):
        curriculum.one_epoch(jax.random.key(0), 24, steps=5, batch_size=5)
    with pytest.raises(ValueError, match="`batch_size`"):
        curriculum.one_epoch(jax.random.key(0), 24, steps=5, batch_size=0)
