"""A float64 NumPy forward pass of the Transformer, one token and one head at a time, written from the formulas."""

import math

import numpy as np


def silu(x):
    return x / (1 + np.exp(-x))


def gelu(x):
    return np.vectorize(lambda value: 0.5 * value * (1 + math.erf(value / math.sqrt(2))))(x)


def gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


ACTIVATIONS = {
    "silu": silu,
    "gelu": gelu,
    "gelu_tanh": gelu_tanh,
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
    "identity": lambda x: x,
}


def norm(config, params, x):
    if config.norm == "layer_norm":
        x = x - x.mean(-1, keepdims=True)
    y = x / np.sqrt((x**2).mean(-1, keepdims=True) + config.norm_epsilon) * params["scale"]
    return y + params.get("bias", 0.0)


def rotate(config, head, position):
    """Turns the plane (i, i + H / 2) by position * theta^(-2 i / H), as a complex product."""
    half = len(head) // 2
    angles = position * config.rope_theta ** (-2 * np.arange(half) / len(head))
    turned = (head[:half] + 1j * head[half:]) * np.exp(1j * angles)
    return np.concatenate([turned.real, turned.imag])


def attention(config, params, x, mask, positions):
    """x [T, D] of one row; the rows of `mask` that are False are never seen."""
    length, heads = len(x), config.num_heads
    shared = heads // (config.num_key_value_heads or heads)
    query, key, value = (
        np.einsum("td,dnh->tnh", x, params[name]["kernel"]) + params[name].get("bias", 0.0)
        for name in ("query", "key", "value")
    )
    if config.query_key_norm:
        query, key = norm(config, params["query_norm"], query), norm(config, params["key_norm"], key)
    if config.positions == "rotary":
        query, key = (
            np.array([[rotate(config, head, positions[t]) for head in array[t]] for t in range(length)])
            for array in (query, key)
        )
    out = np.zeros((length, config.hidden_size))
    for t in range(length):
        seen = [s for s in range(t + 1) if mask[s]]
        for n in range(heads):
            scores = np.array([query[t, n] @ key[s, n // shared] for s in seen]) / math.sqrt(query.shape[-1])
            weights = np.exp(scores - scores.max(initial=-np.inf))
            mixed = sum((w * value[s, n // shared] for w, s in zip(weights / weights.sum(), seen, strict=True)), 0.0)
            out[t] += mixed @ params["output"]["kernel"][n] if seen else 0.0
    return out + params["output"].get("bias", 0.0)


def feed_forward(config, params, x):
    def dense(name, x):
        return x @ params[name]["kernel"] + params[name].get("bias", 0.0)

    activation = ACTIVATIONS[config.activation]
    up = dense("up", x)
    return dense("down", activation(dense("gate", x)) * up if config.mlp == "gated" else activation(up))


def logits(config, params, tokens, mask=None):
    """Logits [B, T, V]; entries where `mask` is False mean nothing."""
    mask = np.ones(tokens.shape, bool) if mask is None else mask
    rows = []
    for row, real in zip(tokens, mask, strict=True):
        positions = np.maximum(np.cumsum(real) - 1, 0)
        x = params["embedding"][row]
        if config.positions == "learned":
            x = x + params["position_embedding"][positions]
        for index in range(config.num_layers):
            block = params[f"blocks_{index}"]
            x = x + attention(config, block["attention"], norm(config, block["attention_norm"], x), real, positions)
            x = x + feed_forward(config, block["mlp"], norm(config, block["mlp_norm"], x))
        kernel = params["embedding"].T if config.tied_head else params["head_kernel"]
        rows.append(norm(config, params["final_norm"], x) @ kernel)
    return np.array(rows)
