from pathlib import Path

import numpy as np
import pytest

from audioplane.media.video import VideoWriter
from audioplane.prepare import stages
from tests.prepare.figure import DrawnFaces, draw

FRAMES = 33


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


@pytest.fixture(autouse=True)
def drawn_faces(monkeypatch):
    """Faces are found without the model file."""
    monkeypatch.setattr(stages, "Landmarker", DrawnFaces)
    monkeypatch.setattr(stages, "require_model", lambda model, given=None: Path("none"))
    monkeypatch.setattr(stages, "local_model", lambda model, given=None: None)


@pytest.fixture(scope="session")
def clip(tmp_path_factory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "figure.mp4")
