"""`--config.model=hf`: a tiny random checkpoint with a tokenizer of its own, from the command line to its samples."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tokenizers

from algax import decode, models
from algax.experiments import configs, files, overrides, resolve, run, trainer
from algax.experiments.configs import policy
from algax.experiments.configs.policy import arithmetic
from algax.experiments.tasks import checker
from algax.experiments.tasks.characters import character_model, character_tokens
from algax.experiments.tasks.pretrained import pretrained

CHARACTERS = checker.VOCABULARY
CONFIG = models.TransformerConfig(vocabulary_size=40, hidden_size=8, num_layers=1, num_heads=2, max_length=12)
SMALL = [
    "--config.model=hf",
    "--config.task.warm_steps=0",
    "--config.task.prompts_per_batch=16",
    "--config.task.samples_per_prompt=2",
    "--config.steps=2",
    "--config.evaluate_every=1",
    "--config.seeds=2",
]


def save_tokenizer(directory, characters=CHARACTERS, unknown=None, first="<s>"):
    """A BPE whose characters are in an order of their own, which joins `1` and `2`, and which begins texts with `first`."""
    vocabulary = {token: index for index, token in enumerate(["<s>", "x", *reversed(characters), "12"])}
    if unknown is not None:
        vocabulary[unknown] = len(vocabulary)
    merges = [("1", "2")] if {"1", "2"} <= set(characters) else []
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, merges, unk_token=unknown))
    tokenizer.add_special_tokens(["<s>"])
    if first:
        tokenizer.post_processor = tokenizers.processors.TemplateProcessing(single=f"{first} $A", special_tokens=[(first, 0)])
    tokenizer.save(str(directory / "tokenizer.json"))


def drawn_params(config):
    """Large weights, so that the model's distribution is far from uniform."""
    shapes = jax.eval_shape(models.Transformer(config).init, jax.random.key(0), jax.ShapeDtypeStruct((1, 1), jnp.int32))
    generator = np.random.default_rng(0)
    return jax.tree.map(lambda leaf: jnp.asarray(generator.normal(size=leaf.shape), jnp.float32), shapes)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A tiny Llama checkpoint."""
    directory = tmp_path_factory.mktemp("checkpoint")
    models.save_pretrained(directory, CONFIG, drawn_params(CONFIG))
    save_tokenizer(directory)
    return directory


def config_of(checkpoint, *more):
    config = configs.load("policy/grpo")
    for path, text in overrides.parse([*SMALL, f"--config.checkpoint={checkpoint}", *more]):
        overrides.override(config, path, text)
    return configs.plain(config)


def one_arm():
    """The experiment without its baseline, which takes as long to compile."""
    config = arithmetic.grpo()
    del config.arms.reinforce
    config.expect = config.expect[:1]
    return config


def test_the_command_line_trains_a_loaded_model(checkpoint, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(policy.VARIANTS, "grpo", one_arm)
    arguments = ["run", "policy/grpo", f"--workdir={tmp_path}", *SMALL, f"--config.checkpoint={checkpoint}"]
    assert run.main(arguments) == 0, capsys.readouterr().err
    rows = files.read_rows(tmp_path / "metrics.jsonl")
    assert {row["step"] for row in rows} == {0, 1, 2} and all(np.isfinite(row["accuracy"]) for row in rows)
    assert "verdict: " in capsys.readouterr().out
    assert files.read_json(tmp_path / "config.json")["model"]["directory"] == str(checkpoint)


@pytest.mark.parametrize("devices", [[], ["--config.devices.data=2", "--config.devices.model=2"]])
def test_a_run_starts_from_the_loaded_parameters(checkpoint, devices):
    prepared = trainer.prepare(config_of(checkpoint, *devices))
    state = prepared.init(trainer.seed_numbers(2))
    _, expected = models.load_pretrained(checkpoint)
    for arm in state["arms"].values():
        jax.tree.map(lambda leaf, want: np.testing.assert_array_equal(leaf, np.stack([want] * 2)), arm["params"], expected)
    split = {leaf.sharding.num_devices for leaf in jax.tree.leaves(state["arms"]["grpo"]["params"])}
    assert split == ({4} if devices else {1})


def test_logits_are_those_of_the_characters_tokens(checkpoint):
    """The oracle writes the text with the tokenizer itself and takes the tokens' columns of all logits."""
    tokenizer = models.Tokenizer(checkpoint)
    config, params = models.load_pretrained(checkpoint)
    model = character_model(pretrained(checkpoint), CHARACTERS)
    text = "7+58=13."
    numbers = np.concatenate([model.prefix, checker.encode(text)])[None]
    tokens = tokenizer.encode(text, special=True)
    assert len(tokens) == numbers.shape[1] == len(text) + 1
    logits = np.asarray(jax.jit(models.Transformer(config).apply)(params, tokens[None]))
    columns = [int(tokenizer.encode(character)[0]) for character in CHARACTERS]
    np.testing.assert_allclose(jax.jit(model.apply)(params, numbers), logits[..., columns], rtol=1e-5, atol=1e-5)


