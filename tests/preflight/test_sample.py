from pathlib import Path

import cv2
import numpy as np
import pytest

from audioplane.errors import MediaError
from audioplane.media.video import VideoInfo
from audioplane.preflight.first_look import FirstLook
from audioplane.preflight.sample import (
    RATE,
    STRETCH,
    STRETCHES,
    examine,
    stretches,
    take_sample,
)
from audioplane.progress import ignore
from tests.face.figure import SIZE, DrawnFaces, draw


def test_a_short_video_is_sampled_whole():
    assert stretches(5.0) == [(0, 60)]
    assert stretches(0.1) == [(0, 1)]


@pytest.mark.parametrize("seconds", [20.5, 90.0, 3600.0])
def test_of_a_long_one_stretches_are_spread_over_it(seconds):
    spans = stretches(seconds)
    assert len(spans) == STRETCHES
    assert all(end - first == STRETCH * RATE for first, end in spans)
    assert spans[0][0] >= 0 and spans[-1][1] <= seconds * RATE
    starts = np.array([first for first, _ in spans])
    assert (np.diff(starts) > 0).all()
    if seconds > 60:
        assert all(spans[k][1] <= spans[k + 1][0] for k in range(STRETCHES - 1))


def test_a_video_of_unknown_length_is_sampled_at_its_beginning():
    assert stretches(0.0) == [(0, round(STRETCHES * STRETCH * RATE))]


def test_stretches_of_several_sizes_are_an_error(monkeypatch):
    def read(video, rate, turns, first, end):
        yield np.zeros((64, 64 if first < 100 else 32, 3), np.uint8)

    info = VideoInfo(64, 64, 25.0, 60.0, has_audio=False)
    monkeypatch.setattr("audioplane.preflight.sample.read_upright", read)
    monkeypatch.setattr("audioplane.preflight.sample.look_first", lambda *args: FirstLook())
    with pytest.raises(MediaError, match="changes its image size"):
        take_sample(Path("v.ts"), info, DrawnFaces(None), None, ignore)


def examined(image: np.ndarray, like: np.ndarray | None = None):
    """`image` with the face that the stand-in finds in `like`."""
    return examine(DrawnFaces(None).detect(image if like is None else like)[0], image)


def test_blur_is_less_sharp_and_light_is_that_of_the_face():
    rng = np.random.default_rng(0)
    image = draw(0).astype(int) + rng.integers(-20, 20, (SIZE, SIZE, 1))
    image = np.clip(image, 0, 255).astype(np.uint8)
    sharp = examined(image, draw(0))
    blurred = examined(cv2.GaussianBlur(image, (0, 0), 1.5), draw(0))
    assert blurred.sharpness < 0.6 * sharp.sharpness
    assert blurred.light == pytest.approx(sharp.light, abs=3)
    dark = examined(image // 3, draw(0))
    assert dark.light == pytest.approx(sharp.light / 3, abs=2)
    assert sharp.clipped < 0.02
    assert examined(np.full_like(image, 255), draw(0)).clipped == 1.0


def test_a_face_at_the_edge_is_not_inside():
    assert examined(draw(0)).inside
    face = DrawnFaces(None).detect(draw(0))[0]
    assert not face.inside(90, SIZE) and not face.inside(SIZE, 90)
