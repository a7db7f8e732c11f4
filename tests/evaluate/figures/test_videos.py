from pathlib import Path

import numpy as np
import pytest

from audioplane.credentials import read_credentials
from audioplane.errors import MediaError
from audioplane.evaluate.figures.videos import (
    BOTH_NAME,
    NO_CONSENT,
    RECORDING_NAME,
    RENDER_NAME,
    held_out_videos,
    video_provenance,
)
from audioplane.mark import read_mark
from audioplane.media.video import probe_video, read_frames

N = 50


def test_what_is_rendered_states_that_it_is_synthetic(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = [rng.integers(60, 200, (160, 160, 3), np.uint8) // 8 * 8 for _ in range(2)]
    stated = video_provenance("ab" * 32, "", "cd" * 32)
    folder = tmp_path / "new"
    with held_out_videos(folder, (160, 160), None, stated) as write:
        for _ in range(N):
            write(*images)
    for name, width in ((RENDER_NAME, 160), (BOTH_NAME, 320)):
        info = probe_video(folder / name)
        assert (info.width, info.height) == (width, 160) and not info.has_audio
        assert info.duration == pytest.approx(N / 25, abs=0.01)
        said = read_credentials(folder / name)
        assert said is not None and said.intact and said.ai_generated and said.origin is not None
        assert said.origin.consent == NO_CONSENT and said.origin.head == "ab" * 32
        reading = read_mark(read_frames(folder / name), stated.key)
        assert reading is not None and reading.found
    recording = np.stack(list(read_frames(folder / RECORDING_NAME)))
    assert recording.shape == (N, 160, 160, 3) and read_credentials(folder / RECORDING_NAME) is None
    grey = (x.mean(axis=2).ravel() for x in (recording[-1], *images))
    assert np.corrcoef(list(grey))[0, 1:] == pytest.approx([1, 0], abs=0.25)


def test_a_known_consent_is_stated() -> None:
    assert video_provenance("ab" * 32, "Ann, to this", "").origin.consent == "Ann, to this"


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("")
    stated = video_provenance("ab" * 32, "", "")
    with pytest.raises(MediaError, match="cannot be"):
        with held_out_videos(tmp_path / "blocked" / "f", (64, 64), None, stated):
            pass
