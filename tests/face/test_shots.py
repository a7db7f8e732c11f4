import numpy as np
import pytest

from audioplane.face.landmarker import Face
from audioplane.face.shots import (
    THUMBNAIL,
    Look,
    Shot,
    find_cuts,
    judge_shots,
    may_be_cut,
    shape_distance,
    thumbnail,
)
from tests.face.figure import template

N = 60


def look(wall: int, other_person: float = 0.0, seed: int = 0, beside: float = 0.0) -> Look:
    """A face before a wall of a colour; another person's face has other proportions."""
    rng = np.random.default_rng(seed)
    image = np.full((120, 200, 3), wall, np.uint8)
    image += rng.integers(0, 8, image.shape, dtype=np.uint8)
    points = template()
    points *= np.array([1.0, 1.0, 1.0 + other_person], np.float32)
    points = points * np.float32(20) + np.array([100 + beside, 60, 0], np.float32)
    return Look.of(Face(points, np.zeros(2, np.float32)), thumbnail(image), 200)


def looks_of(*shots: Look | None) -> dict[int, Look]:
    """`N` frames a shot, every fifth one seen; None shows no face."""
    return {
        N * k + i: shot for k, shot in enumerate(shots) if shot is not None for i in range(0, N, 5)
    }


def flaws(*shots: Look | None) -> list[str | None]:
    cuts = [N * k for k in range(1, len(shots))]
    return [s.flaw for s in judge_shots(cuts, N * len(shots), looks_of(*shots))]


def test_a_thumbnail_keeps_the_proportions():
    assert thumbnail(np.zeros((1920, 1080, 3), np.uint8)).shape == (THUMBNAIL, 36, 3)
    assert thumbnail(np.zeros((40, 400, 3), np.uint8)).shape == (6, THUMBNAIL, 3)


def test_cuts_stand_out_of_motion_and_noise():
    rng = np.random.default_rng(0)
    changes = rng.uniform(0.3, 1.2, 300)
    changes[0] = 0
    changes[100:140] += 4 * np.abs(np.sin(np.arange(40) / 3))  # somebody shakes the head
    assert find_cuts(changes) == []
    changes[[50, 200, 203]] = 8.0, 5.0, 14.0
    assert find_cuts(changes) == [50, 200, 203]
    assert [i for i in range(1, 60) if may_be_cut(changes[: i + 1].tolist())] == [50]


def test_still_images_have_no_cuts():
    assert find_cuts(np.zeros(30)) == []
    assert find_cuts(np.array([0.0])) == []


def test_jump_cuts_of_one_person_on_one_scene_are_kept():
    assert flaws(look(90), look(95, seed=1), look(90, beside=15)) == [None] * 3


def test_another_scene_is_left_out_and_the_longer_part_kept():
    assert flaws(look(90), look(180), look(92)) == [None, "another scene", None]


def test_another_person_on_the_same_scene_is_left_out():
    assert flaws(look(90), look(90), look(90, other_person=0.4)) == [None, None, "another person"]


def test_a_shot_without_a_face_is_left_to_the_landmarks():
    assert flaws(look(90), None) == [None, None]
    assert judge_shots([4], 9, {}) == [Shot(0, 4), Shot(4, 9)]


@pytest.mark.parametrize("scale", [0.5, 3.0])
def test_shapes_are_compared_without_place_turn_and_size(scale):
    a = template()[:100].astype(np.float64)
    angle = 0.7
    turn = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    assert shape_distance(a, scale * a @ turn + [1, 2, 3]) < 1e-9 * scale
    mirrored = a * [1, 1, -1]
    assert shape_distance(a, mirrored) > 0.1
