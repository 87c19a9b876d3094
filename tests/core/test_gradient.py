"""`gradient` in an Optax chain: the same loss and gradient however the batch is cut, and state in the optimiser's."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

import algax
from algax import policy
from algax.core.contract import TracedJit
from algax.core.terms import field_specs

from ..contracts.rooms.policy.batch import ROOM, VOCABULARY, one_hot

PARAMS = ROOM.params(np.random.default_rng(1))


@functools.cache
def batch():
    return ROOM.terms(np.random.default_rng(0), 8)


def step(tx, axis_name=None):
    def run(params, terms):
        return tx.update(None, tx.init(params), params, terms=terms, key=jax.random.key(0))

    return run


def assert_same(actual, expected, tolerance=1e-6):
    jax.tree.map(lambda a, e: np.testing.assert_allclose(a, e, rtol=tolerance, atol=tolerance), actual, expected)


def test_gradient_is_that_of_the_loss_called_by_hand():
    loss = policy.grpo()
    grad, state = jax.jit(step(algax.gradient(loss, ROOM.forward)))(PARAMS, batch())
    value, expected = jax.jit(jax.value_and_grad(lambda params: loss(ROOM.forward(params, batch(), None))))(PARAMS)
    assert_same(grad, expected)
    np.testing.assert_allclose(state.metrics["loss"], value, rtol=1e-6)
    assert set(state.metrics) == {"loss", "clip_fraction", "kl_ref"} and int(state.step) == 1


def test_hand_computed_policy_gradient():
    """One token a row: the gradient of -mean A log softmax(logits) is -(A/B) (onehot - p), whatever the cut."""
    rng = np.random.default_rng(0)
    logits, tokens, rewards = rng.normal(size=(4, 3)), rng.integers(0, 3, 4), rng.normal(size=4)
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = -(rewards[:, None] / 4) * (np.eye(3)[tokens] - probabilities)
    terms = policy.Terms(
        inputs=np.arange(4), tokens=tokens[:, None], rewards=rewards.astype(np.float32), mask=np.ones([4, 1], bool)
    )
    forward = policy.forward(lambda params, rows: params[rows][:, None])
    for microbatches in (1, 2, 4):
        tx = algax.gradient(policy.reinforce(), forward, microbatches=microbatches)
        grad, _ = jax.jit(step(tx))(logits.astype(np.float32), terms)
        np.testing.assert_allclose(grad, expected, rtol=1e-5, atol=1e-6)


def test_it_heads_an_optax_chain_and_its_metrics_are_found():
    tx = optax.chain(
        algax.gradient(policy.grpo(kl_coefficient=0.0), ROOM.forward, microbatches=2),
        optax.clip_by_global_norm(1.0),
        optax.adamw(optax.constant_schedule(1e-2)),
    )

    def update(params, state, terms):
        updates, state = tx.update(None, state, params, terms=terms)
        return optax.apply_updates(params, updates), state

    state, params = jax.jit(tx.init)(PARAMS), PARAMS
    train = TracedJit(update)
    first = None
    for _ in range(30):
        with jax.numpy_dtype_promotion("standard"):  # Optax itself promotes
            params, state = train(params, state, batch())
        first = first or float(optax.tree.get(state, "metrics")["loss"])
    assert float(optax.tree.get(state, "metrics")["loss"]) < first
    assert train.traces == 1


def only(terms, *names):
    """The batch with these fields alone, as all that a room knows take long to compile."""
    others = [name for name in field_specs(type(terms)) if name not in names]
    return terms.replace(**dict.fromkeys(others))


def test_nested_and_plain_functions_agree_over_meshes():
    """jit with shardings, pmap and shard_map, over 2 and 4 devices, with and without micro-batches."""
    loss = policy.grpo()
    terms = only(batch(), *loss.requires, "inputs", "tokens", "mask")
    params, terms = jax.tree.map(np.asarray, (PARAMS, terms))
    expected = jax.jit(step(algax.gradient(loss, ROOM.forward)))(params, terms)[0]
    for count in (2, 4):
        devices = jax.devices()[:count]
        mesh = jax.make_mesh((count,), ("data",), axis_types=(AxisType.Auto,), devices=devices)
        rows = NamedSharding(mesh, PartitionSpec("data"))
        split = jax.tree.map(lambda x, n=count: x.reshape(n, x.shape[0] // n, *x.shape[1:]), terms)
        nested = []
        for microbatches in (1, 2):
            plain = step(algax.gradient(loss, ROOM.forward, microbatches=microbatches))
            mapped = step(algax.gradient(loss, ROOM.forward, microbatches=microbatches, axis_name="data"))
            results = jax.pmap(mapped, axis_name="data", in_axes=(None, 0), devices=devices)(params, split)[0]
            assert_same(jax.tree.map(lambda x: np.asarray(x)[0], results), expected)
            nested += [lambda p, t, f=plain: f(p, t)[0]]
            for check_vma in (True, False):
                nested += [
                    jax.shard_map(
                        lambda p, t, f=mapped: f(p, t)[0], mesh=mesh, in_specs=(PartitionSpec(), PartitionSpec("data")),
                        out_specs=PartitionSpec(), check_vma=check_vma,
                    )
                ]
        together = jax.jit(lambda p, t, functions=tuple(nested): [f(p, t) for f in functions])
        for actual in together(params, jax.device_put(terms, rows)):
            assert_same(actual, expected)


def dense(params, inputs):
    return one_hot(params, inputs) @ params["table"]


@functools.cache
def regularised_gradient(model, microbatches=1):
    loss = algax.chain(
        policy.group_advantage(), policy.token_ratio(), policy.ppo_clip(), policy.entropy_bonus(0.1),
        policy.full_kl_penalty(0.1), policy.token_mean(),
    )
    tx = algax.gradient(loss, policy.forward(model), microbatches=microbatches)
    return jax.jit(step(tx))({"table": PARAMS["table"]}, batch())


@pytest.mark.parametrize("microbatches", [1, 4])
def test_factored_logits_give_the_gradient_of_dense_ones(microbatches):
    def factored(params, inputs):
        return algax.FactoredLogits(one_hot(params, inputs), params["table"], chunk_size=5)

    expected = regularised_gradient(dense)
    actual = regularised_gradient(factored, microbatches)
    assert_same(actual[0], expected[0], 2e-5)
    assert_same(actual[1].metrics, expected[1].metrics, 2e-5)
    assert VOCABULARY == 7


def test_transforms_without_differentiated_fields_run_once():
    runs = []

    def update(terms):
        runs.append(terms.rewards.shape)
        return terms.replace(rewards=terms.rewards - terms.batch_mean(terms.rewards))

    centre = algax.loss_transform(update, reads=("rewards",), writes=("rewards",), name="centre")
    tx = algax.gradient(algax.chain(centre, policy.reinforce()), ROOM.forward, microbatches=4)
    jax.jit(step(tx))(PARAMS, batch())
    assert runs == [(8,)]


def test_a_filter_after_differentiated_steps_is_refused_by_name():
    loss = algax.chain(
        policy.token_ratio(), policy.group_advantage(), policy.ppo_clip(), policy.dynamic_filter(), policy.token_mean()
    )
    with pytest.raises(ValueError, match="dynamic_filter .* writes `mask`, which token_ratio before it sees"):
        step(algax.gradient(loss, ROOM.forward))(PARAMS, batch())


def test_microbatches_must_divide_the_rows_and_spare_coupled_methods():
    with pytest.raises(ValueError, match="`microbatches` must divide the number of rows: `inputs` has 8 rows, got 3"):
        jax.jit(step(algax.gradient(policy.grpo(), ROOM.forward, microbatches=3)))(PARAMS, batch())
    coupled = algax.chain(policy.adaptive_kl_penalty(0.1), policy.token_mean())
    with pytest.raises(ValueError, match="adaptive_kl_penalty couples the rows"):
        algax.gradient(coupled, ROOM.forward, microbatches=2)
    with pytest.raises(ValueError, match="`microbatches` must be an integer >= 1, got 0"):
        algax.gradient(policy.grpo(), ROOM.forward, microbatches=0)


def test_misuse_is_named():
    tx = algax.gradient(policy.grpo(), ROOM.forward)
    with pytest.raises(ValueError, match="gradient needs `params`"):
        tx.update(None, tx.init(PARAMS), terms=batch())
    with pytest.raises(TypeError, match="'terms'"):
        tx.update(None, tx.init(PARAMS), PARAMS)
    with pytest.raises(TypeError, match="`terms` must be a Terms record, got dict"):
        tx.update(None, tx.init(PARAMS), PARAMS, terms={})
    with pytest.raises(TypeError, match="`forward` must return a policy.Terms, got NoneType"):
        step(algax.gradient(policy.grpo(), lambda params, terms, key: None))(PARAMS, batch())
    with pytest.raises(TypeError, match="`forward` must be a function"):
        algax.gradient(policy.grpo(), None)


def test_loss_state_lives_in_the_optimiser_state():
    loss = algax.chain(policy.adaptive_kl_penalty(0.001, initial=0.5, horizon=80.0), policy.token_mean())
    tx = algax.gradient(loss, ROOM.forward)
    state = tx.init(PARAMS)
    assert float(state.loss_state[0]) == 0.5
    _, state = jax.jit(lambda s: tx.update(None, s, PARAMS, terms=batch()))(state)
    # The KL is far above the target, so the coefficient grows by the largest step: 1 + 0.2 * 8 rows / horizon 80.
    np.testing.assert_allclose(state.loss_state[0], 0.5 * 1.02, rtol=1e-6)


def test_gradients_differentiates_every_network_by_its_own_loss():
    def forward(params, terms, key):
        return terms.replace(log_probs=jnp.broadcast_to(params["a"] * params["b"], terms.tokens.shape))

    def scaled(factor):
        def update(terms):
            return terms.add_loss(factor * terms.mean(terms.log_probs))

        return algax.loss_transform(update, reads=("log_probs",), writes=("loss",), name="scaled")

    tx = algax.gradients({"a": (scaled(1.0), forward), "b": (scaled(-2.0), forward)})
    params = {"a": jnp.asarray(3.0), "b": jnp.asarray(5.0)}
    terms = policy.Terms(tokens=np.zeros([4, 2], np.int32))
    update = jax.jit(step(tx))
    grads, state = update(params, terms)
    assert float(grads["a"]) == 5.0 and float(grads["b"]) == -6.0  # d(ab)/da = b, d(-2ab)/db = -2a
    assert {name: float(value) for name, value in state.metrics.items()} == {"a/loss": 15.0, "b/loss": -30.0}
    by_network, _ = update(params, {"a": terms, "b": terms})
    assert_same(by_network, grads)
    with pytest.raises(ValueError, match="`params` must be a mapping with the networks"):
        tx.init({"a": params["a"]})
    with pytest.raises(ValueError, match="at least one network"):
        algax.gradients({})


def test_bfloat16_parameters_accumulate_in_float32():
    params = jax.tree.map(lambda x: x.astype(jnp.bfloat16), PARAMS)
    tx = algax.gradient(policy.reinforce(), ROOM.forward, microbatches=4)
    grad, _ = jax.jit(step(tx))(params, batch())
    assert all(x.dtype == jnp.bfloat16 for x in jax.tree.leaves(grad))
