"""The contract of loss transforms and presets, generated from the public names."""

import jax
import jax.numpy as jnp
import pytest

from algax.core import contract

from .examples import label, loss_cases

CASES = loss_cases()


@pytest.mark.parametrize("case", CASES, ids=label)
def test_contract(case):
    """One test a name, because the checks share compiled functions."""
    subject = case.subject()
    contract.run_checks(subject)
    if not case.example.surrogate_gradient:
        contract.check_finite_differences(subject)


@pytest.mark.parametrize("case", CASES, ids=label)
def test_bad_batches_are_refused_by_name(case):
    subject = case.subject()
    filled = subject.forward(subject.params, subject.terms(), None).replace(step=jnp.zeros([], jnp.int32))
    for field in subject.loss.requires:
        if field == "key":
            continue
        with pytest.raises(ValueError, match=f"`{field}`, which is None"):
            subject.loss(filled.replace(**{field: None}))
        value = getattr(filled, field)
        if isinstance(value, jax.Array):
            with pytest.raises(ValueError, match=f"`{field}` must have shape"):
                subject.loss(filled.replace(**{field: value[..., None]}))
