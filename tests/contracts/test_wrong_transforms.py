"""The contract bites: deliberately wrong transforms, each caught by the check that is meant for it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import algax
from algax import chain, loss_transform, policy
from algax.core import contract
from algax.core.catalogue import parse
from algax.core.contract import ContractError, Subject
from algax.core.contract.losses import ROWS

from .rooms.policy import ROOM

READS = ("log_probs", "advantages")


def loss_of(update, *, reads=READS, writes=("loss",), before=(policy.reward_advantage(),), **options):
    return chain(*before, loss_transform(update, reads=reads, writes=writes, name="wrong", **options))


def mean_of_means(terms):
    return terms.add_loss(jnp.mean(jnp.where(terms.mask, -terms.advantages * terms.log_probs, 0.0)))


def ignores_the_mask(terms):
    return terms.add_loss(jnp.sum(terms.advantages * jnp.exp(terms.log_probs)) + jnp.sum(jnp.exp(terms.log_probs)))


def reads_undeclared(terms):
    return terms.add_loss(terms.mean(-terms.advantages * terms.log_probs * terms.old_log_probs))


def reads_less(terms):
    return terms.add_loss(terms.mean(-terms.log_probs))


def counts_rows_at_hand(terms):
    return terms.add_loss(terms.sum(-terms.log_probs) / terms.mask.shape[0])


def depends_on_order(terms):
    return terms.add_loss(terms.mean(terms.log_probs * jnp.arange(terms.mask.shape[0], dtype=jnp.float32)[:, None]))


def local_statistic(terms):
    baseline = terms.sum(terms.rewards) / terms.mask.shape[0]
    return terms.replace(advantages=jnp.where(terms.mask, (terms.rewards - baseline)[:, None], 0.0))


def statistic_of_a_part(terms):
    return terms.add_loss(terms.mean(-terms.log_probs) * terms.batch_mean(terms.log_probs))


def leaks_through_a_weight(terms):
    return terms.add_loss(terms.mean(-terms.weights * terms.log_probs))


def divides_by_an_empty_mask(terms):
    return terms.add_loss(terms.sum(-terms.log_probs) / terms.across_devices(jnp.sum(terms.mask, dtype=jnp.float32)))


def normalises_over_padding(terms):
    weights = jax.nn.softmax(jax.lax.stop_gradient(terms.log_probs), axis=1)
    return terms.add_loss(terms.sum(-weights * terms.log_probs))


def exponentiates_log_ratios(terms):
    return terms.add_loss(terms.mean(-jnp.exp(terms.log_probs - terms.old_log_probs)))


def narrows(terms):
    return terms.add_loss(terms.mean(-terms.log_probs).astype(jnp.bfloat16))


def no_gradient(terms):
    return terms.add_loss(terms.mean(jax.lax.stop_gradient(-terms.log_probs)))


def growing_state(terms, state):
    return terms.add_loss(terms.mean(-terms.log_probs)), jnp.concatenate([state, jnp.zeros([1])])


def python_branch(terms):
    total = terms.mean(-terms.log_probs)
    return terms.add_loss(total if total > 0 else -total)


PLAIN = {"reads": ("log_probs",), "before": ()}

# name: (what is wrong with it, the loss, the checks that must refuse it)
WRONG = {
    "mean of means": (loss_of(mean_of_means), ("microbatches", "devices", "masks")),
    "ignores the mask": (loss_of(ignores_the_mask), ("masks",)),
    "reads a field it does not declare": (loss_of(reads_undeclared), ("declared_fields",)),
    "declares a field it does not read": (loss_of(reads_less), ("declared_fields",)),
    "declares a field it does not write": (
        loss_of(reads_less, reads=("log_probs",), before=(), writes=("loss", "weights")), ("declared_fields",)),
    "divides by the rows at hand": (loss_of(counts_rows_at_hand, **PLAIN), ("microbatches", "devices", "masks")),
    "depends on the order of rows": (loss_of(depends_on_order, **PLAIN), ("order", "microbatches", "devices")),
    "a statistic of one device": (
        chain(
            loss_transform(local_statistic, reads=("rewards",), writes=("advantages",), name="wrong"),
            policy.policy_gradient(),
            policy.token_mean(),
        ),
        ("devices",),
    ),
    "divides by an empty mask": (loss_of(divides_by_an_empty_mask, **PLAIN), ("masks",)),
    "normalises over padding": (loss_of(normalises_over_padding, **PLAIN), ("masks",)),
    "exponentiates log-ratios": (
        loss_of(exponentiates_log_ratios, reads=("log_probs", "old_log_probs"), before=()), ("degenerate",)),
    "reduces in 16 bits": (loss_of(narrows, **PLAIN), ("bfloat16",)),
    "stops every gradient": (loss_of(no_gradient, **PLAIN), ("gradient_flow",)),
    "a state that grows": (loss_of(growing_state, init=lambda: jnp.zeros([1]), **PLAIN), ("jit",)),
}


def subject_of(loss, forward=ROOM.forward):
    first, second = (ROOM.terms(np.random.default_rng(seed), ROWS) for seed in (0, 1))
    degenerate = {what: change(first) for what, change in ROOM.degenerate.items()}
    return Subject(loss, (first, second), ROOM.params(np.random.default_rng(1)), forward, degenerate=degenerate)


@pytest.mark.parametrize("what", WRONG)
def test_each_check_refuses(what):
    loss, checks = WRONG[what]
    subject = subject_of(loss)
    for check in checks:
        with pytest.raises(ContractError):
            contract.CHECKS[check](subject)
    with pytest.raises(ContractError, match="wrong|chain"):
        contract.run_checks(subject)


def test_a_right_transform_passes():
    loss = chain(policy.reward_advantage(), policy.policy_gradient(), policy.token_mean())
    contract.check_loss(loss, ROOM.terms, ROOM.params(np.random.default_rng(1)), ROOM.forward)


def test_a_statistic_over_a_part_is_an_error_by_itself():
    with pytest.raises(ValueError, match="couples_batch"):
        contract.check_microbatches(subject_of(loss_of(statistic_of_a_part, **PLAIN)))


def test_a_branch_on_values_fails_under_jit():
    with pytest.raises(jax.errors.TracerBoolConversionError):
        contract.check_jit(subject_of(loss_of(python_branch, **PLAIN)))


def test_gradient_that_leaks_through_a_weight_is_refused():
    """The weights come from outside; a transform that does not stop the gradient into them differentiates them."""

    def forward(params, terms, key):
        return ROOM.forward(params, terms, key).replace(weights=jnp.ones(terms.mask.shape))

    loss = loss_transform(leaks_through_a_weight, reads=("weights", "log_probs"), writes=("loss",), name="wrong")
    with pytest.raises(ContractError, match="`weights`, which is derived"):
        contract.check_gradient_flow(subject_of(loss, forward))


def test_a_gradient_that_is_not_that_of_the_value_shows_in_finite_differences():
    def make(stop):
        def update(terms):
            weights = jnp.exp(terms.log_probs)
            weights = jax.lax.stop_gradient(weights) if stop else weights
            return terms.add_loss(terms.mean(-weights * terms.log_probs))

        return subject_of(loss_transform(update, reads=("log_probs",), writes=("loss",), name="weighted"))

    contract.check_finite_differences(make(False))
    with pytest.raises(ContractError, match="finite differences"):
        contract.check_finite_differences(make(True))


def test_undeclared_write_and_metric_are_refused_where_they_happen():
    def writes(terms):
        return terms.replace(weights=terms.log_probs).add_loss(terms.mean(terms.log_probs))

    def records(terms):
        return terms.add_metric("surprise", terms.log_probs).add_loss(terms.mean(terms.log_probs))

    terms = policy.Terms(log_probs=jnp.zeros([1, 1]))
    for update, message in ((writes, "writes `weights`"), (records, "surprise")):
        loss = loss_transform(update, reads=("log_probs",), writes=("loss",), name="wrong")
        with pytest.raises(ValueError, match=message):
            loss(terms)


def test_a_toy_method_takes_one_function_and_its_record():
    def confident_reinforce(power: float = 1.0) -> algax.LossTransform:
        """A log pi, weighted by the policy's own probability to a power."""

        def update(terms):
            weights = jnp.exp(power * jax.lax.stop_gradient(terms.log_probs))
            return terms.add_loss(terms.mean(-weights * terms.advantages * terms.log_probs))

        return loss_transform(update, reads=READS, writes=("loss",), hyperparameters={"power": power})

    contract.check_loss(
        chain(policy.group_advantage(), confident_reinforce(0.5)),
        ROOM.terms, ROOM.params(np.random.default_rng(1)), ROOM.forward,
    )
    record = parse(
        '[[record]]\nid = "toy"\ntitle = "A toy"\nyear = 2026\narxiv = ""\nroom = "policy"\nnames = ["confident_reinforce"]'
    )
    assert record[0].names == ("confident_reinforce",)
