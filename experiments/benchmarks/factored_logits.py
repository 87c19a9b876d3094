"""`FactoredLogits` against dense logits through `log_softmax`: memory, time, and the slope of memory per token."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

import algax
from algax import preference
from algax.experiments.benchmarks.measure import Row, compile_all, fastest, mebibytes, milliseconds, require_equal, temp_bytes

CHUNKS = {4: (">= 8", ">= 1"), 16: (">= 15", ">= 1")}  # number of chunks -> targets for memory and time


def clipped_loss(log_probs, old_log_probs, advantages):
    """A clipped policy loss of log-probs, the usual reason to want them."""
    ratios = jnp.exp(log_probs - old_log_probs)
    return -jnp.mean(jnp.minimum(ratios * advantages, jnp.clip(ratios, 0.8, 1.2) * advantages))


def functions(tokens_per_chunk: int) -> dict[str, Callable]:
    """Loss and gradient in both ways."""

    def factored(hidden, kernel, tokens, old_log_probs, advantages):
        log_probs = algax.FactoredLogits(hidden, kernel, chunk_size=tokens_per_chunk).log_probs(tokens)
        return clipped_loss(log_probs, old_log_probs, advantages)

    def dense(hidden, kernel, tokens, old_log_probs, advantages):
        log_probs = jnp.take_along_axis(jax.nn.log_softmax(hidden @ kernel), tokens[:, None], axis=1)[:, 0]
        return clipped_loss(log_probs, old_log_probs, advantages)

    return {name: jax.value_and_grad(fn, argnums=(0, 1)) for name, fn in (("factored", factored), ("dense", dense))}


def arguments(positions: int, hidden_size: int, vocabulary_size: int):
    """Hidden states, head, tokens, old log-probs and advantages."""
    rng = np.random.default_rng(0)
    hidden = jnp.asarray(rng.normal(size=(positions, hidden_size)), jnp.float32)
    kernel = jnp.asarray(rng.normal(size=(hidden_size, vocabulary_size)) / np.sqrt(hidden_size), jnp.float32)
    tokens = jnp.asarray(rng.integers(0, vocabulary_size, positions))
    normal = (jnp.asarray(rng.normal(size=positions), jnp.float32) for _ in range(2))
    return hidden, kernel, tokens, *(x - 10.0 * i for i, x in zip((1, 0), normal, strict=True))


def rows(sizes=((2048, 256, 32000), (4096, 512, 32000)), rounds: int = 5) -> list[Row]:
    """Memory and time at each size and number of chunks, and memory per additional token."""
    table = []
    for size in sizes:
        inputs = arguments(*size)
        programs = compile_all({"dense": functions(1)["dense"]}, inputs)
        for chunks in CHUNKS:
            programs |= compile_all({chunks: functions(max(size[0] // chunks, 1))["factored"]}, inputs)
            require_equal(programs[chunks](*inputs), programs["dense"](*inputs))
        seconds = fastest(programs, inputs, rounds)
        memory = {name: temp_bytes(program) for name, program in programs.items()}
        shape = " x ".join(map(str, size))
        for chunks, (memory_target, time_target) in CHUNKS.items():
            name = f"FactoredLogits, {chunks} chunks / dense log_softmax"
            table += [
                Row(name, shape, "temp memory", mebibytes(memory[chunks]), mebibytes(memory["dense"]),
                    memory["dense"] / memory[chunks], memory_target),
                Row(name, shape, "time", milliseconds(seconds[chunks]), milliseconds(seconds["dense"]),
                    seconds["dense"] / seconds[chunks], time_target),
            ]  # fmt: skip
    pairs = (slope(*sizes[0], make, what) for make, what in ((functions, ""), (pair_functions, "DPO of pairs, ")))
    return [*table, *pairs]


def pair_functions(tokens_per_chunk: int) -> dict[str, Callable]:
    """DPO from hidden states and its gradient in both ways; the first half of the tokens are those of a chosen response."""

    def loss(distribution, tokens, ref_log_probs):
        halves = [preference.Sequences(None, half[None], jnp.ones((1, half.size), bool)) for half in jnp.split(tokens, 2)]
        terms = preference.Terms(
            inputs=dict(zip(("chosen", "rejected"), halves, strict=True)),
            ref_chosen_log_probs=ref_log_probs[:1],
            ref_rejected_log_probs=ref_log_probs[1:2],
        )
        outputs = iter(distribution)
        return preference.dpo()(preference.forward(lambda params, inputs: next(outputs))(None, terms))

    def factored(hidden, kernel, tokens, ref_log_probs, _):
        halves = (algax.FactoredLogits(half[None], kernel, chunk_size=tokens_per_chunk) for half in jnp.split(hidden, 2))
        return loss(halves, tokens, ref_log_probs)

    def dense(hidden, kernel, tokens, ref_log_probs, _):
        return loss((algax.Logits((half @ kernel)[None]) for half in jnp.split(hidden, 2)), tokens, ref_log_probs)

    return {name: jax.value_and_grad(fn, argnums=(0, 1)) for name, fn in (("factored", factored), ("dense", dense))}


def slope(positions: int, hidden_size: int, vocabulary_size: int, make: Callable, what: str) -> Row:
    """Temp bytes per additional token at a fixed chunk size."""
    memory = {}
    for count in (positions, 2 * positions):
        shapes = jax.eval_shape(lambda count=count: arguments(count, hidden_size, vocabulary_size))
        compiled = compile_all(make(max(positions // max(CHUNKS), 1)), shapes)
        memory[count] = {name: temp_bytes(program) for name, program in compiled.items()}
    ours, other = ((memory[2 * positions][name] - memory[positions][name]) / positions for name in ("factored", "dense"))
    size = f"{positions} to {2 * positions} x {hidden_size} x {vocabulary_size}"
    name, ratio = f"{what}FactoredLogits / dense log_softmax", other / max(ours, 1.0)
    return Row(name, size, "temp memory a token", f"{ours:.0f} B", f"{other:.0f} B", ratio, "")
