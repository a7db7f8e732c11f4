import os
from pathlib import Path

import numpy as np
import pytest

from audioplane.errors import ModelError
from audioplane.evaluate.mouth import view as mouth_view
from audioplane.evaluate.mouth.reader import MouthReader
from audioplane.evaluate.mouth.view import (
    LandmarkerView,
    ReaderView,
    SeenMouth,
    mouth_track,
    open_mouth_views,
)
from audioplane.media.image import read_image
from audioplane.subject import Subject

ASSETS = os.environ.get("AUDIOPLANE_ASSETS")
"""Read when collected: the tests themselves run without it."""
needs_assets = pytest.mark.skipif(ASSETS is None, reason="AUDIOPLANE_ASSETS is not set")


def landmarker_file() -> Path:
    return Path(ASSETS or "") / "models" / "mediapipe" / "face_landmarker.task"


def test_without_a_landmarker_the_reader_looks(subject: Subject) -> None:
    with open_mouth_views(subject) as views:
        assert views.name == MouthReader.name and isinstance(views.true, ReaderView)
        ref = subject.val[3]
        image = read_image(subject.paths.image(ref.img_id))
        seen = views.rendered.see(image, ref)
    assert seen is not None
    expected = views.true.reader.read([image], [ref])
    np.testing.assert_array_equal(seen.landmarks, expected.landmarks[0])
    assert seen.aperture == expected.aperture[0]


def test_a_landmarker_that_is_no_file_is_named(subject: Subject, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not a file"), open_mouth_views(subject, tmp_path):
        pass


def test_tracks_mark_what_was_not_found() -> None:
    mouth = SeenMouth(0.2, np.ones((20, 2)))
    track = mouth_track([None, mouth, None])
    assert track.found.tolist() == [False, True, False] and track.aperture[1] == 0.2
    assert mouth_track([]).landmarks.shape == (0, 20, 2)


@needs_assets
@pytest.mark.parametrize("trust", [-1.0, 1.01])
def test_the_landmarker_is_used_where_it_can_be_trusted(
    subject: Subject, monkeypatch: pytest.MonkeyPatch, trust: float
) -> None:
    monkeypatch.setattr(mouth_view, "TRUST", trust)
    with open_mouth_views(subject, landmarker_file()) as views:
        assert (views.name == MouthReader.name) == (trust > 1)


@needs_assets
def test_the_landmarker_sees_a_real_mouth(subject: Subject) -> None:
    from audioplane.face.landmarker import Landmarker
    from audioplane.media.video import read_frames

    clip = Path(ASSETS or "") / "data" / "clips" / "may_5s.mp4"
    frames = [f for f, _ in zip(read_frames(clip), range(5), strict=False)]
    with Landmarker(landmarker_file(), follow=True) as landmarker:
        view = LandmarkerView(landmarker)
        mouths = [view.see(f, subject.val[0]) for f in frames]
        assert view.see(np.zeros_like(frames[0]), subject.val[0]) is None
        view.restart()
        again = view.see(frames[0], subject.val[0])
    assert again is not None and again.aperture == mouths[0].aperture
    track = mouth_track(mouths)
    assert track.found.all() and (track.aperture > 0).all() and (track.aperture < 0.5).all()
    width = np.linalg.norm(track.landmarks[:, 6] - track.landmarks[:, 0], axis=-1)
    assert (width > 40).all() and (width < 140).all()
