"""Examples of the room `schedules`."""

import optax

from algax import schedules

from ..kinds import Helper, ScheduleExample

EXAMPLES = {
    "anneal_from": ScheduleExample(
        {"start": 4, "constant": 0.5, "end": 0.1, "steps": 8},
        first=0.5,
        last=0.1,
        last_step=12,
        monotone="decreasing",
        bad=(
            {"start": -1, "constant": 0.5, "end": 0.1, "steps": 8},
            {"start": 4, "constant": 0.0, "end": 0.1, "steps": 8},
            {"start": 4, "constant": 0.5, "end": 0.0, "steps": 8},
            {"start": 4, "constant": 0.5, "end": 0.1, "steps": 0},
        ),
    ),
    "decay": ScheduleExample(
        {"start": 1.0, "end": 0.1, "steps": 20, "shape": "inverse"},
        first=1.0,
        last=0.1,
        last_step=20,
        monotone="decreasing",
        bad=(
            {"start": 1.0, "end": 0.0, "steps": 20, "shape": "inverse"},
            {"start": -1.0, "end": 0.1, "steps": 20},
            {"start": 1.0, "end": 0.1, "steps": 0},
            {"start": 1.0, "end": 0.1, "steps": 20, "shape": "quadratic"},
            {"start": 1.0, "end": 0.1, "steps": 20, "alpha": 0.0},
        ),
    ),
    "infinite": ScheduleExample(
        {"peak": 1.0, "constant": 0.5, "end": 0.1, "warmup": 4, "cooldown": 8, "plateau": 6, "anneal": 5},
        first=0.0,
        last=0.1,
        last_step=23,
        bad=(
            {"peak": 0.0, "constant": 0.5, "end": 0.1, "warmup": 4, "cooldown": 8},
            {"peak": 1.0, "constant": -0.5, "end": 0.1, "warmup": 4, "cooldown": 8},
            {"peak": 1.0, "constant": 0.5, "end": 0.0, "warmup": 4, "cooldown": 8},
            {"peak": 1.0, "constant": 0.5, "end": 0.1, "warmup": -1, "cooldown": 8},
            {"peak": 1.0, "constant": 0.5, "end": 0.1, "warmup": 4, "cooldown": -8},
            {"peak": 1.0, "constant": 0.5, "end": 0.1, "warmup": 4, "cooldown": 8, "anneal": 5},
            {"peak": 1.0, "constant": 0.5, "end": 0.1, "warmup": 4, "cooldown": 8, "plateau": -1},
            {"peak": 1.0, "constant": 0.5, "end": 0.1, "warmup": 4, "cooldown": 8, "cooldown_shape": "steps"},
        ),
    ),
    "phases": ScheduleExample(
        {"pieces": [(3, 0.5), (0, 7.0), (4, optax.linear_schedule(1.0, 2.0, 10))]},
        first=0.5,
        last=1.4,
        last_step=7,
        monotone="increasing",
        bad=({"pieces": []}, {"pieces": [(None, 1.0), (2, 1.0)]}, {"pieces": [(-1, 1.0)]}),
    ),
    "power": ScheduleExample(
        {"batch_size": 4, "sequence_length": 8, "peak": 10.0, "scale": 2.0, "exponent": -1e-9, "warmup": 5},
        first=0.0,
        last=8.0,
        last_step=5,
        monotone="increasing",
        bad=(
            {"batch_size": 0, "sequence_length": 8},
            {"batch_size": 4, "sequence_length": 0},
            {"batch_size": 4, "sequence_length": 8, "peak": 0.0},
            {"batch_size": 4, "sequence_length": 8, "scale": 0.0},
            {"batch_size": 4, "sequence_length": 8, "exponent": 0.0},
            {"batch_size": 4, "sequence_length": 8, "warmup": -1},
        ),
    ),
    "refine": Helper("schedules/test_refined.py"),
    "rewarmed": ScheduleExample(
        {"peak": 1.0, "end": 0.1, "lengths": (20, 10), "warmup_fraction": 0.1},
        first=0.0,
        last=0.1,
        last_step=30,
        bad=(
            {"peak": 0.0, "end": 0.1, "lengths": (20, 10)},
            {"peak": 1.0, "end": -0.1, "lengths": (20, 10)},
            {"peak": 1.0, "end": 0.1, "lengths": ()},
            {"peak": 1.0, "end": 0.1, "lengths": (0,)},
            {"peak": 1.0, "end": 0.1, "lengths": (20,), "warmup_fraction": 1.0},
        ),
    ),
    "rex": ScheduleExample(
        {"peak": 0.1, "steps": 30, "end": 0.01},
        first=0.1,
        last=0.01,
        last_step=30,
        monotone="decreasing",
        bad=(
            {"peak": -0.1, "steps": 30},
            {"peak": 0.1, "steps": 0},
            {"peak": 0.1, "steps": 30, "end": -1.0},
            {"peak": 0.1, "steps": 30, "sharpness": 1.0},
            {"peak": 0.1, "steps": 30, "warmup": 30},
        ),
    ),
    "sampled": ScheduleExample(
        {"schedule": optax.linear_schedule(1.0, 0.5, 20), "every": 5},
        first=1.0,
        last=0.5,
        last_step=20,
        monotone="decreasing",
        bad=({"schedule": 1.0, "every": 5}, {"schedule": optax.constant_schedule(1.0), "every": 0}),
    ),
    "smooth_norms": Helper("schedules/test_refined.py"),
    "table": ScheduleExample(
        {"values": [0.1, 0.4, 0.2]}, first=0.1, last=0.2, last_step=2, bad=({"values": []}, {"values": 1.0})
    ),
    "warmup_stable_decay": ScheduleExample(
        {"peak": 1.0, "steps": 40, "warmup": 5, "decay_steps": 10},
        first=0.0,
        last=0.1,
        last_step=40,
        bad=(
            {"peak": 0.0, "steps": 40, "warmup": 5, "decay_steps": 10},
            {"peak": 1.0, "steps": 0, "warmup": 0, "decay_steps": 0},
            {"peak": 1.0, "steps": 40, "warmup": -1, "decay_steps": 10},
            {"peak": 1.0, "steps": 40, "warmup": 5, "decay_steps": 36},
            {"peak": 1.0, "steps": 40, "warmup": 5, "decay_steps": 10, "end_ratio": 1.5},
            {"peak": 1.0, "steps": 40, "warmup": 5, "decay_steps": 10, "shape": "stairs"},
        ),
    ),
    "warmup_stable_decay_simplified": ScheduleExample(
        {"peak": 1.0, "checkpoints": (10, 20, 40), "warmup": 4, "decay_fraction": 0.2},
        first=0.0,
        last=0.1,
        last_step=40,
        bad=(
            {"peak": 1.0, "checkpoints": (), "warmup": 4},
            {"peak": 1.0, "checkpoints": (20, 10), "warmup": 4},
            {"peak": 1.0, "checkpoints": (10, 20), "warmup": -1},
            {"peak": 1.0, "checkpoints": (10, 20), "warmup": 4, "decay_fraction": 1.5},
            {"peak": 1.0, "checkpoints": (10, 20), "warmup": 4, "decay_steps": 7},
            {"peak": -1.0, "checkpoints": (10, 20), "warmup": 4},
        ),
    ),
    "warmup_stable_decay_constant": ScheduleExample(
        {"peak": 1.0, "end": 0.2, "warmup": 4, "stable": 6, "decay_steps": 10},
        first=0.0,
        last=0.2,
        last_step=20,
        bad=(
            {"peak": 0.0, "end": 0.2, "warmup": 4, "stable": 6, "decay_steps": 10},
            {"peak": 1.0, "end": -0.2, "warmup": 4, "stable": 6, "decay_steps": 10},
            {"peak": 1.0, "end": 0.2, "warmup": -4, "stable": 6, "decay_steps": 10},
            {"peak": 1.0, "end": 0.2, "warmup": 4, "stable": -6, "decay_steps": 10},
            {"peak": 1.0, "end": 0.2, "warmup": 4, "stable": 6, "decay_steps": 0},
            {"peak": 1.0, "end": 0.2, "warmup": 4, "stable": 6, "decay_steps": 10, "shape": "stairs"},
        ),
    ),
    "with_final_decay": ScheduleExample(
        {"schedule": schedules.table([1.0, 0.8]), "start": 5, "steps": 10, "end_ratio": 0.5},
        first=1.0,
        last=0.4,
        last_step=15,
        monotone="decreasing",
        bad=(
            {"schedule": 1.0, "start": 5, "steps": 10},
            {"schedule": schedules.table([1.0]), "start": -1, "steps": 10},
            {"schedule": schedules.table([1.0]), "start": 5, "steps": 0},
            {"schedule": schedules.table([1.0]), "start": 5, "steps": 10, "end_ratio": 1.5},
            {"schedule": schedules.table([1.0]), "start": 5, "steps": 10, "shape": "stairs"},
        ),
    ),
}
