from collections import Counter

import numpy as np

from audioplane.train import PRESETS
from audioplane.train.schedule import Schedule, closed_eyes, frame_order


def test_an_epoch_shows_every_frame_once_in_its_own_order():
    first, second = frame_order(50, 0, 0), frame_order(50, 1, 0)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second and first == frame_order(50, 0, 0)
    assert first != frame_order(50, 0, 1)


def test_the_fine_stage_shows_blinks_more_often():
    config = PRESETS["laptop"].with_changes(coarse_iterations=300, blinks=3)
    plan = Schedule(config, 10, 512, [2, 7])
    coarse, fine = (Counter(map(plan.frame, range(i, j))) for i, j in ((0, 300), (308, 588)))
    assert coarse == dict.fromkeys(range(10), 30)
    assert fine == dict.fromkeys(range(10), 20) | {2: 60, 7: 60}


def test_eyes_are_closed_where_the_lids_are_much_nearer_than_they_mostly_are():
    landmarks = np.zeros((6, 68, 2))
    landmarks[:, 45, 0] = 100
    landmarks[:, [37, 38, 43, 44], 1] = -np.array([10, 10, 1, 9, 5, 11])[:, None]
    assert closed_eyes(landmarks) == [2, 4]


def test_room_for_gaussians_opens_until_density_control_ends():
    head = PRESETS["laptop"]
    person = head.with_changes(model={"torso": "model"})
    alone, whole = (Schedule(c, 100, 512, []).most_gaussians for c in (head, person))
    until = head.density.until
    assert 1_000 < alone(0) < 1_010 and 2_000 < whole(0) < 2_010
    assert alone(until // 2 - 1) == 5_500
    assert (alone(until - 1), alone(2 * until), whole(until - 1)) == (10_000, 10_000, 14_000)


def test_images_are_half_as_large_at_first():
    config = PRESETS["laptop"]
    plan, half = Schedule(config, 100, 512, []), config.half_size_iterations
    assert config.density.until < half < config.iterations
    assert [plan.width(i) for i in (0, half - 1, half)] == [256, 256, 512]


def test_the_ema_waits_until_nothing_changes_its_size():
    plan, none = (Schedule(PRESETS[name], 100, 512, []) for name in ("laptop", "demo"))
    half = PRESETS["laptop"].half_size_iterations
    assert not plan.takes_ema(half) and plan.takes_ema(half + 1) and not none.takes_ema(50_000)
