"""Plans against sizes computed by hand, and against the arrays of real runs."""

import re

import jax
import jax.numpy as jnp
import pytest

from algax import models
from algax.experiments import configs, overrides, plan, run, trainer

from .test_pretrained import CONFIG, drawn_params, save_tokenizer

SEVEN_BILLION = [
    "--config.seeds=1",
    "--config.model.config.vocabulary_size=32000",
    "--config.model.config.hidden_size=4096",
    "--config.model.config.num_layers=32",
    "--config.model.config.num_heads=32",
    "--config.model.config.mlp_size=11008",
    "--config.model.config.mlp=gated",
    "--config.model.config.positions=rotary",
]
GIBIBYTE = 2**30


def config_of(experiment, *changes):
    config = configs.load(experiment)
    for path, text in overrides.parse(changes):
        overrides.override(config, path, text)
    return configs.plain(config)


def planned(experiment, chosen="data=1", *changes):
    config = config_of(experiment, *changes)
    layout = plan.abstract_layout({**config["devices"], **plan.parse_devices(chosen)})
    return plan.amounts(config, layout)


def test_seven_billion_parameters_without_allocating_them(capsys):
    """Llama 7B has 6 738 415 616 parameters; model=2 splits all but the norm scales, 65 x 4096 of them."""
    before = sum(array.nbytes for array in jax.live_arrays())
    assert run.main(["plan", "policy/grpo", "--devices=data=4,model=2", *SEVEN_BILLION]) == 0
    assert sum(array.nbytes for array in jax.live_arrays()) - before < 10_000_000
    rows = re.findall(r"^(\w[\w ]*?)  +([\d.]+) (\w+) +([\d.]+) (\w+)$", capsys.readouterr().out, re.MULTILINE)
    found = {name: (float(total), unit, float(device), own) for name, total, unit, device, own in rows}
    count, whole = 6_738_415_616, 65 * 4096
    total, device = 4 * count / GIBIBYTE, 4 * (whole + (count - whole) / 2) / GIBIBYTE
    for name, copies in (("parameters", 1), ("gradient", 1), ("frozen", 1), ("optimiser state", 2)):
        assert found[name] == pytest.approx((copies * total, "GiB", copies * device, "GiB"), abs=0.006), name


@pytest.mark.parametrize("chosen", ["data=4,model=2", "data=4,model=2,fully_sharded=true"])
def test_a_plan_is_what_a_run_holds(chosen):
    """The state of a real run on virtual devices, summed over its shards on the first device."""
    config = config_of("policy/grpo", "--config.seeds=2", "--config.task.warm_steps=0")
    config["devices"] = {**config["devices"], **plan.parse_devices(chosen)}
    state = trainer.prepare(config).init(trainer.seed_numbers(2))
    found = plan.amounts(config, plan.abstract_layout(config["devices"]))["grpo"]
    arm = state["arms"]["grpo"]
    for name, arrays in (("parameters", arm["params"]), ("optimiser state", arm["optimizer"]), ("frozen", state["context"])):
        leaves = [leaf for leaf in jax.tree.leaves(arrays)]
        held = sum(leaf.addressable_data(0).nbytes for leaf in leaves)
        assert found[name] == (sum(leaf.nbytes for leaf in leaves), held), name


def test_batch_and_activations_are_split_over_data_and_multiplied_by_seeds():
    one, four = planned("schedules/rex", "data=1", "--config.seeds=3"), planned("schedules/rex", "data=4", "--config.seeds=3")
    for name in ("batch", "activations"):
        assert one["rex"][name].total == one["rex"][name].device == four["rex"][name].total
        assert four["rex"][name].device == pytest.approx(one["rex"][name].total / 4, rel=0.01)
    single = planned("schedules/rex", "data=1", "--config.seeds=1")
    assert one["rex"]["activations"].total == 3 * single["rex"]["activations"].total
    # 64 images of 64 pixels in float32, their labels in int32, and their mask in bool.
    assert single["rex"]["batch"].total == 64 * (64 * 4 + 4 + 1)


def test_residuals_by_hand():
    """Of `y = sin(x w)`, `sum(y^2)`, the backward pass keeps cos(x w) for the sine, and y for the square; x and w are given."""
    params, terms = jnp.ones((5, 7)), jnp.ones((3, 5))
    losses = {"square": lambda y: jnp.sum(y * y), "sum": jnp.sum, "transposed": lambda y: jnp.sum(y @ params.T)}
    found = plan.residuals(lambda w, x: jnp.sin(x @ w), losses, params, terms)
    shapes = {name: sorted(array.shape for array in arrays) for name, arrays in found.items()}
    assert shapes == {"square": [(3, 7), (3, 7)], "sum": [(3, 7)], "transposed": [(3, 7)]}


def test_the_run_is_all_states_and_the_largest_step():
    small = {
        name: plan.Amount(1, 1) for name in ("parameters", "optimiser state", "frozen", "gradient", "batch", "activations")
    }
    large = {**small, "activations": plan.Amount(5, 5)}
    assert plan.whole_run({"a": small, "b": large}) == plan.Amount(2 + 2 + 1 + 7, 2 + 2 + 1 + 7)


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.50 KiB"), (2**30, "1.00 GiB"), (2**60, "1048576.00 TiB")]
)
def test_units(count, text):
    assert plan.amount(count) == text


def test_axes_that_do_not_divide_are_named(capsys):
    assert run.main(["plan", "policy/grpo", "--devices=data=2,model=8"]) == 0
    output = capsys.readouterr().out
    assert "not split: heads of size 4 does not divide over model=8" in output
    assert "not split: vocabulary of size 15 does not divide over model=8" in output
    assert "not split: mlp" not in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["policy/grpo", "--devices=data=3"], "the data axis of 3 devices must divide the rows of a batch; got 256"),
        (["policy/grpo", "--devices=tensor=2"], "--devices has no axis 'tensor'"),
        (["policy/grpo", "--devices=date=2"], "did you mean 'data'?"),
        (["policy/grpo", "--devices=data=two"], "data is a number of devices, at least 1; got 'two'"),
        (["policy/grpo", "--devices=data=2,fully_sharded=2"], "fully_sharded is true or false; got '2'"),
        (["policy/grpo", "--config.devices.data=0"], "a plan needs the number of devices"),
        (["policy/grop"], "unknown experiment 'policy/grop'"),
        (["policy/grpo", "--config.seeds=0"], "config.seeds must be at least 1"),
    ],
)
def test_errors(capsys, arguments, message):
    assert run.main(["plan", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_loaded_model_is_planned_without_its_weights(tmp_path):
    """The file with the weights is gone; what remains says all that a plan needs."""
    params = drawn_params(CONFIG)
    models.save_pretrained(tmp_path, CONFIG, params)
    save_tokenizer(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    found = planned("policy/grpo", "data=2", "--config.model=hf", f"--config.checkpoint={tmp_path}", "--config.seeds=1")
    assert found["grpo"]["parameters"].total == 4 * sum(leaf.size for leaf in jax.tree.leaves(params))
