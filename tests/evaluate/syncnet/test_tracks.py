from dataclasses import replace

import cv2
import numpy as np
import pytest

from audioplane.evaluate.syncnet.tracks import (
    ShotFinder,
    Shots,
    crop_face,
    face_tracks,
    overlap,
)

FACE = np.array([100.0, 80.0, 240.0, 260.0])


def shots(n: int, cuts: tuple[int, ...] = (), absent: range = range(0)) -> Shots:
    return Shots(tuple(None if i in absent else FACE + 0.1 * i for i in range(n)), cuts)


def test_one_face_is_one_track():
    (track,) = face_tracks(shots(120))
    assert track.first == 0 and len(track) == 120
    # The median of thirteen values on a line is the middle one, away from the ends.
    np.testing.assert_allclose(track.centres[6:-6, 0], 170 + 0.1 * np.arange(6, 114))
    np.testing.assert_allclose(track.centres[6:-6, 1], 170 + 0.1 * np.arange(6, 114))
    np.testing.assert_allclose(track.sizes[6:-6], 90)


@pytest.mark.parametrize(
    "seen, spans",
    [
        (shots(100), []),  # more than 100 are needed
        (shots(101), [(0, 101)]),
        (shots(250, cuts=(120,)), [(0, 120), (120, 250)]),
        (shots(150, cuts=(120,)), [(0, 120)]),
        (shots(150, absent=range(40, 64)), [(0, 150)]),  # lost for 25 frames
        (shots(150, absent=range(40, 65)), []),  # for 26: 40 and 85 frames are left
        (shots(180, absent=range(0, 70)), [(70, 180)]),
        (Shots((None,) * 200, ()), []),
    ],
)
def test_what_is_a_track(seen, spans):
    assert [(t.first, t.first + len(t)) for t in face_tracks(seen)] == spans


def test_two_faces_in_turn_are_two_tracks():
    other = FACE + 300
    faces = tuple(other if 110 <= i < 220 else FACE for i in range(330))
    tracks = face_tracks(Shots(faces, ()))
    assert [(t.first, len(t)) for t in tracks] == [(0, 110), (110, 110), (220, 110)]


def test_one_bad_box_is_smoothed_away():
    seen = shots(120)
    bad = replace(seen, faces=(*seen.faces[:60], FACE + [-20, 0, 30, 0], *seen.faces[61:]))
    (clean,), (track,) = face_tracks(seen), face_tracks(bad)
    assert abs(track.centres - clean.centres)[6:-6].max() < 0.11  # a rank in the median


def test_small_faces_are_no_track():
    faces = tuple(np.array([0.0, 0.0, 80.0, side]) for side in [100.0] * 120)
    assert face_tracks(Shots(faces, ())) == []
    faces = tuple(np.array([0.0, 0.0, 80.0, side]) for side in [101.0] * 120)
    assert len(face_tracks(Shots(faces, ()))) == 1


def test_overlap():
    a = np.array([0.0, 0.0, 10.0, 10.0])
    assert overlap(a, a) == 1
    assert overlap(a, a + 20) == 0
    assert overlap(a, np.array([5.0, 0.0, 15.0, 10.0])) == pytest.approx(1 / 3)


@pytest.mark.parametrize("x, y, size", [(60.3, 50.7, 21.9), (5.0, 3.0, 20.0), (95.0, 75.0, 30.5)])
def test_the_crop_is_the_authors(x, y, size):
    image = np.random.default_rng(0).integers(0, 255, (80, 100, 3), np.uint8)
    # Said as in their run_pipeline.py: pad by `bsi`, then cut about the moved centre.
    bsi = int(size * 1.8)
    padded = np.pad(image, ((bsi, bsi), (bsi, bsi), (0, 0)), constant_values=110)
    my, mx = y + bsi, x + bsi
    top, bottom = int(my - size), int(my + size * 1.8)
    left, right = int(mx - size * 1.4), int(mx + size * 1.4)
    expected = cv2.resize(padded[top:bottom, left:right], (224, 224))
    np.testing.assert_array_equal(crop_face(image, np.array([x, y]), size), expected)


def test_cuts_are_seen_but_not_two_at_once():
    finder = ShotFinder()
    rng = np.random.default_rng(1)
    scenes = [rng.integers(0, 255, (40, 40, 3), np.uint8) for _ in range(4)]
    for i in range(80):
        scene = 0 if i < 30 else 1 if i < 50 else 2 if i < 55 else 3
        finder.add(scenes[scene] // 2 + (i % 3), np.array([[1.0, 2.0, 0], [5, 9, 0], [3, 4, 1]]))
    seen = finder.shots()
    assert seen.cuts == (30, 50)  # the next change comes after five frames
    assert len(seen.faces) == 80
    assert seen.faces[0] is not None and seen.faces[0].tolist() == [1, 2, 5, 9]
