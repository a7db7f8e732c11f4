"""The motion graph of a run folder, kept beside its head: making one takes seconds."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from audioplane.errors import CheckpointError, MediaError
from audioplane.run.motion_graph import MotionGraph
from audioplane.run.tensors import load_tensors, save_tensors
from audioplane.subject import FrameRef


def kept_graph(
    file: Path,
    made_of: Mapping[str, object],
    refs: Sequence[FrameRef],
    make: Callable[[], MotionGraph | None],
) -> MotionGraph | None:
    """The graph in a file; where it is of something else, damaged or not there, a new one, which is
    kept there if the folder can be written.

    Args:
        file: where it is kept.
        made_of: what tells the graph: JSON.
        refs: the frames of the footage's shots.
        make: makes it; None where a recording has none, which is kept as well.
    """
    with suppress(CheckpointError, ValueError, TypeError):
        tensors, facts = load_tensors(file)
        if facts["made_of"] == dict(made_of):
            return MotionGraph.of(refs, tensors) if tensors else None
    graph = make()
    with suppress(MediaError):
        save_tensors(file, {} if graph is None else graph.tensors(), {"made_of": dict(made_of)})
    return graph
