import numpy as np
import pytest

from audioplane.face.landmarker import to_68
from audioplane.prepare.plates import (
    StillPlate,
    background_plate,
    masked_median,
    pick_frames,
    torso_image,
    torso_plate,
)
from audioplane.subject import Label
from tests.face.figure import COAT, SIZE, SKIN, DrawnFaces, draw, parts

NECK_ROWS = slice(112, 126)


def labels_of(i: int, neck: bool = True) -> np.ndarray:
    """The figure's labels, the neck only if wanted."""
    is_part = parts(draw(i))
    rows = np.indices(is_part.shape)[0]
    labels = np.where(is_part > 0, np.where(rows < 112, Label.HEAD, Label.TORSO), 0)
    below = (is_part == 2) & (rows >= 112)
    return np.where(below, Label.NECK if neck else Label.TORSO, labels).astype(np.uint8)


def landmarks_of(i: int) -> np.ndarray:
    return to_68(DrawnFaces(None, follow=True).detect(draw(i))[0].points)


def whole(labels: np.ndarray) -> np.ndarray:
    """The alpha of a person without loose hair."""
    return (labels != Label.BACKGROUND).astype(np.float32)


def plate(neck: bool = True):
    frames = range(0, 30, 3)
    images = np.stack([draw(i) for i in frames])
    return torso_plate(images, np.stack([labels_of(i, neck) for i in frames]))


def test_hair_that_the_mask_misses_leaves_no_ghost_in_the_background():
    wall, hair = (90, 150, 120), (70, 40, 20)
    image = np.full((SIZE, SIZE, 3), wall, np.uint8)
    y, x = np.indices((SIZE, SIZE))
    head = np.hypot(x - 80, y - 70) < 50
    image[head] = hair
    notch = head & (np.hypot(x - 45, y - 35) < 18)
    labels = np.where(head & ~notch, Label.HEAD, Label.BACKGROUND).astype(np.uint8)

    plate = background_plate(np.stack([image] * 3), np.stack([labels] * 3))

    assert np.abs(plate.astype(int) - wall).max() <= 2


def test_a_pixel_that_is_seen_near_the_person_alone_is_in_the_background():
    wall = np.random.default_rng(0).integers(0, 256, (512, 512, 3)).astype(np.uint8)
    labels = np.zeros((512, 512), np.uint8)
    labels[100:, 100:400] = Label.HEAD
    image = np.where(labels[..., None] > 0, np.uint8(9), wall)
    plate = background_plate(np.stack([image] * 3), np.stack([labels] * 3))
    near = np.zeros_like(labels, bool)
    near[96:, 96:404] = labels[96:, 96:404] == 0
    np.testing.assert_array_equal(plate[(labels == 0) & ~near], wall[(labels == 0) & ~near])


def test_a_few_masks_that_miss_a_shoulder_leave_none_of_it_in_the_background():
    """Seen from afar alone, pixels close to it are those of the wrong masks."""
    wall, coat = np.uint8(150), np.uint8(20)
    images = np.full((50, 512, 64, 3), wall)
    labels = np.zeros(images.shape[:3], np.uint8)
    images[:, :, 40:], labels[:, :, 40:] = coat, Label.TORSO
    images[:4, :, 32:], labels[:4, :, 40:48] = coat, Label.BACKGROUND
    assert (background_plate(images, labels)[:, :37] == wall).all()


def test_where_the_background_shines_through_the_torso_is_painted():
    image, labels = draw(4), labels_of(4)
    alpha = whole(labels)
    row = 150
    edge = int(np.flatnonzero(labels[row] == Label.TORSO)[0])
    alpha[140:, : edge + 3] = 0.5
    image[140:, : edge + 3] = (0, 255, 0)
    rgba = torso_image(image, labels, landmarks_of(4), plate(), alpha)
    assert np.abs(rgba[row, edge : edge + 3, :3].astype(int) - COAT).max() < 40
    assert (rgba[row, edge : edge + 3, 3] == 128).all()


def test_an_edge_that_shines_through_has_the_frame_s_colours_not_those_of_others():
    image, labels = draw(4), labels_of(4)
    alpha = whole(labels)
    edge = int(np.flatnonzero(labels[150] == Label.TORSO)[0])
    alpha[:, : edge + 3] *= 0.5
    others = np.full((SIZE, SIZE, 3), COAT, np.float32)
    others[:, : edge + 3] = 250  # a collar: they leaned elsewhere
    rgba = torso_image(image, labels, landmarks_of(4), StillPlate(others, others), alpha)
    assert np.abs(rgba[150:, edge : edge + 3, :3].astype(int) - COAT).max() < 40


