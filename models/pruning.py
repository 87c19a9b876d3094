"""Which parameters of a model can be removed together, and the smaller model that is left.

The groups are those of `algax.updates.hesso`: name -> pairs (path of a leaf, axis along which it is cut).
"""

import dataclasses
from typing import Any

from .config import TransformerConfig
from .mlp import MLP

Groups = dict[str, list[tuple[str, int]]]


def mlp_groups(module: MLP) -> Groups:
    """Returns a group for each hidden unit: its incoming weights, bias and outgoing weights, a set for each hidden layer.

    Args:
        module: an MLP without a `first` layer.

    Raises:
        ValueError: there is no hidden layer, or a `first` one.
    """
    if len(module.features) < 2 or module.first is not None:
        raise ValueError(f"`module` must have hidden layers and no `first` one, got {module.features}, {module.first}")
    groups = {}
    for layer in range(len(module.features) - 1):
        own, following = f"params/Dense_{layer}", f"params/Dense_{layer + 1}"
        biases = [(f"{own}/bias", 0)] if module.use_bias else []
        groups[f"Dense_{layer}"] = [(f"{own}/kernel", 1), *biases, (f"{following}/kernel", 0)]
    return groups


def pruned_mlp(module: MLP, params: Any) -> MLP:
    """Returns the MLP whose widths are those of `params`, from which groups were removed."""
    layers = [params["params"][f"Dense_{layer}"] for layer in range(len(module.features))]
    return module.clone(features=tuple(layer["kernel"].shape[1] for layer in layers))


def transformer_groups(config: TransformerConfig, heads: bool = True, units: bool = True) -> Groups:
    """Returns groups of a Transformer: key-value heads with the query heads that read them, and feed-forward units.

    Args:
        config: of the model; its parameters must be unboxed.
        heads: whether to return a set `blocks_i/attention` for each layer.
        units: whether to return a set `blocks_i/mlp` for each layer.
    """
    groups: Groups = {}
    for block in (f"blocks_{layer}" for layer in range(config.num_layers)):
        attention, mlp = f"params/{block}/attention", f"params/{block}/mlp"
        if heads:
            members = [(f"{attention}/{name}/kernel", 1) for name in ("query", "key", "value")]
            biases = [(f"{attention}/{name}/bias", 0) for name in ("query", "key", "value")] if config.bias != "none" else []
            groups[f"{block}/attention"] = [*members, *biases, (f"{attention}/output/kernel", 0)]
        if units:
            names = ("gate", "up") if config.mlp == "gated" else ("up",)
            biases = [(f"{mlp}/{name}/bias", 0) for name in names] if config.bias == "all" else []
            groups[f"{block}/mlp"] = [*((f"{mlp}/{name}/kernel", 1) for name in names), *biases, (f"{mlp}/down/kernel", 0)]
    return groups


def pruned_config(config: TransformerConfig, params: Any) -> TransformerConfig:
    """Returns the configuration of the Transformer that is left after groups were removed.

    Raises:
        ValueError: the layers have lost different numbers of groups, which no configuration describes.
    """
    blocks = [params["params"][f"blocks_{layer}"] for layer in range(config.num_layers)]
    found = {
        (
            block["attention"]["query"]["kernel"].shape[1],
            block["attention"]["key"]["kernel"].shape[1],
            block["mlp"]["up"]["kernel"].shape[1],
        )
        for block in blocks
    }
    if len(found) != 1:
        raise ValueError(f"`params` must have layers of one size, got (query heads, key-value heads, units) {sorted(found)}")
    heads, key_value_heads, units = found.pop()
    changes = {"num_heads": heads, "num_key_value_heads": key_value_heads, "mlp_size": units, "head_size": config.head_width}
    return dataclasses.replace(config, **changes)
