import numpy as np
import pytest

from audioplane.clock import FPS
from audioplane.drive.moment import Moment
from audioplane.run.motion_graph import EASE
from audioplane.web.path import find_path
from tests.drive.test_motion import graph_of


@pytest.fixture(scope="module")
def minute():
    return graph_of((700, 800))


def near(moment: Moment) -> int:
    """The frame that goes on after a moment."""
    return (moment.other or moment.ref).img_id


def test_a_path_goes_forwards_for_ever_and_takes_jumps_of_the_graph(minute):
    path = find_path(minute, 3000)
    assert path is not None and len(path.rows) >= 250
    assert set(path.rows.tolist()) == set(range(len(path.moments)))
    jumps = set(zip(minute.exits.tolist(), minute.entries.tolist(), strict=True))
    rows, taken = [*path.rows.tolist(), int(path.rows[0])], 0
    for one, other in zip(rows, rows[1:], strict=False):
        before, after = path.moments[one], path.moments[other]
        begins = after.other is not None and (before.other is None or before.weight > 0.98)
        if begins:
            assert (after.ref.img_id - 1, after.other.img_id) in jumps
            assert after.ref.img_id == near(before) + 1
            taken += 1
        else:
            assert near(after) == near(before) + 1
    assert taken >= 2
    assert sum(path.moments[row].other is not None for row in rows[:-1]) == taken * EASE


def test_a_path_shows_no_more_moments_than_asked_for_and_more_of_them_where_it_may(monkeypatch):
    monkeypatch.setattr("audioplane.web.path._SEARCHED", 150 * FPS)
    graph = graph_of((300,))
    short, long = find_path(graph, 300), find_path(graph, 3000)
    assert short is not None and long is not None
    assert len(short.moments) <= 300 < len(long.moments)
    assert find_path(graph, 100) is None


def test_the_same_seed_gives_the_same_path(minute):
    a, b, c = (find_path(minute, 3000, seed) for seed in (0, 0, 1))
    assert a is not None and b is not None and c is not None
    assert np.array_equal(a.rows, b.rows) and not np.array_equal(a.rows, c.rows)