@pytest.mark.parametrize("neck", [True, False])
def test_the_torso_is_the_frame_s_own_where_it_is_seen(neck):
    image, labels = draw(4), labels_of(4, neck)
    rgba = torso_image(image, labels, landmarks_of(4), plate(neck), whole(labels))
    coat = np.zeros((SIZE, SIZE), bool)
    coat[148:, 30:130] = True
    np.testing.assert_array_equal(rgba[coat][:, :3], image[coat])
    assert (rgba[coat][:, 3] == 255).all()
    assert not rgba[:40].any()
    # Nothing shown has a colour that neck and coat have not.
    shown = rgba[rgba[..., 3] > 250][:, :3].astype(float)
    along = np.clip((shown - COAT) @ np.subtract(SKIN, COAT), 0, None)
    between = (
        COAT + along[:, None] * np.subtract(SKIN, COAT) / np.square(np.subtract(SKIN, COAT)).sum()
    )
    assert np.abs(shown - between).max() < 30


def test_the_neck_continues_into_other_frames_without_a_seam():
    dark = (draw(4) * 0.6).astype(np.uint8)
    labels = labels_of(4)
    rgba = torso_image(dark, labels, landmarks_of(4), plate(), whole(labels)).astype(int)
    x, y = np.round(landmarks_of(4)[8]).astype(int)
    column = rgba[y - 6 : y + 8, x]
    assert (column[:, 3] > 250).all()
    assert np.abs(column[-1, :3] - 0.6 * np.array(SKIN)).max() < 2
    assert np.abs(column[0, :3] - SKIN).max() < 30
    assert np.abs(np.diff(column[:, :3], axis=0)).max() < 12


def test_nobody_below_the_head_is_an_empty_torso():
    labels = np.where(labels_of(0) == Label.HEAD, Label.HEAD, Label.BACKGROUND).astype(np.uint8)
    assert not torso_image(draw(0), labels, landmarks_of(0), plate(), whole(labels)).any()


def test_a_background_that_is_sometimes_visible_is_found():
    rng = np.random.default_rng(0)
    true = rng.integers(0, 255, (64, 64, 3), np.uint8)
    images, labels = np.tile(true, (20, 1, 1, 1)), np.zeros((20, 64, 64), np.uint8)
    for i in range(20):
        columns = slice(2 * i, 2 * i + 16)
        images[i, :, columns], labels[i, :, columns] = 255, Label.HEAD
    np.testing.assert_array_equal(background_plate(images, labels), true)


def test_a_median_counts_only_what_is_meant():
    images = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    masks = np.zeros((5, 2, 2), bool)
    masks[2:, 0, 0] = True
    median, seen = masked_median(images, masks)
    assert (median[0, 0] == 3).all()
    assert seen.tolist() == [[True, False], [False, False]]


def test_frames_are_picked_evenly():
    assert pick_frames(range(5), 9) == [0, 1, 2, 3, 4]
    picked = pick_frames(range(0, 1000, 2), 10)
    assert picked[0] == 0
    assert picked[-1] == 998
    assert len(set(picked)) == 10


def test_no_collar_looks_out_beside_the_jaw():
    """A driven head covers its recorded outline only roughly."""
    labels = np.zeros((512, 512), np.uint8)
    labels[60:330, 150:350] = Label.HEAD
    labels[330:, 60:450] = Label.TORSO
    image = np.where(labels[..., None] == Label.TORSO, (40, 40, 60), (200, 140, 120))
    points = 512 / SIZE * landmarks_of(4)
    points += (250, 330) - points[8]
    still = StillPlate(*(np.full((512, 512, 3), c, np.float32) for c in (40, 150)))
    image = image.astype(np.uint8)
    alpha = torso_image(image, labels, points.astype(np.float32), still, whole(labels))[..., 3]
    assert max(alpha[:326, 150:154].max(), alpha[:326, 346:350].max()) < 16
    assert (alpha[322:326, 170:330] == 255).all()


def test_behind_hair_beside_the_neck_is_the_wall():
    def large(image: np.ndarray) -> np.ndarray:
        return image.repeat(4, 0).repeat(4, 1)

    labels = large(labels_of(4))
    row = labels[4 * 116]
    right = int(np.flatnonzero(row == Label.NECK).max()) + 1
    labels[4 * 110 : 4 * 120, right : right + 60] = Label.HEAD
    still = plate()
    still = StillPlate(large(still.torso), large(still.neck))
    points = 4 * landmarks_of(4)
    alpha = torso_image(large(draw(4)), labels, points, still, whole(labels))[..., 3]
    beside = alpha[4 * 112 : 4 * 114]
    assert (beside[:, right - 20 : right - 4] == 255).all()
    assert not beside[:, right + 6 : right + 60].any()
