import tempfile
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest

from audioplane.media.writer import VideoWriter
from audioplane.prepare import PrepareOptions, prepare_subject, stages
from audioplane.prepare.masks import person
from tests.face.figure import SIZE, DrawnFaces, draw, parts
from tests.prepare.tiny_segmenter import write_person_network

FRAMES = 33


class DrawnParts:
    """Stands in for a part segmenter."""

    def segment(self, image: np.ndarray) -> np.ndarray:
        return parts(image)


OPTIONS = PrepareOptions(size=SIZE, speech=("mel",), consent="drawn, nobody")
QUICK = PrepareOptions(size=SIZE, speech=("mel",), segmenter=DrawnParts(), focal=656.25)
"""With the focal length that is found, since to find it takes half of the time."""


def write_clip(path: Path, frames=None, sound: bool | None = True) -> Path:
    """A clip of the figure; `sound` False is a silent track, None no track."""
    frames = [draw(i) for i in range(FRAMES)] if frames is None else frames
    n = len(frames) * 640
    voice = 0.3 * np.sin(np.arange(n) * 0.1) * np.sin(np.arange(n) * 1e-3)
    audio = None if sound is None else (voice * sound).astype(np.float32)
    height, width = frames[0].shape[:2]
    with VideoWriter(path, width, height, audio=audio, crf=8) as writer:
        for frame in frames:
            writer.write(frame)
    return path


def write_silent_track_first(path: Path) -> Path:
    """The same clip with a silent sound track before its own, as from capture software."""
    clip = write_clip(path.with_name("one_track.mp4"))
    with av.open(str(clip)) as source, av.open(str(path), "w") as out:
        images = out.add_stream_from_template(source.streams.video[0])
        silent = out.add_stream("aac", rate=16000, layout="mono")
        voice = out.add_stream_from_template(source.streams.audio[0])
        nothing = av.AudioFrame.from_ndarray(
            np.zeros((1, 640 * FRAMES), np.float32), "fltp", "mono"
        )
        nothing.sample_rate = 16000
        for packet in (*silent.encode(nothing), *silent.encode(None)):
            out.mux(packet)
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = images if packet.stream.type == "video" else voice
                out.mux(packet)
    clip.unlink()
    return path


def contents(out: Path) -> dict[str, bytes]:
    """All files of a subject but the one that notes how long the stages took."""
    files = (p for p in out.rglob("*") if p.is_file() and p.name != "prepare.json")
    return {str(p.relative_to(out)): p.read_bytes() for p in files}


@cache
def green_screen() -> Path:
    """A person network for the figure: its wall is green, nothing of itself is."""
    path = Path(tempfile.mkdtemp()) / "green.tflite"
    return write_person_network(path, (40.0, -40.0, 0.0), 5.5)


def find_drawn_faces(patch: pytest.MonkeyPatch) -> None:
    """Find faces and the person without the published model files."""
    patch.setattr(stages, "Landmarker", DrawnFaces)
    patch.setattr(stages, "require_model", lambda model, given=None: Path("none"))
    patch.setattr(person, "require_model", lambda model, given=None: green_screen())
    patch.setattr(person, "find_model", lambda model, given=None: given)


@pytest.fixture(autouse=True)
def drawn_faces(request, monkeypatch):
    if not request.node.get_closest_marker("slow"):
        find_drawn_faces(monkeypatch)


@pytest.fixture(scope="session")
def clip(tmp_path_factory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "figure.mp4")


def _prepared(tmp_path_factory, clip: Path, options: PrepareOptions) -> Path:
    out = tmp_path_factory.mktemp("prepared") / "figure"
    with pytest.MonkeyPatch.context() as patch:
        find_drawn_faces(patch)
        prepare_subject(clip, out, options)
    return out


@pytest.fixture(scope="session")
def prepared(tmp_path_factory, clip) -> Path:
    """The figure as a subject, masked by a person network."""
    return _prepared(tmp_path_factory, clip, OPTIONS)


@pytest.fixture(scope="session")
def prepared_quick(tmp_path_factory, clip) -> Path:
    """The same by `QUICK`."""
    return _prepared(tmp_path_factory, clip, QUICK)
