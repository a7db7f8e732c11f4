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


def test_two_writers_of_one_folder_do_not_mix_and_what_else_lies_there_stays(tmp_path):
    mine = tmp_path / ".frames.partial" / "mine"
    mine.parent.mkdir()
    mine.touch()
    with pytest.raises(MediaError, match="frames cannot be written"):
        with FrameFolder(tmp_path / "frames") as late:
            late.write(np.full((8, 8, 4), 9, np.uint8))
            with FrameFolder(tmp_path / "frames") as early:
                for i in range(2):
                    early.write(np.full((8, 8, 4), i, np.uint8))
    names = sorted(path.name for path in (tmp_path / "frames").iterdir())
    assert [read_image(tmp_path / "frames" / name, 4)[0, 0, 0] for name in names] == [0, 1]
    assert mine.exists() and len(list(tmp_path.iterdir())) == 2


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
