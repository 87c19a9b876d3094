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

    def refuse(field, change, message):
        def changed(terms):
            whole = filled(terms)
            return subject.loss(whole.replace(**{field: change(getattr(whole, field))}))

        with pytest.raises(ValueError, match=message):
            jax.eval_shape(changed, subject.terms())

    shapes = jax.eval_shape(filled, subject.terms())
    for field in subject.loss.requires:
        if field == "key":
            continue
        refuse(field, lambda value: None, f"`{field}`, which is None")
        if isinstance(getattr(shapes, field), jax.ShapeDtypeStruct):
            refuse(field, lambda value: value[..., None], f"`{field}` must have shape")
