import cv2
import numpy as np

from audioplane.face.mouth_cover import MouthCover
from tests.face.figure import DrawnFaces, draw, face_centre


def test_covered_and_speaking_mouths_are_distinguished():
    cover, hidden = MouthCover(), range(20, 32)
    for i in range(60):
        image = draw(i)
        face = DrawnFaces(None, follow=True).detect(image)[0]
        if i in hidden:
            x, y = (round(v) for v in face_centre(i))
            cv2.rectangle(image, (x - 18, y + 4), (x + 18, y + 34), (60, 60, 70), -1)
        cover.add(face, image)
    assert np.flatnonzero(cover.covered()).tolist() == list(hidden)


def test_nothing_seen_is_nothing_covered():
    assert not len(MouthCover().covered())
