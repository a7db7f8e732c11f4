import cv2
import numpy as np
import pytest

from audioplane.errors import ComparisonError
from audioplane.experiments.compare.scan import PORTRAIT, scan_video, upright
from tests.experiments.compare.conftest import N
from tests.experiments.compare.videos import ReadsMouths, face_frames, openings
from tests.face.figure import face_centre, template


def read(path):
    steps = []
    shown = scan_video(path, ReadsMouths(None, max_faces=4), lambda: steps.append(1))
    assert len(steps) == len(shown)
    return shown


def test_a_video_is_scanned(truth):
    shown = read(truth)
    assert len(shown) == N and shown.found.all() and shown.shots.cuts == ()
    assert (shown.info.width, shown.info.height, shown.info.has_audio) == (160, 160, True)
    track = shown.mouth(slice(0, N))
    assert np.corrcoef(track.aperture, openings(N))[0, 1] > 0.97
    centres = np.array([face_centre(i) for i in range(N)])
    nose = shown.landmarks[:, 30]
    assert np.corrcoef(nose[:, 0], centres[:, 0])[0, 1] > 0.97
    np.testing.assert_allclose(
        shown.mouth(slice(3, 9), 2.0).landmarks, 2 * shown.landmarks[3:9, 48:68]
    )
    assert shown.sound is not None and abs(len(shown.sound) - N * 640) < 2000


def test_lost_faces_are_interpolated_and_reported(make_video):
    frames = face_frames(30)
    for i in range(10, 14):
        frames[i] = np.full_like(frames[i], 90)
    shown = read(make_video("lost", frames))
    assert np.flatnonzero(~shown.found).tolist() == [10, 11, 12, 13]
    middle = (shown.landmarks[9] + shown.landmarks[14]) / 2
    np.testing.assert_allclose((shown.landmarks[11] + shown.landmarks[12]) / 2, middle)
    assert not shown.blendshapes[11].any() and shown.blendshapes[9].any()
    assert shown.sound is None


def test_nobody_is_an_error(make_video):
    wall = [np.full((96, 96, 3), 80, np.uint8)] * 5
    with pytest.raises(ComparisonError, match="no face"):
        read(make_video("wall", wall))


def test_a_turned_and_shrunk_face_has_the_same_portrait():
    rng = np.random.default_rng(0)
    scene = cv2.GaussianBlur(rng.integers(0, 255, (300, 300), np.uint8), (0, 0), 5)
    points = np.zeros((478, 3), np.float32)
    points[:] = template() * 60 + np.array([150, 150, 0], np.float32)
    face = ReadsMouths(None)  # only its Face is needed
    assert face is not None
    from audioplane.face.landmarker import Face

    straight = upright(scene, Face(points, np.zeros(2, np.float32)))
    turn = cv2.getRotationMatrix2D((150, 150), 25, 0.8)
    turned = points.copy()
    turned[:, :2] = points[:, :2] @ turn[:, :2].T + turn[:, 2]
    rotated = cv2.warpAffine(scene, turn, (300, 300))
    same = upright(rotated, Face(turned.astype(np.float32), np.zeros(2, np.float32)))
    inner = slice(8, PORTRAIT - 8)
    agreement = np.corrcoef(straight[inner, inner].ravel(), same[inner, inner].ravel())[0, 1]
    assert agreement > 0.98
