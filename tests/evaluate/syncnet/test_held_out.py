from pathlib import Path

import numpy as np
import pytest

from audioplane.evaluate.syncnet import SyncJudge, judge
from audioplane.evaluate.syncnet.held_out import held_out_sync
from audioplane.evaluate.syncnet.scores import TOO_LITTLE
from audioplane.face.landmarker import CHIN, FOREHEAD, Face, Landmarker
from audioplane.media.audio import write_wav
from audioplane.subject import FrameRef, Subject
from tests.evaluate.syncnet.test_scores import FRAMES, Matching, face_frames, sound

INSIDE = np.ones((120, 120), bool)
REFS = [FrameRef(i, i, np.eye(4)) for i in range(FRAMES)]


class OneFace(Landmarker):
    """Sees a face of 120 px in the middle of every image."""

    def __init__(self, model, max_faces=1) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass

    def detect(self, image: np.ndarray) -> list[Face]:
        angle = np.arange(478.0)
        points = 60 * np.stack([np.cos(angle), np.sin(angle), 0 * angle], 1)
        points[[FOREHEAD, CHIN]] = [(0, -60, 0), (0, 60, 0)]
        points += (image.shape[1] / 2, image.shape[0] / 2, 0)
        return [Face(points.astype(np.float32), np.zeros(2, np.float32))]


@pytest.fixture
def spoken(subject: Subject, monkeypatch):
    """The synthetic subject with the sound that belongs to the images."""
    monkeypatch.setattr(judge, "Landmarker", OneFace)
    write_wav(subject.paths.audio, sound())
    yield subject
    subject.paths.audio.unlink()


def score(subject: Subject, refs: list[FrameRef], steps: list[int]):
    shown = [np.where(np.pad(INSIDE, 20)[..., None], p, 90).astype(np.uint8) for p in face_frames()]
    return held_out_sync(
        lambda: (shown[r.img_id] for r in refs),
        subject,
        refs,
        SyncJudge(Matching(), Path("none")),
        steps.append,
    )


def test_frames_are_scored_with_their_own_sound(spoken):
    steps: list[int] = []
    scores = score(spoken, REFS, steps)
    assert scores.offset == 0 and scores.n_frames == FRAMES - 5 and scores.n_tracks == 1
    assert sum(steps) == FRAMES + FRAMES - 5
    late = score(spoken, [FrameRef(r.img_id, max(0, r.aud_id - 3), r.viewmat) for r in REFS], [])
    assert late.offset == -3  # a frame goes with the sound of 3 frames before


def test_missing_frames_begin_a_new_shot(spoken):
    cut = REFS[:105] + REFS[110:]
    scores = score(spoken, cut, [])
    assert scores.n_tracks == 1 and scores.n_frames == 105 - 5  # 20 frames behind the gap are few


def test_missing_things_are_reported(spoken):
    assert score(spoken, REFS[:100], []).empty == TOO_LITTLE
    spoken.paths.audio.rename(spoken.paths.root / "away.wav")
    assert "aud.wav" in score(spoken, REFS, []).empty
    (spoken.paths.root / "away.wav").rename(spoken.paths.audio)
