"""Host-side batches: complete, split by process, and resumable."""

import numpy as np
import pytest

from algax.experiments import data, devices

ARRAYS = {"x": np.arange(10), "y": np.arange(10.0) ** 2}


def test_an_epoch_visits_every_row_once_in_another_order_each_time():
    batches = data.Batches(ARRAYS, 5, seed=3)
    epochs = [np.concatenate([next(batches)["x"] for _ in range(2)]) for _ in range(3)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    batch = next(batches)
    np.testing.assert_array_equal(batch["y"], batch["x"] ** 2)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_processes_hold_the_parts_of_the_same_batches(count):
    whole = data.Batches(ARRAYS, 4, process=(0, 1))
    parts = [data.Batches(ARRAYS, 4, process=(index, count)) for index in range(count)]
    for _ in range(5):  # 10 rows give two batches of 4 an epoch; the rest is left out
        np.testing.assert_array_equal(next(whole)["x"], np.concatenate([next(part)["x"] for part in parts]))


def test_it_goes_on_where_it_was_saved_with_another_number_of_processes():
    first = data.Batches(ARRAYS, 4, seed=1)
    for _ in range(3):
        next(first)
    halves = [data.Batches(ARRAYS, 4, seed=1, process=(index, 2)) for index in range(2)]
    for half in halves:
        half.restore(first.state())
    for _ in range(4):
        np.testing.assert_array_equal(next(first)["x"], np.concatenate([next(half)["x"] for half in halves]))
    with pytest.raises(ValueError, match="saved with seed=1; this iterator has seed=2"):
        data.Batches(ARRAYS, 4, seed=2).restore(first.state())


@pytest.mark.parametrize(
    ("arrays", "size", "process", "message"),
    [
        ({"x": np.ones(3), "y": np.ones(4)}, 1, (0, 1), "same number of rows"),
        (ARRAYS, 5, (0, 2), "multiple of the 2 processes"),
        (ARRAYS, 11, (0, 1), "at most the 10 rows"),
        (ARRAYS, 0, (0, 1), "positive multiple"),
    ],
)
def test_wrong_arguments(arrays, size, process, message):
    with pytest.raises(ValueError, match=message):
        data.Batches(arrays, size, process=process)


def test_a_batch_on_a_mesh():
    mesh = devices.layout({"data": 4}).mesh
    batch = next(data.Batches(ARRAYS, 8))
    placed = data.to_mesh(batch, mesh)
    assert placed["x"].addressable_data(0).shape == (2,)
    np.testing.assert_array_equal(placed["y"], batch["y"])
