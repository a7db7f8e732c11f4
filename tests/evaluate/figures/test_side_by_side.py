from pathlib import Path

import numpy as np
import pytest

from audioplane.credentials import read_credentials
from audioplane.errors import MediaError
from audioplane.evaluate.figures.side_by_side import NO_CONSENT, SideBySide, video_provenance
from audioplane.mark import read_mark
from audioplane.media.video import probe_video, read_frames

N = 50


def test_the_video_states_that_it_is_synthetic(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = [rng.integers(60, 200, (160, 160, 3), np.uint8) // 8 * 8 for _ in range(2)]
    stated = video_provenance("ab" * 32, "", "cd" * 32)
    path = tmp_path / "new" / "video.mp4"
    with SideBySide(path, (160, 160), None, stated) as writer:
        for _ in range(N):
            writer.write(*images)
    info = probe_video(path)
    assert (info.width, info.height) == (320, 160) and not info.has_audio
    assert info.duration == pytest.approx(N / 25, abs=0.01)
    said = read_credentials(path)
    assert said is not None and said.intact and said.ai_generated and said.origin is not None
    assert said.origin.consent == NO_CONSENT and said.origin.head == "ab" * 32
    reading = read_mark(read_frames(path), stated.key)
    assert reading is not None and reading.found


def test_a_known_consent_is_stated() -> None:
    assert video_provenance("ab" * 32, "Ann, to this", "").origin.consent == "Ann, to this"


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("")
    with pytest.raises(MediaError, match="cannot be"):
        SideBySide(
            tmp_path / "blocked" / "f.mp4", (64, 64), None, video_provenance("ab" * 32, "", "")
        )
