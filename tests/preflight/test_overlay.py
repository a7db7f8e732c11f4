import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from audioplane.face.landmarker import CHIN, FACE_LANDMARKER, FOREHEAD, N_POINTS, Face, Landmarker
from audioplane.preflight.overlay import WINDOW, Glance, Overlay, find_overlay
from tests.face.figure import WALL

ASSETS = os.environ.get("AUDIOPLANE_ASSETS")
HEIGHT, WIDTH = 240, 320
CHIN_ROW, FACE_HEIGHT = 120, 90
RNG = np.random.default_rng(0)
COAT = cv2.resize(
    RNG.integers(0, 255, (8, 16), np.uint8), (240, 110), interpolation=cv2.INTER_CUBIC
)


def frame(i: int, text: str = "", row: int = 170) -> np.ndarray:
    """A torso that sways before a still, sharply patterned wall, and text in one row."""
    image = np.full((HEIGHT, WIDTH, 3), WALL, np.uint8)
    image += (np.indices((HEIGHT, WIDTH)).sum(0) % 16 < 8)[..., None].astype(np.uint8) * 60
    left = 40 + round(10 * np.sin(0.5 * i))
    image[HEIGHT - 110 :, left : left + 240] = COAT[..., None]
    for colour, width in ((0, 3), (255, 1)):
        where = (70, row)
        cv2.putText(image, text, where, 0, 0.6, (colour,) * 3, width, cv2.LINE_AA)
    return image


def face() -> Face:
    points = np.full((N_POINTS, 3), (160, CHIN_ROW - 40, 0), np.float32)
    points[FOREHEAD], points[CHIN] = (160, CHIN_ROW - FACE_HEIGHT, 0), (160, CHIN_ROW, 0)
    return Face(points, np.zeros(2, np.float32))


def seen(*texts: str, row: int = 170) -> Overlay | None:
    """What is found in a stretch of frames for each text."""
    return find_overlay(
        [
            Glance.of(stretch, face(), frame(i, text, row))
            for stretch, text in enumerate(texts)
            for i in range(WINDOW)
        ]
    )


def test_text_that_stands_still_over_a_moving_torso_is_found_with_its_rows():
    found = seen("and then he said")
    assert found is not None and found.share == 1.0
    assert 150 <= found.top < 165 and 170 <= found.bottom <= 180


def test_another_text_in_every_stretch_is_found_and_the_share_that_has_one_is_told():
    found = seen("and then he said", "", "nobody answered", "")
    assert found is not None and found.share == 0.5
    assert seen("and then he said", "", "", "", "") is None


def test_neither_a_patterned_wall_behind_the_torso_nor_the_torso_is_an_overlay():
    assert seen("") is None
    assert seen("over the still wall", row=60) is None


def test_text_that_moves_with_the_coat_is_no_overlay():
    coat = [np.roll(frame(0, "and then he said"), (i % 5, i % 7), (0, 1)) for i in range(WINDOW)]
    assert find_overlay([Glance.of(0, face(), image) for image in coat]) is None


@pytest.mark.skipif(ASSETS is None, reason="AUDIOPLANE_ASSETS is not set")
@pytest.mark.parametrize(("name", "told"), [("subtitles.mp4", True), ("hand.mp4", False)])
def test_captions_of_a_real_clip_are_told(name, told):
    from audioplane.assets import require_model
    from audioplane.preflight import check_video

    video = Path(ASSETS or "") / "cases" / name
    if not video.is_file():
        pytest.skip(f"{video} is not there")
    with Landmarker(require_model(FACE_LANDMARKER, download=False), max_faces=4) as landmarker:
        findings = check_video(video, landmarker).findings
    assert [f.level for f in findings if f.name == "overlay"] == ["warning"] * told