@pytest.fixture(scope="module")
def drawn(checkpoint):
    """The task, and a function that starts it and draws its first batch, uncompiled."""
    config = config_of(checkpoint)
    task = resolve.resolve({**config["task"], "model": config["model"]})

    def draw():
        params, context = task.init(jax.random.key(0))
        terms = task.batch(params, context, 0, jax.random.key(1))
        return terms, task.forward(params, terms, None).log_probs

    return draw


def test_samples_are_texts_that_the_checker_reads(checkpoint, drawn):
    """Sampled log-probs are those of the forward pass, and rewards those of the plain checker on the decoded texts."""
    terms, log_probs = jax.device_get(jax.jit(drawn)())
    np.testing.assert_allclose(log_probs[terms.mask], terms.old_log_probs[terms.mask], rtol=1e-4, atol=1e-5)
    tokenizer = models.Tokenizer(checkpoint)
    before, tokens = character_tokens(tokenizer, CHARACTERS)
    length = terms.tokens.shape[1]
    for row, completion, reward in zip(terms.inputs["tokens"], terms.tokens, terms.rewards, strict=True):
        prompt, answer = (tokenizer.decode(tokens[part]).replace(" ", "") for part in (row[len(before) : -length], completion))
        assert checker.check_text(prompt, answer) == bool(reward)


def test_right_answers_of_a_loaded_model_are_rewarded(drawn, monkeypatch):
    """A sampler that always answers `8.` is right exactly on the sums that are 8."""

    def sample(decoder, params, prompts, *_, **__):
        answers = jnp.tile(checker.encode("8.."), (len(prompts), 1))
        return decode.Samples(answers, answers < 16, jnp.zeros(answers.shape), jnp.full(len(prompts), 2))

    monkeypatch.setattr(decode, "sample", sample)
    terms = jax.device_get(jax.jit(lambda: drawn()[0])())
    prompts = [checker.decode(row[1:5]) for row in terms.inputs["tokens"]]
    expected = [float(int(prompt[0]) + int(prompt[2]) == 8) for prompt in prompts]
    np.testing.assert_array_equal(terms.rewards, expected)
    assert 0 < sum(expected) < len(expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"characters": CHARACTERS.replace("*", "")}, r"'\*' is \[\]"),
        ({"characters": CHARACTERS.replace("*", ""), "unknown": "<unk>"}, r"'\*' is \[17\]"),
    ],
)
def test_characters_without_a_token_of_their_own_are_refused(tmp_path, options, message):
    save_tokenizer(tmp_path, **options)
    with pytest.raises(ValueError, match=f"one token of its own for each of .*; {message}"):
        character_tokens(models.Tokenizer(tmp_path), CHARACTERS)


def test_a_character_of_two_tokens_is_refused(tmp_path):
    """A byte-level tokenizer writes a character outside its merges as several bytes."""
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE({token: i for i, token in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    prefix, tokens = character_tokens(models.Tokenizer(tmp_path), CHARACTERS)
    assert len(prefix) == 0 and models.Tokenizer(tmp_path).decode(tokens) == CHARACTERS
    with pytest.raises(ValueError, match=r"'×' is \[\d+, \d+\]"):
        character_tokens(models.Tokenizer(tmp_path), CHARACTERS + "×")


def test_tokens_beyond_the_model_are_refused(tmp_path):
    config = models.TransformerConfig(vocabulary_size=16, hidden_size=8, num_layers=1, num_heads=2, max_length=12)
    models.save_pretrained(tmp_path, config, drawn_params(config))
    save_tokenizer(tmp_path)
    with pytest.raises(ValueError, match="token 16 is beyond the model's 16 tokens"):
        character_model(pretrained(tmp_path), CHARACTERS)


@pytest.mark.parametrize(
    ("experiment", "arguments", "message"),
    [
        ("policy/grpo", ["--config.model=hf"], "needs the directory of its checkpoint: --config.checkpoint=DIR"),
        ("policy/grpo", ["--config.model=hf", "--config.checkpoint=nowhere"], "nowhere"),
        ("policy/grpo", ["--config.checkpoint=nowhere"], "config.checkpoint=nowhere needs config.model=hf"),
        ("policy/grpo", ["--config.model=gpt"], "set one of them, or the word 'hf'; got 'gpt'"),
        ("schedules/rex", ["--config.model=hf", "--config.checkpoint=nowhere"], "tasks.digits takes no loaded model"),
        ("policy/grpo", ["--config.task.warm_steps=-1"], "warm_steps must be at least 0; got -1"),
    ],
)
def test_errors_name_what_is_wrong(tmp_path, capsys, experiment, arguments, message):
    assert run.main(["run", experiment, f"--workdir={tmp_path / 'run'}", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run" / "metrics.jsonl").exists()
