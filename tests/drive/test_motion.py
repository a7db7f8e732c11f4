from itertools import pairwise

import numpy as np
import pytest

from audioplane.clock import FPS
from audioplane.drive.motion import GraphMotion, ToAndFro
from audioplane.run.motion_graph import EASE, MotionGraph, motion_graph
from audioplane.subject import FrameRef
from tests.run.walked import Swaying


def graph_of(lengths: tuple[int, ...], silent: slice = slice(0, 0)) -> MotionGraph:
    footage, spoken = Swaying(lengths), np.ones(sum(lengths), bool)
    spoken[silent] = False
    graph = motion_graph(footage, footage.views(), None, spoken)
    assert graph is not None
    return graph


@pytest.fixture(scope="module")
def minute() -> MotionGraph:
    return graph_of((700, 800), slice(900, 1100))


def test_motion_goes_forwards_and_jumps_only_where_the_graph_does(minute):
    motion = GraphMotion(minute)
    moments = [motion.step(True) for _ in range(3000)]
    jumps = set(zip(minute.exits.tolist(), minute.entries.tolist(), strict=True))
    taken = 0
    for before, after in pairwise(moments):
        shown = before.ref if before.other is None else before.other
        if after.other is None:
            assert after.ref.img_id == shown.img_id + 1
        elif before.other is None or before.weight > 0.98:  # a jump begins
            assert (after.ref.img_id - 1, after.other.img_id) in jumps
            assert after.ref.img_id == shown.img_id + 1
            taken += 1
        else:
            assert after.ref.img_id == before.ref.img_id + 1
            assert after.other.img_id == before.other.img_id + 1
            assert after.weight > before.weight and after.fade >= before.fade
    assert taken > 10


@pytest.mark.parametrize("lengths", [(700, 800), (90, 600, 140)])
def test_nothing_is_shown_that_the_graph_does_not_name(lengths):
    """Packs hold these torsos alone."""
    graph = graph_of(lengths)
    numbers = np.array([ref.img_id for ref in graph.refs])
    motion, seen = GraphMotion(graph), set()
    for _ in range(6000):
        moment = motion.step(True)
        seen |= {moment.ref.img_id} | ({moment.other.img_id} if moment.other else set())
    shown = set(numbers[graph.shown].tolist())
    assert seen <= shown and len(seen) > 0.9 * len(shown)
    assert len(shown) < len(numbers)


def test_ten_minutes_of_a_minute_repeat_no_second_within_twenty(minute):
    motion, rows, silent = GraphMotion(minute), [], np.random.default_rng(0)
    while len(rows) < 600 * FPS:
        for speaks in (True, False):
            for _ in range(silent.integers(20, 200)):
                moment = motion.step(speaks)
                near = moment.other if moment.weight > 0.5 else moment.ref
                rows.append(near.img_id)
    shown: dict[int, int] = {}
    for i in range(len(rows) - FPS):
        if rows[i + FPS - 1] - rows[i] == FPS - 1:  # a second that was recorded as one
            assert i - shown.get(rows[i], -(10**6)) >= 20 * FPS
            shown[rows[i]] = i
    assert len(shown) > 800


def test_pauses_prefer_silence_and_speech_speech(minute):
    def silence(speaks: bool) -> float:
        motion = GraphMotion(minute)
        for _ in range(100):
            motion.step(True)
        rows = [motion.step(speaks).ref.img_id for _ in range(200)]
        return float(np.mean(~minute.spoken[rows]))

    assert silence(False) > 0.4 > 0.15 > silence(True)


def test_a_seed_decides(minute):
    def ids(seed: int) -> list[int]:
        motion = GraphMotion(minute, seed)
        return [motion.step(True).ref.img_id for _ in range(1500)]

    assert ids(0) == ids(0) != ids(1)


def test_a_short_recording_goes_forwards_too():
    graph = graph_of((300,))
    motion = GraphMotion(graph)
    moments = [motion.step(True) for _ in range(2000)]
    plain = [
        (a.ref.img_id, b.ref.img_id)
        for a, b in pairwise(moments)
        if a.other is None and b.other is None
    ]
    assert plain and all(b == a + 1 for a, b in plain)
    assert sum(m.other is not None for m in moments) / EASE < 2000 / 25


def test_to_and_fro_shows_no_turning_frame_twice():
    def shown(n: int, steps: int) -> list[int]:
        motion = ToAndFro([FrameRef(i, i, np.eye(4)) for i in range(n)])
        return [motion.step(True).ref.img_id for _ in range(steps)]

    assert shown(4, 9) == [0, 1, 2, 3, 2, 1, 0, 1, 2]
    assert shown(1, 3) == [0, 0, 0]
    assert shown(2, 5) == [0, 1, 0, 1, 0]
