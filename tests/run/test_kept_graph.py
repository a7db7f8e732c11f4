import numpy as np
import pytest

from audioplane.run.kept_graph import kept_graph
from audioplane.run.motion_graph import motion_graph
from tests.run.walked import Swaying

FOOTAGE = Swaying((700,))


@pytest.fixture(scope="module")
def graph():
    made = motion_graph(FOOTAGE, FOOTAGE.views(), None, np.ones(700, bool))
    assert made is not None
    return made


def unmade():
    raise AssertionError("made again")


def test_a_graph_is_made_once(graph, tmp_path):
    file, refs = tmp_path / "motion.safetensors", graph.refs
    assert kept_graph(file, {"head": "a"}, refs, lambda: graph) is graph
    again = kept_graph(file, {"head": "a"}, refs, unmade)
    assert again is not None and again.refs == refs
    assert all(np.array_equal(x, vars(again)[name]) for name, x in vars(graph).items())
    with pytest.raises(AssertionError, match="made again"):
        kept_graph(file, {"head": "b"}, refs, unmade)


def test_that_there_is_none_is_kept_too(tmp_path):
    file = tmp_path / "motion.safetensors"
    assert kept_graph(file, {}, [], lambda: None) is None
    assert kept_graph(file, {}, [], unmade) is None


def test_a_damaged_one_and_one_of_other_frames_are_made_anew(graph, tmp_path):
    file = tmp_path / "motion.safetensors"
    kept_graph(file, {}, graph.refs, lambda: graph)
    assert kept_graph(file, {}, graph.refs[:200], lambda: None) is None
    file.write_bytes(b"no tensors")
    assert kept_graph(file, {}, graph.refs, lambda: graph) is graph


def test_a_folder_that_cannot_be_written_keeps_none(graph, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    for _ in range(2):
        assert kept_graph(blocked / "motion.safetensors", {}, graph.refs, lambda: graph) is graph
