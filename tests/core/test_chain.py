"""Chains: data flow known when they are built, errors that name what is wrong, state, keys and metrics."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import algax
from algax import policy


def terms(rows=2, length=3, **fields):
    return policy.Terms(log_probs=-jnp.ones([rows, length]), **fields)


def counter(name="counter", metric="seen"):
    """Adds the number of calls to the loss."""

    def update(terms, state):
        terms = terms.add_metric(metric, state)
        return terms.add_loss(terms.mean(-terms.log_probs) + state), state + 1.0

    return algax.loss_transform(
        update, init=lambda: jnp.zeros([]), reads=("log_probs",), writes=("loss",), metrics=(metric,), name=name
    )


def test_a_chain_needs_what_no_step_writes():
    assert policy.grpo().requires == ("rewards", "group_ids", "log_probs", "old_log_probs", "ref_log_probs")
    assert algax.chain(policy.ppo_clip(), policy.token_mean()).requires == ("ratios", "advantages")


def test_chains_are_flattened():
    loss = algax.chain(policy.grpo(kl_coefficient=0.0), policy.value_loss(clip=None))
    names = [step.name for step in loss.transforms]
    assert names == ["group_advantage", "token_ratio", "ppo_clip", "sequence_mean_token_mean", "value_loss"]


def test_a_lost_write_is_an_error_when_the_chain_is_built():
    with pytest.raises(ValueError, match="`advantages` written by group_advantage is overwritten by reward_advantage"):
        algax.chain(policy.group_advantage(), policy.reward_advantage(), policy.policy_gradient())


def test_a_step_after_the_reduction_is_an_error():
    with pytest.raises(ValueError, match="entropy_bonus has no effect on the loss"):
        algax.chain(policy.grpo(), policy.entropy_bonus())


def test_a_metric_recorded_twice_is_an_error_that_named_chain_resolves():
    steps = (policy.kl_penalty(0.1), policy.kl_penalty(0.2, estimator="k2"), policy.token_mean())
    with pytest.raises(ValueError, match="'kl_ref' is recorded by two steps"):
        algax.chain(*steps)
    loss = algax.named_chain(("weak", steps[0]), ("strong", steps[1]), ("reduce", steps[2]))
    assert loss.metrics == ("weak/kl_ref", "strong/kl_ref")


def test_a_loss_that_is_never_written_is_an_error():
    for use in (lambda loss: loss(terms()), lambda loss: algax.gradient(loss, lambda params, terms, key: terms)):
        with pytest.raises(ValueError, match="never writes `loss`"):
            use(policy.token_ratio())


def test_a_missing_field_names_transform_field_and_writers():
    loss = algax.chain(policy.ppo_clip(), policy.token_mean())
    with pytest.raises(ValueError, match=r"ppo_clip needs `ratios`.*policy\.Terms.*sequence_ratio, token_ratio"):
        loss(terms(advantages=jnp.zeros([2, 3])))


def test_wrong_ranks_and_sizes_name_the_field():
    loss = policy.reinforce()
    with pytest.raises(ValueError, match=r"policy\.Terms: `rewards` must have shape \[B\], got \(2, 1\)"):
        loss(terms(rewards=jnp.zeros([2, 1])))
    with pytest.raises(ValueError, match=r"`log_probs` has size 2 on axis B, but `rewards` has 3"):
        loss(terms(rewards=jnp.zeros([3])))


def test_wrong_types_are_named():
    with pytest.raises(TypeError, match="every argument must be a LossTransform"):
        algax.chain(policy.grpo)
    with pytest.raises(TypeError, match="reinforce takes a Terms record, got dict"):
        policy.reinforce()({"rewards": 1.0})
    with pytest.raises(TypeError, match="`distribution` must be a Logits or FactoredLogits"):
        algax.chain(policy.entropy_bonus(), policy.token_mean())(terms(distribution=jnp.zeros([2, 3, 4])))
    with pytest.raises(ValueError, match="does not have"):
        algax.loss_transform(lambda t: t, reads=("nothing",), name="toy").update(terms(), ())
    with pytest.raises(ValueError, match="at least one"):
        algax.chain()


def test_a_schedule_needs_the_step():
    loss = algax.chain(policy.kl_penalty(lambda step: 0.1 * step), policy.token_mean())
    batch = terms(ref_log_probs=-jnp.zeros([2, 3]))
    with pytest.raises(ValueError, match="`coefficient` is a schedule"):
        loss(batch)
    losses = [float(loss(batch.replace(step=jnp.asarray(step)))) for step in (0, 1, 2)]
    np.testing.assert_allclose(losses, [0.0, losses[1], 2 * losses[1]], rtol=1e-6)


def test_state_is_carried_and_metrics_are_recorded():
    loss = algax.chain(counter(), policy.value_loss(clip=None))
    batch = terms(values=jnp.zeros([2, 3]), returns=jnp.ones([2, 3]))
    state = loss.init()
    for calls in range(3):
        after, state = loss.update(batch, state)
        np.testing.assert_allclose(after.loss, 1.0 + calls + 0.5)
        assert float(after.metrics["seen"].value) == calls


def test_named_chain_keeps_its_state_by_label():
    loss = algax.named_chain(("first", counter()), ("second", counter()))
    after, state = loss.update(terms(), loss.init())
    assert state == {"first": 1.0, "second": 1.0} and set(after.metrics) == {"first/seen", "second/seen"}
    with pytest.raises(ValueError, match="labels must differ"):
        algax.named_chain(("same", counter()), ("same", counter()))


def test_every_step_has_a_key_of_its_own():
    def draws(name):
        def update(terms):
            return terms.add_metric(name, jax.random.uniform(terms.key))

        return algax.loss_transform(update, reads=("key",), metrics=(name,), name=name)

    after, _ = algax.chain(draws("a"), draws("b")).update(terms(key=jax.random.key(0)), ((), ()))
    assert float(after.metrics["a"].value) != float(after.metrics["b"].value)
    with pytest.raises(ValueError, match="a needs `key`"):
        draws("a").update(terms(), ())


def test_a_loss_is_a_function_that_jax_transforms():
    batch = terms(rewards=jnp.array([1.0, 2.0]))
    loss = policy.reinforce()
    np.testing.assert_allclose(jax.jit(loss)(batch), loss(batch))
    gradient = jax.jit(jax.grad(lambda x: loss(batch.replace(log_probs=x))))(batch.log_probs)
    np.testing.assert_allclose(gradient, [[-0.5] * 3, [-1.0] * 3])
    assert {loss: "usable as a key"}[loss]


def test_describe_prints_the_data_flow():
    table = algax.describe(policy.grpo(low=0.1))
    assert "requires: rewards, group_ids" in table
    row = next(line for line in table.splitlines() if line.startswith("ppo_clip"))
    assert "ratios, advantages" in row and "surrogates" in row and "low=0.1" in row and "[lower_bounds]" in row


def test_the_catalogue_names_only_what_is_public():
    import importlib

    records = algax.catalogue()
    assert records
    for record in records:
        for name in record.names:
            room, _, attribute = name.rpartition(".")
            assert hasattr(importlib.import_module(f"algax.{room or record.room}"), attribute), (record.id, name)


def test_the_catalogue_refuses_malformed_records():
    from algax.core.catalogue import parse

    record = '[[record]]\nid = "a"\ntitle = "A"\nyear = 2024\narxiv = ""\nroom = "policy"\nnames = []\n'
    assert parse(record)[0].id == "a"
    with pytest.raises(ValueError, match="more than once"):
        parse(record * 2)
    with pytest.raises(ValueError, match="unknown fields"):
        parse(record + "colour = 1\n")
