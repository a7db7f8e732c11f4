import numpy as np
import pytest
import torch

from audioplane.run.motion_graph import (
    EASE,
    FADE,
    MotionGraph,
    eased,
    faded,
    motion_graph,
    traits_of,
)
from tests.run.walked import PERIOD, Swaying


def graph_of(footage: Swaying, spoken=None, bodies=None) -> MotionGraph | None:
    n = sum(footage.lengths)
    return motion_graph(
        footage, footage.views(), bodies, np.ones(n, bool) if spoken is None else spoken
    )


def test_jumps_join_moments_of_like_pose_and_motion():
    footage = Swaying((600, 500))
    graph = graph_of(footage)
    assert graph is not None and graph.kept.mean() > 0.8
    phase = (graph.exits + 1 - graph.entries) / PERIOD
    assert np.abs(phase - phase.round()).max() < 0.2
    assert (graph.costs <= 1).all()
    shots = np.repeat([0, 1], footage.lengths)
    assert len({(shots[a], shots[b]) for a, b in zip(graph.exits, graph.entries, strict=True)}) == 4
    assert (shots[graph.exits] == shots[graph.exits + EASE]).all()
    assert (shots[graph.entries] == shots[graph.entries + EASE - 1]).all()


def test_jumps_may_be_looked_at_few_at_a_time(monkeypatch):
    footage = Swaying((600, 500))
    whole = graph_of(footage)
    monkeypatch.setattr("audioplane.run.motion_graph._TOGETHER", 7)
    parts = graph_of(footage)
    assert whole is not None and parts is not None and len(whole.exits) > 7
    for name, x in whole.tensors().items():
        assert torch.equal(x, parts.tensors()[name]), name


def test_no_jump_is_sharper_than_the_recording():
    footage = Swaying((900,))
    graph, (points,) = graph_of(footage), traits_of(footage, footage.views(), None).points
    assert graph is not None
    most = np.percentile(np.linalg.norm(np.diff(points, 2, axis=0), axis=-1), 99, axis=0)
    weights = np.array([0, 0, *map(eased, range(EASE)), 1, 1])[:, None, None]
    for exit, entry in zip(graph.exits, graph.entries, strict=True):
        span = np.arange(-1, EASE + 3)
        leaving = points[(exit + span).clip(0, len(points) - 1)]
        coming = points[(entry - 1 + span).clip(0, len(points) - 1)]
        shown = (1 - weights) * leaving + weights * coming
        assert (np.linalg.norm(np.diff(shown, 2, axis=0), axis=-1) <= most + 1e-9).all()


def test_from_every_frame_that_is_kept_the_motion_goes_on():
    graph = graph_of(Swaying((300, 200)))
    assert graph is not None
    for at in np.flatnonzero(graph.kept):
        ahead = graph.exits[(graph.exits >= at) & (graph.exits <= graph.ends[at])]
        assert len(ahead)
    assert graph.kept[graph.exits].all() and graph.kept[graph.entries + EASE - 1].all()


@pytest.mark.parametrize(
    "footage", [Swaying((600,), 0.3, 4000.0), Swaying((40,)), Swaying((9,) * 9)]
)
def test_where_nothing_is_alike_there_is_no_graph(footage):
    assert graph_of(footage) is None


def test_no_blink_is_halved():
    """Where the expression passes over, both sides have open eyes, or both closed ones."""
    blinks = {i + k: 0.8 for i in range(40, 880, 83) for k in range(4)}
    graph = graph_of(Swaying((900,), blinks=blinks))
    assert graph is not None
    closed = np.array([i in blinks for i in range(900)])
    for k in FADE:
        assert (closed[graph.exits + 1 + k] == closed[graph.entries + k]).all()
    assert closed[graph.kept].mean() > 0.5 * closed.mean()


def test_the_expression_passes_over_within_the_pose():
    weights, fades = [eased(k) for k in range(EASE)], [faded(k) for k in range(EASE)]
    assert weights == sorted(weights) and 0 < weights[0] < 0.02 and 0.98 < weights[-1] < 1
    assert [0 < f < 1 for f in fades] == [k in FADE for k in range(EASE)]
    assert fades == sorted(fades) and fades[0] == 0 and fades[-1] == 1


def test_a_body_that_sits_elsewhere_forbids_jumps():
    footage = Swaying((400,))
    still = np.tile(np.eye(4), (400, 1, 1))
    still[:, 2, 3] = 0.8
    with_still = graph_of(footage, bodies=still)
    wandering = still.copy()
    wandering[:, 0, 3] = np.linspace(0, 0.8, 400)
    assert with_still is not None and graph_of(footage, bodies=wandering) is None


def test_a_graph_outlives_a_file():
    graph = graph_of(Swaying((300,)))
    assert graph is not None
    again = MotionGraph.of(graph.refs, graph.tensors())
    assert np.array_equal(again.exits, graph.exits) and np.array_equal(again.kept, graph.kept)
    with pytest.raises(ValueError, match="frames"):
        MotionGraph.of(graph.refs[:200], graph.tensors())
    exits, entries = graph.tensors()["exits"], graph.tensors()["entries"]
    for change in ({"entries": entries + 300}, {"exits": exits - exits.min() - 1}):
        with pytest.raises(ValueError, match="leads out"):
            MotionGraph.of(graph.refs, graph.tensors() | change)
    broken = graph.tensors() | {"kept": torch.zeros_like(graph.tensors()["kept"])}
    with pytest.raises(ValueError, match="not of its frames"):
        MotionGraph.of(graph.refs, broken)
