"""Labels of the synthetic figure; whole preparations are in test_pipeline."""

import cv2
import numpy as np

from audioplane.face.landmarker import to_68
from audioplane.prepare.masks.frames import MaskedFrame, vote
from audioplane.prepare.masks.head_frame import HeadFrame
from audioplane.prepare.masks.labels import label_frame
from audioplane.prepare.masks.person import PersonMask
from audioplane.subject import Label
from tests.face.figure import COAT, HAIR, SKIN, DrawnFaces, draw, face_centre, parts


def frame(image: np.ndarray, i: int = 0, hair: np.ndarray | None = None) -> MaskedFrame:
    points = DrawnFaces(None, follow=True).detect(draw(0))[0].points
    head = HeadFrame(np.array(face_centre(0)), np.array([1.0, 0]), np.array([0, 1.0]), 100.0)
    person = (parts(image) > 0).astype(np.float32)
    return MaskedFrame(i, 0, image, points[:, :2], to_68(points), head, PersonMask(person, hair))


def hair_in(image: np.ndarray) -> np.ndarray:
    return np.abs(image.astype(int) - HAIR).sum(-1) < 30


def with_strand(image: np.ndarray) -> np.ndarray:
    """Hair beside the neck down to the coat, with an edge that looks like neither."""
    image = image.copy()
    cv2.rectangle(image, (110, 80), (116, 108), HAIR, -1)
    cv2.rectangle(image, (117, 80), (117, 104), COAT, -1)
    return image


def test_a_strand_belongs_to_the_head_with_its_edge():
    image = with_strand(draw(0))
    labels = label_frame(frame(image, hair=hair_in(image)))
    assert (labels[82:106, 111:116] == Label.HEAD).all()
    assert (labels[82:103, 117] == Label.HEAD).all()
    without = label_frame(frame(image))
    assert (without[95:104, 111:116] == Label.TORSO).all()


def test_a_piece_of_coat_that_a_collar_cuts_off_stays_the_body_s():
    image = draw(0)
    wall = image[2, 2]
    image[112:, 30:34] = wall  # from the shoulder to the frame's lower edge
    labels = label_frame(frame(image, hair=hair_in(image)))
    coat = np.abs(image.astype(int) - COAT).sum(-1) < 30
    assert coat[:, :30].sum() > 300
    assert (labels[coat] == Label.TORSO).all()


def test_cheeks_beyond_the_jaw_s_landmarks_are_the_head_s():
    image = draw(0)
    jaw = to_68(frame(image).points)[11:15]
    beside = np.round(jaw + (2, 0)).astype(int)
    cv2.polylines(image, [np.round(jaw + (2, 0)).astype(np.int32)], False, SKIN, 3)
    labels = label_frame(frame(image))
    assert all(labels[y, x] == Label.HEAD for x, y in beside[:3])


def test_neighbours_vote_on_hair_and_person():
    image = with_strand(draw(0))
    seen, missed = (frame(image, i, hair_in(image)) for i in (0, 1)), draw(0)
    odd = frame(missed, 2, np.zeros((160, 160), bool))
    near = [*seen, odd, *(frame(image, i, hair_in(image)) for i in (3, 4))]
    voted = vote(odd, near)
    assert voted.mask.hair is not None
    assert voted.mask.hair[84:104, 112:115].all()
    assert voted.mask.person[84:104, 112:115].all()
    assert not voted.mask.person[20:60, 130:].any()
