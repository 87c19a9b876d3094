"""The page of all schedules."""

import matplotlib.image
import numpy as np
import pytest

from algax import schedules
from algax.experiments import run, schedule_page

from ..contracts.examples import examples_module
from ..contracts.kinds import ScheduleExample


def test_every_schedule_of_the_room_has_a_panel():
    examples = examples_module("schedules").EXAMPLES
    assert set(schedule_page.PANELS) == {name for name, example in examples.items() if isinstance(example, ScheduleExample)}


def test_curves_are_those_of_the_schedules():
    for name in schedule_page.PANELS:
        for label, values in schedule_page.curves(name).items():
            assert values.shape == (1001,) and np.all(np.isfinite(values)) and np.ptp(values) > 0, (name, label)
    drawn = schedule_page.curves("rex")["sharpness 0.5"]
    np.testing.assert_allclose(drawn[[0, 500, 1000]], [1.0, 2 / 3, 0.0], atol=1e-6)
    np.testing.assert_allclose(drawn[250], schedules.rex(1.0, 1000)(250), rtol=1e-6)


def test_the_page_is_written_in_one_piece(tmp_path, capsys, monkeypatch):
    path = tmp_path / "folder" / "page.png"
    assert run.main(["plot", "schedules", f"--output={path}"]) == 0
    assert str(path) in capsys.readouterr().out
    assert [file.name for file in path.parent.iterdir()] == ["page.png"]
    height, width, _ = matplotlib.image.imread(path).shape
    assert width > 1000 and height > 800
    before = path.read_bytes()

    def fail(name):
        raise ValueError("no curve")

    monkeypatch.setattr(schedule_page, "curves", fail)
    assert run.main(["plot", "schedules", f"--output={path}"]) == 2
    assert path.read_bytes() == before and len(list(path.parent.iterdir())) == 1


def test_other_rooms_are_refused(capsys):
    with pytest.raises(SystemExit):
        run.main(["plot", "policies"])
    assert "schedules" in capsys.readouterr().err
