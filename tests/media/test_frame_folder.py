from pathlib import Path

import numpy as np
import pytest

from audioplane.errors import MediaError
from audioplane.media.frame_folder import FrameFolder
from audioplane.media.image import read_image


def test_frames_are_numbered_and_kept_without_loss(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (3, 20, 30, 4)).astype(np.uint8)
    with FrameFolder(tmp_path / "a" / "frames") as folder:
        for frame in frames:
            folder.write(frame)
        assert not folder.path.exists()
    names = sorted(p.name for p in folder.path.iterdir())
    assert names == ["00000.png", "00001.png", "00002.png"]
    for name, frame in zip(names, frames, strict=True):
        assert (read_image(folder.path / name, 4) == frame).all()


def test_a_failed_writing_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), FrameFolder(tmp_path / "frames") as folder:
        folder.write(np.zeros((8, 8, 4), np.uint8))
        raise RuntimeError("stopped")
    with pytest.raises(MediaError, match="no frame"), FrameFolder(tmp_path / "frames"):
        pass
    assert not list(tmp_path.iterdir())


def test_a_folder_with_anything_in_it_is_not_touched(tmp_path):
    (tmp_path / "mine").touch()
    with pytest.raises(MediaError, match="there already"):
        FrameFolder(tmp_path)
    with pytest.raises(MediaError, match="there already"):
        FrameFolder(tmp_path / "mine")


def test_the_working_folder_is_not_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MediaError, match="name a new one"):
        FrameFolder(Path("."))
