import numpy as np
import pytest

from audioplane.face.regions import (
    eye_aperture,
    eyes_mask,
    face_box,
    face_width,
    mouth_aperture,
    mouth_box,
    mouth_mask,
)


@pytest.fixture
def landmarks():
    """A square face of 100 px with a mouth of 40 × 10 px."""
    points = np.full((68, 2), 100.0, np.float32)
    points[0], points[16] = (50, 90), (150, 90)
    points[36], points[45] = (65, 80), (135, 80)
    angle = np.pi + np.arange(12) * 2 * np.pi / 12
    points[48:60] = np.stack([100 + 20 * np.cos(angle), 130 + 5 * np.sin(angle)], 1)
    points[[61, 62, 63]] = [(95, 128), (100, 128), (105, 128)]
    points[[67, 66, 65]] = [(95, 135), (100, 135), (105, 135)]
    return points


def test_aperture_has_no_unit(landmarks):
    assert np.isclose(mouth_aperture(landmarks), 7 / 70)
    assert np.isclose(mouth_aperture(landmarks * 3), 7 / 70)
    stack = np.stack([landmarks, landmarks])
    assert mouth_aperture(stack).shape == (2,)


def test_the_mask_is_the_lip_grown_by_a_share_of_the_face(landmarks):
    assert face_width(landmarks) == 100
    small = mouth_mask(landmarks, 200, 200, dilation=0.0)
    large = mouth_mask(landmarks, 200, 200, dilation=0.1)
    assert small[130, 100] and not small[130, 128]
    assert large[130, 128] and not large[130, 135]
    assert large[small].all()


def test_the_mask_of_both_eyes_leaves_the_nose_between_them(landmarks):
    for first, x in ((36, 65), (42, 115)):
        around = [(0, 0), (6, -4), (14, -4), (20, 0), (14, 4), (6, 4)]
        landmarks[first : first + 6] = [(x + dx, 80 + dy) for dx, dy in around]
    assert np.isclose(eye_aperture(landmarks), 8 / 70)
    small, large = (eyes_mask(landmarks, 200, 200, dilation=d) for d in (0.0, 0.05))
    assert small[80, 75] and small[80, 125] and not small[80, 100] and not small[72, 75]
    assert large[72, 75] and not large[80, 100] and large[small].all()


def test_boxes_stay_inside_the_image(landmarks):
    for box in (face_box(landmarks, 140, 160), mouth_box(landmarks, 140, 160)):
        assert box is not None
        left, top, right, bottom = box
        assert 0 <= left < right <= 160 and 0 <= top < bottom <= 140
    box = mouth_box(landmarks, 200, 200)
    assert box is not None
    left, top, right, bottom = box
    assert left <= 80 and right >= 120 and top <= 125 and bottom >= 135


@pytest.mark.parametrize("away", [(300, 0), (0, 300), (-300, 0), (0, -300)])
def test_what_lies_outside_the_image_has_no_box(landmarks, away):
    landmarks[48:60] += np.array(away, np.float32)
    assert mouth_box(landmarks, 200, 200) is None
    assert face_box(landmarks, 200, 200) is not None
