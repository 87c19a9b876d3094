"""Growth that preserves the function, in each dimension of a Transformer, for both norms."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from algax import merge, models

from ..models.parameters import draw_params

SMALL = models.TransformerConfig(
    vocabulary_size=11, hidden_size=8, num_layers=1, num_heads=2, head_size=4, mlp_size=12, max_length=6
)
GROWN = {
    "width": {"hidden_size": 12},
    "heads": {"num_heads": 4},
    "mlp": {"mlp_size": 20},
    "depth": {"num_layers": 2},
    "all": {"hidden_size": 12, "num_heads": 4, "mlp_size": 20, "num_layers": 2},
}
GPT = {"norm": "layer_norm", "positions": "learned", "mlp": "plain", "activation": "gelu", "bias": "all", "tied_head": True}
TOKENS = np.random.default_rng(0).integers(0, 11, (2, 6)).astype(np.int32)


def init(config, seed):
    return draw_params(models.Transformer(config), TOKENS, seed=seed, noise=0.1)["params"]


def logits(config, params, masks=None):
    return models.Transformer(config).apply({"params": params, **({} if masks is None else {"growth": masks})}, TOKENS)


def differentiate(logits, params):
    """The gradient of the loss, and the logits themselves."""

    def loss(params):
        values = logits(params)
        return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(values[:, :-1], TOKENS[:, 1:])), values

    return jax.grad(loss, has_aux=True)(params)


def silent(path):
    return path.startswith("blocks_1/") and ("/output/" in path or "/down/" in path)


@pytest.mark.parametrize(("dimension", "family"), [*((dimension, "llama") for dimension in GROWN), ("all", "gpt")])
def test_growth_changes_neither_logits_nor_the_gradients_of_old_entries(dimension, family):
    small = dataclasses.replace(SMALL, **(GPT if family == "gpt" else {}))
    large = dataclasses.replace(small, **GROWN[dimension])
    old, start = init(small, 0), init(large, 1)

    @jax.jit
    def results(old, start):
        grown = merge.grow(old, start)
        deep = merge.copy_layers(old, {f"blocks_{i}": "blocks_0" for i in range(large.num_layers)})
        new = merge.new_units(deep, grown, output_axes=merge.transformer_output_axes, silent=silent)

        def outputs(params, coefficient):
            return logits(large, merge.mask_new_units(params, new, coefficient), merge.norm_masks(new, coefficient))

        gradient, values = differentiate(lambda params: outputs(params, 0.0), grown)
        expected, before = differentiate(lambda params: logits(small, params), old)
        embedded = merge.grow(expected, jax.tree.map(jnp.zeros_like, gradient))  # and 0 for everything new
        later = jax.vmap(lambda coefficient: outputs(grown, coefficient))(jnp.array([0.5, 1.0]))
        return (values, *later), before, logits(large, grown), gradient, embedded

    values, before, after, gradient, embedded = results(old, start)
    np.testing.assert_allclose(values[0], before, atol=1e-5)
    np.testing.assert_allclose(values[2], after, atol=1e-5)
    assert not np.allclose(values[1], values[0], atol=1e-3)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), gradient, embedded)


def test_masks_mark_output_units_alone():
    small, large = {"kernel": np.ones((2, 3)), "bias": np.ones(3)}, {"kernel": np.ones((4, 5)), "bias": np.ones(5)}

    @jax.jit
    def results(small, large):
        new = merge.new_units(small, large)
        return new, merge.mask_new_units(large, new, 0.25)

    new, masked = results(small, large)
    np.testing.assert_array_equal(new["kernel"], [[False, False, False, True, True]])
    np.testing.assert_allclose(masked["kernel"], np.tile([1, 1, 1, 0.25, 0.25], (4, 1)))
    assert merge.last_axis("kernel", large["kernel"]) == (1,)


def test_the_optimizer_keeps_old_moments_and_starts_new_ones_at_zero():
    small, large = {"w": np.ones((2, 2))}, {"w": np.ones((3, 4)), "v": np.ones(2)}
    tx = optax.adam(0.1)

    @jax.jit
    def results(small, large):
        _, state = tx.update({"w": 2 * small["w"]}, tx.init(small), small)
        return merge.grow(state, tx.init(large))

    with jax.numpy_dtype_promotion("standard"):  # Optax itself promotes
        grown = results(small, large)
    assert jax.tree.structure(grown) == jax.tree.structure(tx.init(large))
    assert optax.tree.get(grown, "count") == 1
    moments = optax.tree.get(grown, "mu")
    np.testing.assert_allclose(moments["w"], np.pad(np.full((2, 2), 0.2), ((0, 1), (0, 2))), rtol=1e-6)
    np.testing.assert_array_equal(moments["v"], 0.0)


def test_layers_are_copied_under_new_names():
    params = {"blocks_0": {"w": 1}, "blocks_1": {"w": 2}, "norm": 3}
    sources = {"blocks_0": "blocks_0", "blocks_1": "blocks_0", "blocks_2": "blocks_1"}
    copied = merge.copy_layers(params, sources)
    assert copied == {"blocks_0": {"w": 1}, "blocks_1": {"w": 1}, "blocks_2": {"w": 2}, "norm": 3}
    with pytest.raises(ValueError, match="`sources` must name layers"):
        merge.copy_layers(params, {"blocks_0": "blocks_7"})


def test_a_copied_block_with_silent_outputs_changes_nothing():
    deep = dataclasses.replace(SMALL, num_layers=2)

    @jax.jit
    def results(old):
        params = merge.copy_layers(old, {"blocks_0": "blocks_0", "blocks_1": "blocks_0"})
        new = merge.new_units(params, params, silent=silent)
        return logits(deep, merge.mask_new_units(params, new, 0.0)), logits(SMALL, old)

    np.testing.assert_allclose(*results(init(SMALL, 0)), atol=1e-6)


def test_a_large_tree_must_hold_the_small_one():
    with pytest.raises(ValueError, match="`large` lacks 'b'"):
        merge.grow({"b": np.ones(2)}, {"a": np.ones(2)})
    with pytest.raises(ValueError, match="`large` must be at least as large as `small` at 'a'"):
        merge.grow({"a": np.ones(3)}, {"a": np.ones(2)})
    with pytest.raises(ValueError, match="`small` lacks 'b' of `large`"):
        merge.new_units({"a": np.ones(2)}, {"a": np.ones(2), "b": np.ones(2)})
