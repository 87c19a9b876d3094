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


def attention(config, params, x, mask, positions, allowed=None, memory=None):
    """x [T, D] of one row; the rows of `mask` that are False are never seen.

    `allowed` [T, S] says what may be seen, None what is not later; with `memory` [S, D] keys and values are its own.
    """
    length, heads = len(x), config.num_heads
    shared = heads // (config.num_key_value_heads or heads)
    allowed = np.tril(np.ones((length, length), bool)) if allowed is None else allowed
    query, key, value = (
        np.einsum("td,dnh->tnh", states, params[name]["kernel"]) + params[name].get("bias", 0.0)
        for name, states in (("query", x), ("key", x if memory is None else memory), ("value", x if memory is None else memory))
    )
    if config.query_key_norm:
        query, key = norm(config, params["query_norm"], query), norm(config, params["key_norm"], key)
    if config.positions == "rotary" and memory is None:
        query, key = (
            np.array([[rotate(config, head, positions[t]) for head in array[t]] for t in range(length)])
            for array in (query, key)
        )
    out = np.zeros((length, config.hidden_size))
    for t in range(length):
        seen = [s for s in range(len(mask)) if mask[s] and allowed[t, s]]
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


def block(config, params, x, mask, positions, allowed=None, memory=None, memory_mask=None):
    x = x + attention(config, params["attention"], norm(config, params["attention_norm"], x), mask, positions, allowed)
    if memory is not None:
        everything = np.ones((len(x), len(memory)), bool)
        y = norm(config, params["cross_norm"], x)
        x = x + attention(config, params["cross_attention"], y, memory_mask, None, everything, memory)
    return x + feed_forward(config, params["mlp"], norm(config, params["mlp_norm"], x))


def embedded(config, params, row, real, table="position_embedding"):
    """States and positions of a row's tokens."""
    positions = np.maximum(np.cumsum(real) - 1, 0)
    x = params["embedding"][row]
    return (x + params[table][positions] if config.positions == "learned" else x), positions


def head(config, params, x):
    return norm(config, params["final_norm"], x) @ (params["embedding"].T if config.tied_head else params["head_kernel"])


def logits(config, params, tokens, mask=None, allowed=None):
    """Logits [B, T, V]; entries where `mask` is False mean nothing. `allowed` [B, T, T] replaces causality."""
    mask = np.ones(tokens.shape, bool) if mask is None else mask
    rows = []
    for index, (row, real) in enumerate(zip(tokens, mask, strict=True)):
        x, positions = embedded(config, params, row, real)
        for layer in range(config.num_layers):
            seen = None if allowed is None else allowed[index]
            x = block(config, params[f"blocks_{layer}"], x, real, positions, seen)
        rows.append(head(config, params, x))
    return np.array(rows)


def encoder_decoder_logits(config, params, source, targets, source_mask, target_mask):
    """Logits [B, T, V] of an encoder-decoder."""
    rows = []
    for read, written, real, wanted in zip(source, targets, source_mask, target_mask, strict=True):
        memory, positions = embedded(config, params, read, real, "source_position_embedding")
        for layer in range(config.num_layers):
            everything = np.ones((len(read), len(read)), bool)
            memory = block(config, params[f"encoder_blocks_{layer}"], memory, real, positions, everything)
        memory = norm(config, params["encoder_norm"], memory)
        x, positions = embedded(config, params, written, wanted, "target_position_embedding")
        for layer in range(config.num_layers):
            x = block(config, params[f"decoder_blocks_{layer}"], x, wanted, positions, None, memory, real)
        rows.append(head(config, params, x))
    return np.array(rows)
