"""Values and gradients equal the reference vectors: `pytest tests/golden [--golden=DIR]`."""

import json
import pathlib
import re

import jax
import numpy as np
import pytest

from .adapters import ADAPTERS

OWN = pathlib.Path(__file__).parent
DEFAULT_TOLERANCE = 1e-5
# Tighter than float32 can be: such a record is compared in float64.
NEEDS_FLOAT64 = 1e-6


def pytest_generate_tests(metafunc):
    if "record" in metafunc.fixturenames:
        folder = pathlib.Path(metafunc.config.getoption("--golden") or OWN)
        records = sorted(folder.glob("*.json"))
        metafunc.parametrize("record", records, ids=[record.stem for record in records])


def tolerance_of(description):
    """(tolerance, absolute?) as the record states it, in a number or in words."""
    stated = description.get("tolerance", DEFAULT_TOLERANCE)
    number = float(re.search(r"\d+(\.\d+)?(e-?\d+)?", str(stated)).group())
    return number, "absolute" in str(stated)


def mismatch(actual, expected, tolerance, absolute):
    """What is wrong with an output, or None; the tolerance is relative to the largest magnitude of the array."""
    mask = np.ma.getmaskarray(actual)
    actual, expected = np.ma.getdata(actual), np.asarray(expected)
    if actual.shape != expected.shape:
        return f"shape {actual.shape}, expected {expected.shape}"
    if not np.issubdtype(expected.dtype, np.number) or np.issubdtype(expected.dtype, np.integer):
        return None if np.array_equal(actual[~mask], expected[~mask]) else f"{actual}, expected {expected}"
    actual, expected = actual.astype(np.float64)[~mask], expected.astype(np.float64)[~mask]
    scale = 1.0 if absolute else np.max(np.abs(expected[np.isfinite(expected)]), initial=np.finfo(np.float32).tiny)
    same = (np.abs(actual - expected) <= tolerance * scale) | (actual == expected) | (np.isnan(actual) & np.isnan(expected))
    error = np.max(np.abs(actual - expected), initial=0.0) / scale
    return None if np.all(same) else f"{actual}\nexpected {expected}\nlargest error, relative to the scale: {error}"


def test_golden(record):
    description = json.loads(record.read_text())
    if description["id"] not in ADAPTERS:
        pytest.skip(f"no adapter for {description['id']}")
    with np.load(record.with_suffix(".npz")) as arrays:
        values = {name: arrays[name] for name in arrays.files}
    inputs = {name: value for name, value in values.items() if name not in description["outputs"]}
    tolerance, absolute = tolerance_of(description)
    # Some records do not say otherwise over how many steps they go.
    shapes = {"output_shapes": {name: values[name].shape for name in description["outputs"]}}
    with jax.enable_x64(tolerance < NEEDS_FLOAT64):
        outputs = ADAPTERS[description["id"]](inputs, description["hyperparameters"] | shapes)
        outputs = {name: value if np.ma.isMA(value) else np.asarray(value) for name, value in outputs.items()}
    missing = sorted(set(description["outputs"]) - set(outputs))
    assert not missing, f"the adapter leaves out {missing}"
    for name in description["outputs"]:
        problem = mismatch(outputs[name], values[name], tolerance, absolute)
        assert problem is None, f"{name}: {problem}"


@pytest.mark.parametrize("record_id", sorted(ADAPTERS))
def test_every_adapter_has_its_record(record_id):
    assert (OWN / f"{record_id}.json").exists() and (OWN / f"{record_id}.npz").exists()


def test_a_wrong_value_fails():
    expected = np.array([1.0, 2.0])
    assert mismatch(expected, expected, 1e-5, False) is None
    assert mismatch(expected * (1 + 1e-4), expected, 1e-5, False) is not None
    assert mismatch(np.array([1.0, np.nan]), expected, 1e-5, False) is not None
    assert mismatch(expected[:1], expected, 1e-5, False) is not None
