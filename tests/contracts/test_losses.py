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

    def filled(terms):
        return subject.forward(subject.params, terms, None).replace(step=jnp.zeros([], jnp.int32))

    def refuse(field, value, message):
        with pytest.raises(ValueError, match=message):
            jax.eval_shape(subject.loss, whole.replace(**{field: value}))

    whole = jax.eval_shape(filled, subject.terms())
    for field in subject.loss.requires:
        if field == "key":
            continue
        refuse(field, None, f"`{field}`, which is None")
        given = getattr(whole, field)
        if isinstance(given, jax.ShapeDtypeStruct):
            refuse(field, given.update(shape=(*given.shape, 1)), f"`{field}` must have shape")
