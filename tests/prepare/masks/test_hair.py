import cv2
import numpy as np
import pytest

from audioplane.face.landmarker import to_68
from audioplane.prepare.masks.geometry import FaceFrame, head_side
from audioplane.prepare.masks.hair import hanging, learn_hair
from tests.face.figure import COAT, HAIR, SKIN, DrawnFaces, draw, face_centre, parts

FRAMES = range(0, 30, 5)
BLACK = (35, 35, 45)
TIP = 112
"""Row that the strands hang down to, well below the jaw's cut and above the chest."""


def alike(image: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return np.abs(image.astype(int) - colour).sum(-1) < 30


def with_strands(i: int, colour=BLACK) -> np.ndarray:
    """The figure with hair of a colour, beside both cheeks too."""
    image = draw(i)
    image[alike(image, HAIR)] = colour
    x, y = (round(v) for v in face_centre(i))
    for left in (x - 36, x + 28):
        cv2.rectangle(image, (left, y), (left + 8, TIP), colour, -1)
    return image


def landmarks_of(i: int) -> np.ndarray:
    return to_68(DrawnFaces(None, follow=True).detect(draw(i))[0].points)


def person_in(image: np.ndarray) -> np.ndarray:
    return (parts(image) > 0) | alike(image, BLACK)


def learnt(images: list[np.ndarray]):
    points = [landmarks_of(i) for i in FRAMES]
    return learn_hair(images, points, [person_in(image) for image in images])


def test_strands_below_the_jaw_belong_to_the_head():
    images = [with_strands(i) for i in FRAMES]
    colours = learnt(images)
    assert colours is not None
    for i, image in zip(FRAMES, images, strict=True):
        points = landmarks_of(i)
        head = person_in(image) & head_side(points, len(image))
        found = hanging(colours.hair(image, points) & person_in(image), head, points)
        true = alike(image, BLACK) & ~head
        assert true.sum() > 200
        assert (found & true).sum() / (found | true).sum() > 0.75


def test_neither_coat_nor_neck_is_hair():
    images = [with_strands(i) for i in FRAMES]
    colours = learnt(images)
    assert colours is not None
    for i, image in zip(FRAMES, images, strict=True):
        points = landmarks_of(i)
        hair = colours.hair(image, points)
        for colour in (COAT, SKIN):
            assert not hair[alike(image, colour)].any()


@pytest.mark.parametrize("colour", [COAT, SKIN, HAIR])
def test_hair_of_the_clothes_colour_claims_no_pixel(colour):
    images = [with_strands(i, colour) for i in FRAMES]
    colours = learnt(images)
    assert colours is None or not any(
        colours.hair(image, landmarks_of(i))[person_in(image)].any()
        for i, image in zip(FRAMES, images, strict=True)
    )


def test_where_nothing_is_the_persons_nothing_is_learnt():
    images = [draw(i) for i in FRAMES]
    nobody = [np.zeros(image.shape[:2], bool) for image in images]
    assert learn_hair(images, [landmarks_of(i) for i in FRAMES], nobody) is None


def test_what_does_not_touch_the_head_or_is_the_necks_shadow_stays_the_bodys():
    points = landmarks_of(0)
    head = (parts(draw(0)) > 0) & head_side(points, 160)
    chin = np.round(points[8]).astype(int)
    hair = np.zeros_like(head)
    hair[chin[1] + 2 : chin[1] + 8, chin[0] - 4 : chin[0] + 4] = True  # under the chin
    hair[chin[1] + 10 : chin[1] + 16, chin[0] + 25 : chin[0] + 31] = True  # free
    assert not hanging(hair, head, points).any()


def test_the_rim_of_a_dark_shoulder_is_no_hair_but_a_tuft_on_a_thread_is():
    points = 3.2 * landmarks_of(0)
    size, face = 512, FaceFrame.of(points)
    x, y = np.round(face.at(0.4, 0.0)).astype(int)  # beside the neck, as high as the chin
    head, rim, tuft = (np.zeros((size, size), bool) for _ in range(3))
    head[: y - 10] = True
    for hair in (rim, tuft):
        hair[y - 10 : y + 10, x] = True
    rim[y + 5 : y + 10, x - 25 : x + 25] = True
    tuft[y + 5 : y + 35, x - 15 : x + 15] = True
    assert not hanging(rim, head, points)[y:].any()
    found = hanging(tuft, head, points)
    assert found.sum() > 0.9 * 30 * 30 and not (found & ~tuft).any()
