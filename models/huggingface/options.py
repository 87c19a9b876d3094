"""The `config.json` of a checkpoint and the TransformerConfig that it stands for."""

import numbers
from typing import Any

from ..config import RopeScaling, TransformerConfig

ARCHITECTURES = {
    "llama": ("LlamaForCausalLM", "LlamaModel"),
    "qwen2": ("Qwen2ForCausalLM", "Qwen2Model"),
    "qwen3": ("Qwen3ForCausalLM", "Qwen3Model"),
    "gpt2": ("GPT2LMHeadModel", "GPT2Model"),
}
ACTIVATION_NAMES = {
    "gelu": "gelu",
    "gelu_fast": "gelu_tanh",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "linear": "identity",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
    "tanh": "tanh",
}
ROTARY_CHOICES = {"norm": "rms_norm", "positions": "rotary", "mlp": "gated"}
# What a TransformerConfig must say to be written as each model type.
CHOICES: dict[str, dict[str, Any]] = {
    "llama": {**ROTARY_CHOICES, "query_key_norm": False},
    "qwen2": {**ROTARY_CHOICES, "query_key_norm": False, "bias": "query_key_value"},
    "qwen3": {**ROTARY_CHOICES, "query_key_norm": True, "bias": "none"},
    "gpt2": {"norm": "layer_norm", "positions": "learned", "mlp": "plain", "query_key_norm": False, "bias": "all"},
}


class Options:
    """Reads the entries of one `config.json` and gathers what is wrong with them in `problems`."""

    def __init__(self, entries: dict[str, Any]):
        self.entries = entries
        self.problems: list[str] = []

    def get(self, name: str, default: Any = None) -> Any:
        """The entry, or `default` where it is absent or null."""
        value = self.entries.get(name)
        return default if value is None else value

    def number(self, name: str, kind: Any, default: Any = None) -> Any:
        """An entry that must be a number above 0; 1 where it is not, so that reading can go on."""
        value = self.get(name, default)
        if isinstance(value, bool) or not isinstance(value, kind) or not value > 0:
            word = "an integer" if kind is numbers.Integral else "a number"
            self.problems.append(f"`{name}` must be {word} above 0, got {value!r}")
            return 1
        return value

    def require(self, name: str, allowed: tuple, default: Any = None) -> Any:
        """An entry that must be one of `allowed`."""
        value = self.get(name, default)
        if value not in allowed:
            self.problems.append(f"`{name}` must be one of {', '.join(map(repr, allowed))}, got {value!r}")
        return value


def parse_options(entries: dict[str, Any]) -> TransformerConfig:
    """Returns the configuration that the entries of a `config.json` describe, in float32.

    Args:
        entries: the parsed file, in the spelling of `transformers` 4 (`rope_theta`, `rope_scaling`) or 5 (`rope_parameters`).

    Returns:
        The configuration. Dropout rates are not part of it.

    Raises:
        ValueError: an option is unsupported or has a wrong value; all of them are listed.
    """
    options = Options(entries)
    model_type = options.require("model_type", tuple(ARCHITECTURES))
    if options.problems:
        raise ValueError(options.problems[0])
    for name in options.get("architectures", []):
        if name not in ARCHITECTURES[model_type]:
            options.problems.append(f"`architectures` must be one of {', '.join(ARCHITECTURES[model_type])}, got {name!r}")
    if options.get("quantization_config") is not None:
        options.problems.append("`quantization_config` must be absent: quantised checkpoints are not supported")
    fields = _gpt2_fields(options) if model_type == "gpt2" else _rotary_fields(options, model_type)
    if options.problems:
        raise ValueError("; ".join(options.problems))
    return TransformerConfig(**fields, **{name: value for name, value in CHOICES[model_type].items() if name not in fields})


def _rotary_fields(options: Options, model_type: str) -> dict[str, Any]:
    _check_windows(options)
    head_size = None
    if options.get("head_dim", 128 if model_type == "qwen3" else None) is not None:
        head_size = options.number("head_dim", numbers.Integral, 128)
    fields = dict(
        vocabulary_size=options.number("vocab_size", numbers.Integral),
        hidden_size=options.number("hidden_size", numbers.Integral),
        num_layers=options.number("num_hidden_layers", numbers.Integral),
        num_heads=options.number("num_attention_heads", numbers.Integral),
        num_key_value_heads=options.number("num_key_value_heads", numbers.Integral, options.get("num_attention_heads")),
        head_size=head_size,
        mlp_size=options.number("intermediate_size", numbers.Integral),
        max_length=options.number("max_position_embeddings", numbers.Integral),
        norm_epsilon=options.number("rms_norm_eps", numbers.Real, 1e-6),
        activation=_activation(options, "hidden_act", "silu"),
        tied_head=options.require("tie_word_embeddings", (True, False), False),
        **_rope_fields(options),
    )
    if model_type == "llama":
        biases = options.get("attention_bias", False), options.get("mlp_bias", False)
        if biases not in ((False, False), (True, True)):
            options.problems.append(f"`attention_bias` and `mlp_bias` must be equal, got {biases[0]!r} and {biases[1]!r}")
        fields["bias"] = "all" if biases[0] else "none"
    elif model_type == "qwen3":
        options.require("attention_bias", (False,), False)
    return fields


