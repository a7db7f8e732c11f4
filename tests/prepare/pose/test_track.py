import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from audioplane.face.head_axes import (
    _BROWS,
    _EYELIDS,
    EYE_DISTANCE,
    LEFT_EYE,
    RIGHT_EYE,
    average_shape,
    rigid_points,
)
from audioplane.prepare.pose.camera import Intrinsics, project, to_camera
from audioplane.prepare.pose.fit import HUBER
from audioplane.prepare.pose.focal import find_focal
from audioplane.prepare.pose.track import track_head
from tests.face.figure import template

FRAMES = 150
CAMERA = Intrinsics(1100.0, 256.0)


def head_at_rest() -> np.ndarray:
    """478 points in metres, origin 6 cm behind the eyes."""
    points = template().astype(np.float64)
    points *= EYE_DISTANCE / np.linalg.norm(points[RIGHT_EYE] - points[LEFT_EYE])
    return points + [0, 0, -0.06 - points[LEFT_EYE, 2]]


def performed(camera: Intrinsics) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Landmarks in pixels with relative depth of a head that talks, blinks and frowns at 0.8 m;
    its true rotations and translations."""
    rng = np.random.default_rng(0)
    rest, t = head_at_rest(), np.arange(FRAMES) / 25
    x, y = rest[:, 0], rest[:, 1]
    points = np.tile(rest, (FRAMES, 1, 1))
    mouth = np.exp(-(((y - 0.07) / 0.02) ** 2)) * (y > 0.045)
    points[..., 1] += 0.008 * (1 + np.sin(2 * np.pi * 4 * t))[:, None] * mouth
    frown = 0.003 * np.exp(-((((y + 0.06) / 0.015) ** 2) + (x / 0.04) ** 2))
    points[..., 1] -= (np.sin(t * 1.1) ** 2)[:, None] * frown
    smile = 0.002 * np.exp(-(((y - 0.03) ** 2 + (np.abs(x) - 0.045) ** 2) / 0.015**2))
    points[..., 1] -= (np.sin(t * 0.7) ** 2)[:, None] * smile
    blink = (np.arange(FRAMES) % 60 < 5)[:, None]
    points[:, _EYELIDS, 1] += 0.008 * blink
    points[:, _BROWS, 1] += 0.002 * blink
    euler = [6 * np.sin(2.0 * t), 10 * np.sin(1.3 * t + 1), 4 * np.sin(1.7 * t)]
    rotations = Rotation.from_euler("xyz", np.stack(euler, -1), degrees=True).as_matrix()
    shift = [0.02 * np.sin(t), 0.01 * np.cos(1.5 * t), 0.8 + 0.02 * np.sin(0.7 * t)]
    translations = np.stack(shift, -1)
    at = to_camera(points, rotations, translations)
    seen = np.concatenate([project(at, camera), at[..., 2:] * camera.focal / 0.8], -1)
    seen[..., :2] += rng.normal(0, 0.5, seen[..., :2].shape)
    return seen.astype(np.float32), rotations, translations


def errors(viewmats, valid, rotations, translations) -> tuple[np.ndarray, np.ndarray]:
    """Degrees and metres; the head's own axes, place and size are free: no video shows them."""
    r, t = viewmats[valid, :3, :3], viewmats[valid, :3, 3]
    true_r, true_t = rotations[valid], translations[valid]
    axes = Rotation.from_matrix(r.transpose(0, 2, 1) @ true_r).mean().as_matrix()
    turn = np.degrees(Rotation.from_matrix(r @ axes @ true_r.transpose(0, 2, 1)).magnitude())
    known = np.concatenate([t[..., None], true_r], -1).reshape(-1, 4)
    place = np.linalg.lstsq(known, true_t.ravel(), rcond=None)[0]
    return turn, np.linalg.norm((known @ place).reshape(-1, 3) - true_t, axis=-1)


def test_a_head_that_talks_blinks_and_frowns_is_recovered():
    seen, rotations, translations = performed(CAMERA)
    valid = np.ones(FRAMES, bool)

    viewmats, report = track_head(seen[..., :2], seen[..., 2], valid, 512)

    turn, away = errors(viewmats, valid, rotations, translations)
    assert report.focal == CAMERA.focal
    assert turn.max() <= 0.5
    assert away.mean() <= 0.002
    assert report.median <= 1.0
    assert report.p95 <= 2.5
    assert report.jitter <= 0.3


def test_a_hand_misleads_only_its_frames_and_lost_ones_are_left_out():
    seen, rotations, translations = performed(CAMERA)
    valid = np.ones(FRAMES, bool)
    valid[60:67] = False
    seen[60:67] = 0
    hand = np.zeros(FRAMES, bool)
    hand[110:120] = True
    # The landmarker guesses what is covered: by 2 to 5 px where a hand was drawn on a clip.
    half = np.flatnonzero(head_at_rest()[:, 0] < -0.01)
    seen[np.ix_(np.flatnonzero(hand), half, [0, 1])] += np.float32([4, 2])

    viewmats, report = track_head(seen[..., :2], seen[..., 2], valid, 512, focal=CAMERA.focal)

    turn, away = errors(viewmats, valid, rotations, translations)
    free = ~hand[valid]
    assert report.runs == 2
    assert turn[~free].max() <= 5
    assert np.percentile(turn[free], 95) <= 0.5
    assert np.percentile(away[free], 95) <= 0.003
    np.testing.assert_array_equal(viewmats[60:67], np.tile(np.eye(4), (7, 1, 1)))


def test_a_long_focal_length_is_found_and_a_given_one_stands():
    seen, _, _ = performed(Intrinsics(2100.0, 256.0))
    guess = average_shape(seen)
    rigid = rigid_points(guess)
    observed = seen[:, rigid, :2].astype(np.float64)

    assert find_focal(observed, guess[rigid], 512, HUBER) == pytest.approx(2100, rel=0.3)
    given = track_head(seen[:40, :, :2], seen[:40, :, 2], np.ones(40, bool), 512, focal=800.0)[1]
    assert given.focal == 800
