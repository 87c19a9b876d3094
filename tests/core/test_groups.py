"""Statistics of groups of rows, against a loop over the groups."""

import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from algax import policy

ROWS = 7
rows = st.tuples(
    st.lists(st.integers(0, 4), min_size=ROWS, max_size=ROWS),
    # Ids below the number of rows are taken as they are, others are numbered first.
    st.sampled_from([(-7, 2, 10**6), (0, 3, 6)]).flatmap(
        lambda ids: st.lists(st.sampled_from(ids), min_size=ROWS, max_size=ROWS)
    ),
    st.lists(st.booleans(), min_size=ROWS, max_size=ROWS),
)


@settings(max_examples=25, deadline=None)
@given(rows)
def test_against_a_loop_over_groups(data):
    values, ids, valid = (np.asarray(column) for column in data)
    x = jnp.asarray(values, jnp.float32)
    terms = policy.Terms(mask=jnp.asarray(valid)[:, None])
    groups = terms.groups(jnp.asarray(ids))
    is_first, ranks, quantiles = np.asarray(groups.is_first(x)), np.asarray(groups.rank(x)), np.asarray(groups.quantile(x, 0.3))
    means = []
    for group in np.unique(ids):
        members = np.flatnonzero((ids == group) & valid)
        assert np.sum(is_first[ids == group]) == (len(members) > 0)
        assert not np.any(is_first[~valid])
        for i in members:
            assert ranks[i] == np.sum(values[members] < values[i])
        expected = np.quantile(values[members], 0.3) if len(members) else 0.0
        np.testing.assert_allclose(quantiles[ids == group], expected, rtol=1e-5, atol=1e-6)
        means += [values[members].mean()] if len(members) else []
    mean, variance = groups.mean_of_groups(groups.mean(x)), groups.variance_of_groups(groups.mean(x), ddof=1)
    np.testing.assert_allclose(mean, np.mean(means) if means else 0.0, rtol=1e-5)
    np.testing.assert_allclose(variance, np.var(means, ddof=1) if len(means) > 1 else 0.0, rtol=1e-4, atol=1e-5)


def test_splitting_and_restricting():
    ids, answers = jnp.array([5, 5, 5, 9, 9]), jnp.array([-1, 3, -1, -1, 3])
    ones, groups = jnp.ones(5), policy.Terms(mask=jnp.ones([5, 1], bool)).groups(ids)
    np.testing.assert_array_equal(groups.split(answers).count(ones), [2, 1, 2, 1, 1])
    np.testing.assert_array_equal(groups.only(jnp.array([True, False, True, False, False])).count(ones), [2, 2, 2, 0, 0])