def _rope_fields(options: Options) -> dict[str, Any]:
    """`rope_theta` and `rope_scaling`, from either spelling."""
    table = options.get("rope_parameters", options.get("rope_scaling", {}))
    if not isinstance(table, dict):
        options.problems.append(f"`rope_parameters` must be a table, got {table!r}")
        return {}
    rope = Options({"rope_theta": options.get("rope_theta"), **table})
    theta = rope.number("rope_theta", numbers.Real, 10_000.0)
    rope.require("partial_rotary_factor", (1, 1.0), 1.0)
    name = "rope_type" if rope.get("rope_type") is not None else "type"
    kind = rope.require(name, ("default", "llama3"), "default")
    scaling = None
    if kind == "llama3":
        values = dict(
            factor=rope.number("factor", numbers.Real),
            low_frequency_factor=rope.number("low_freq_factor", numbers.Real),
            high_frequency_factor=rope.number("high_freq_factor", numbers.Real),
            original_max_length=rope.number("original_max_position_embeddings", numbers.Integral),
        )
        scaling = None if rope.problems else RopeScaling(**values)
    options.problems += rope.problems
    return {"rope_theta": theta, "rope_scaling": scaling}


def _check_windows(options: Options) -> None:
    """Sliding-window attention, which Qwen checkpoints name even where no layer uses it, is a problem only where one does."""
    layers = options.get("layer_types")
    if layers is None:
        first = options.get("max_window_layers", 28)
        window = options.get("use_sliding_window", False) and options.get("sliding_window") is not None
        if window and first < options.get("num_hidden_layers", 0):
            options.problems.append(f"`use_sliding_window` must be false, got sliding windows from layer {first} on")
    elif set(layers) != {"full_attention"}:
        options.problems.append(f"`layer_types` must all be 'full_attention', got {sorted(set(layers))}")


def _gpt2_fields(options: Options) -> dict[str, Any]:
    options.require("scale_attn_weights", (True,), True)
    options.require("scale_attn_by_inverse_layer_idx", (False,), False)
    options.require("add_cross_attention", (False,), False)
    width = options.number("n_embd", numbers.Integral)
    return dict(
        vocabulary_size=options.number("vocab_size", numbers.Integral),
        hidden_size=width,
        num_layers=options.number("n_layer", numbers.Integral),
        num_heads=options.number("n_head", numbers.Integral),
        mlp_size=options.number("n_inner", numbers.Integral, 4 * width),
        max_length=options.number("n_positions", numbers.Integral),
        norm_epsilon=options.number("layer_norm_epsilon", numbers.Real, 1e-5),
        activation=_activation(options, "activation_function", "gelu_new"),
        tied_head=options.require("tie_word_embeddings", (True, False), True),
    )


def _activation(options: Options, name: str, default: str) -> str:
    return ACTIVATION_NAMES.get(options.require(name, tuple(ACTIVATION_NAMES), default), "identity")


def model_type_of(config: TransformerConfig) -> str:
    """Returns the model type whose checkpoints have the choices of `config`.

    Raises:
        ValueError: no supported model type has them; what differs from the nearest one is listed.
    """
    if config.positions == "learned":
        model_type = "gpt2"
    elif config.query_key_norm:
        model_type = "qwen3"
    else:
        model_type = "qwen2" if config.bias == "query_key_value" else "llama"
    problems = [
        f"`{name}` must be {value!r}, got {getattr(config, name)!r}"
        for name, value in CHOICES[model_type].items()
        if getattr(config, name) != value
    ]
    if model_type == "gpt2" and config.key_value_heads != config.num_heads:
        problems.append(f"`num_key_value_heads` must be num_heads={config.num_heads}, got {config.key_value_heads}")
    if model_type == "gpt2" and config.head_width * config.num_heads != config.hidden_size:
        problems.append(f"`head_size` must be hidden_size / num_heads, got {config.head_width}")
    if problems:
        raise ValueError(f"`config` is not that of a {model_type} checkpoint: " + "; ".join(problems))
    return model_type


def write_options(config: TransformerConfig) -> dict[str, Any]:
    """Returns the entries of the `config.json` that `parse_options` reads as `config`, in the spelling both versions read.

    Raises:
        ValueError: no supported model type has the choices of `config`.
    """
    model_type = model_type_of(config)
    shared = dict(
        model_type=model_type,
        architectures=[ARCHITECTURES[model_type][0]],
        vocab_size=config.vocabulary_size,
        tie_word_embeddings=config.tied_head,
    )
    names = {ours: theirs for theirs, ours in ACTIVATION_NAMES.items() if theirs not in ("gelu_fast", "gelu_new", "swish")}
    if model_type == "gpt2":
        names["gelu_tanh"] = "gelu_new"
        return dict(
            **shared,
            n_embd=config.hidden_size,
            n_layer=config.num_layers,
            n_head=config.num_heads,
            n_inner=config.mlp_width,
            n_positions=config.max_length,
            layer_norm_epsilon=config.norm_epsilon,
            activation_function=names[config.activation],
        )
    entries = dict(
        **shared,
        hidden_size=config.hidden_size,
        num_hidden_layers=config.num_layers,
        num_attention_heads=config.num_heads,
        num_key_value_heads=config.key_value_heads,
        head_dim=config.head_width,
        intermediate_size=config.mlp_width,
        max_position_embeddings=config.max_length,
        rms_norm_eps=config.norm_epsilon,
        hidden_act=names[config.activation],
        rope_theta=config.rope_theta,
        rope_scaling=_write_scaling(config.rope_scaling),
    )
    if model_type == "llama":
        entries.update(attention_bias=config.bias == "all", mlp_bias=config.bias == "all")
    return entries


def _write_scaling(scaling: RopeScaling | None) -> dict[str, Any] | None:
    if scaling is None:
        return None
    return dict(
        rope_type="llama3",
        factor=scaling.factor,
        low_freq_factor=scaling.low_frequency_factor,
        high_freq_factor=scaling.high_frequency_factor,
        original_max_position_embeddings=scaling.original_max_length,
    )
