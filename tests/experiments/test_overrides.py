"""Overrides of a config from the command line."""

import pytest
from ml_collections import ConfigDict, FieldReference

from algax.experiments import configs, overrides


@pytest.fixture
def config():
    steps = FieldReference(40)
    optimizer = [{"name": "optax.sgd", "learning_rate": {"rate": 0.1, "steps": steps}}]
    values = {"steps": steps, "seeds": 4, "text": "a", "on": True, "widths": [1, 2]}
    return ConfigDict({**values, "arms": {"a": {"optimizer": optimizer}}})


@pytest.mark.parametrize(
    ("path", "text", "read", "value"),
    [
        ("seeds", "8", lambda c: c["seeds"], 8),
        ("text", "12", lambda c: c["text"], "12"),
        ("on", "false", lambda c: c["on"], False),
        ("widths", "[3,4,5]", lambda c: c["widths"], [3, 4, 5]),
        ("widths.1", "7", lambda c: c["widths"], [1, 7]),
        (
            "arms.a.optimizer.0.learning_rate.rate",
            "2",
            lambda c: c["arms"]["a"]["optimizer"][0]["learning_rate"]["rate"],
            2.0,
        ),
        ("steps", "20", lambda c: c["arms"]["a"]["optimizer"][0]["learning_rate"]["steps"], 20),
        ("arms.a.optimizer.0.learning_rate.steps", "20", lambda c: c["steps"], 20),
    ],
)
def test_override(config, path, text, read, value):
    overrides.override(config, path, text)
    found = read(configs.plain(config))
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("seed", "8", "no entry 'seed' in config.: did you mean 'seeds'"),
        ("arms.a.optimzer.0", "8", "no entry 'optimzer' in config.arms.a: did you mean 'optimizer'"),
        ("arms.a.optimizer.1.name", "8", "allowed are 0 to 0"),
        ("seeds.x", "8", "config.seeds is a int and has no entry 'x'"),
        ("seeds", "8.5", "config.seeds is an integer .now 4.; got '8.5'"),
        ("seeds", "true", "config.seeds is an integer"),
        ("on", "1", "config.on is true or false"),
        ("widths", "3", "config.widths is a list"),
        ("arms", "3", "config.arms is a group with the entries a"),
    ],
)
def test_wrong_overrides(config, path, text, message):
    with pytest.raises(ValueError, match=message):
        overrides.override(config, path, text)


@pytest.mark.parametrize("argument", ["--seeds=3", "--config.seeds", "extra"])
def test_wrong_arguments(argument):
    with pytest.raises(ValueError, match="an override has the form"):
        overrides.parse([argument])
