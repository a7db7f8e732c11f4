from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from audioplane.experiments.compare import run
from tests.experiments.compare.films import ReadsMouths, pictures, voice, write

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
def film(tmp_path_factory) -> Write:
    """`film(name, frames, sound)`: a video; the person's own where they are not given."""
    folder = tmp_path_factory.mktemp("films")

    def make(name: str, frames=None, sound: np.ndarray | None = None, fps: int = 25) -> Path:
        return write(folder / f"{name}.mp4", pictures(N) if frames is None else frames, sound, fps)

    return make


@pytest.fixture(scope="session")
def truth(film) -> Path:
    """The recording: 60 frames with sound."""
    return film("truth", sound=voice(N))
