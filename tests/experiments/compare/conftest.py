from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from audioplane.experiments.compare import run
from tests.experiments.compare.videos import ReadsMouths, face_frames, voice, write

N = 60
Write = Callable[..., Path]


def read_drawn_mouths(patch: pytest.MonkeyPatch) -> None:
    """The mouths of the synthetic person are read without a model file."""
    patch.setattr(run, "Landmarker", ReadsMouths)
    patch.setattr(run, "require_model", lambda model, given=None: Path("none"))


@pytest.fixture(autouse=True)
def drawn_mouths(monkeypatch):
    read_drawn_mouths(monkeypatch)


@pytest.fixture(scope="session")
def make_video(tmp_path_factory) -> Write:
    """`make_video(name, frames, sound)`: a video; the person's own where they are not given."""
    folder = tmp_path_factory.mktemp("videos")

    def make(name: str, frames=None, sound: np.ndarray | None = None, fps: int = 25) -> Path:
        return write(
            folder / f"{name}.mp4", face_frames(N) if frames is None else frames, sound, fps
        )

    return make


@pytest.fixture(scope="session")
def truth(make_video) -> Path:
    """The recording: 60 frames with sound."""
    return make_video("truth", sound=voice(N))
