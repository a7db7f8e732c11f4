import numpy as np

from audioplane.face.finder import CropBox, FaceFinder, crop_image
from tests.face.figure import SIZE, DrawnFaces, draw, wide


def test_a_larger_face_that_comes_later_does_not_take_over():
    finder = FaceFinder(DrawnFaces(None, max_faces=4))
    first = finder.find(wide(0, (0.8, 20, 60)))
    later = finder.find(wide(1, (0.8, 20, 60), (1.2, 200, 40)))
    assert first is not None
    assert later is not None
    assert np.linalg.norm(later.centre - first.centre) < 12


def test_a_lost_face_is_searched_for_again_after_a_while():
    finder = FaceFinder(DrawnFaces(None))
    seen = [finder.find(wide(0, (1.2, 20, 40))) is not None]
    for _ in range(5):
        seen.append(finder.find(wide(0)) is not None)
    for i in range(2):
        seen.append(finder.find(wide(i, (1.2, 200, 40))) is not None)
    assert seen == [True] + [False] * 5 + [True] * 2


def test_a_cut_beyond_the_image_repeats_its_edge():
    image = draw(0)
    whole = crop_image(image, CropBox(0, 0, SIZE), SIZE)
    np.testing.assert_array_equal(whole, image)
    beyond = crop_image(image, CropBox(-10, -20, SIZE + 30), SIZE + 30)
    np.testing.assert_array_equal(beyond[20 : 20 + SIZE, 10 : 10 + SIZE], image)
    np.testing.assert_array_equal(beyond[:20, 10 : 10 + SIZE], np.tile(image[:1], (20, 1, 1)))
    assert (beyond[20 + SIZE :, 10 + SIZE :] == image[-1, -1]).all()
