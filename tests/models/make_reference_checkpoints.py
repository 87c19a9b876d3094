"""Writes the tiny random checkpoints under tests/models/data and the logits that `transformers` computes from them.

No test runs this; the tests read its output. To regenerate, in an environment of its own:

    pip install torch==2.13.0 transformers==5.23.0 safetensors
    python tests/models/make_reference_checkpoints.py

Every parameter is random, biases and norm scales included, and epsilons are large, so that no part can be left out
unnoticed. `expected.npz` holds tokens `[3, 7]`, a left-padded mask and the logits, computed in float32 with positions that
count the real tokens, as `generate` does.
"""

import copy
import pathlib

import numpy as np
import torch
import transformers

DATA = pathlib.Path(__file__).parent / "data"
VOCABULARY = 40
SIZES = dict(
    vocab_size=VOCABULARY,
    hidden_size=16,
    intermediate_size=24,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=64,
    rms_norm_eps=1e-2,
    bos_token_id=1,
    eos_token_id=2,
)
LLAMA3_SCALING = dict(
    rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32
)


def rope(theta, **scaling):
    return dict(rope_theta=theta, **(scaling or dict(rope_type="default")))


def checkpoints():
    """Name, configuration, type of the stored tensors, largest shard."""
    yield "llama", transformers.LlamaConfig(**SIZES, rope_parameters=rope(50.0)), torch.float32, "6KB"
    options = dict(head_dim=8, tie_word_embeddings=True, attention_bias=True, mlp_bias=True)
    config = transformers.LlamaConfig(**SIZES, **options, rope_parameters=rope(100.0, **LLAMA3_SCALING))
    yield "llama3", config, torch.float32, "1GB"
    options = dict(tie_word_embeddings=True, hidden_act="gelu_pytorch_tanh")
    yield "qwen2", transformers.Qwen2Config(**SIZES, **options, rope_parameters=rope(80.0)), torch.float32, "1GB"
    yield "qwen3", transformers.Qwen3Config(**SIZES, head_dim=6, rope_parameters=rope(30.0)), torch.bfloat16, "1GB"
    sizes = dict(vocab_size=VOCABULARY, n_embd=16, n_layer=2, n_head=4, n_positions=20, layer_norm_epsilon=1e-2)
    yield "gpt2", transformers.GPT2Config(**sizes, bos_token_id=1, eos_token_id=2), torch.float32, "1GB"


def randomise(model, dtype, generator):
    """Draws float32 parameters that are numbers of `dtype` too: the model itself stays in float32, rotary buffers included."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            scale = name.endswith("weight") and ("norm" in name or ".ln_" in name)
            values = float(scale) + 0.3 * torch.randn(parameter.shape, generator=generator)
            parameter.copy_(values.to(dtype))


def main():
    for seed, (name, config, dtype, max_shard_size) in enumerate(checkpoints()):
        model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager", dtype=torch.float32)
        generator = torch.Generator().manual_seed(seed)
        randomise(model, dtype, generator)
        model.eval()
        copy.deepcopy(model).to(dtype).save_pretrained(DATA / name, max_shard_size=max_shard_size)
        tokens = torch.randint(3, VOCABULARY, (3, 7), generator=generator)
        mask = torch.arange(7)[None] >= torch.tensor([0, 2, 5])[:, None]
        positions = (mask.long().cumsum(-1) - 1).clamp(min=0)
        with torch.no_grad():
            logits = model(tokens, attention_mask=mask.long(), position_ids=positions).logits
        np.savez(
            DATA / name / "expected.npz",
            tokens=tokens.numpy().astype(np.int32),
            mask=mask.numpy(),
            logits=logits.numpy(),
        )


if __name__ == "__main__":
    main()
