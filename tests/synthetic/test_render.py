from dataclasses import replace

import cv2
import numpy as np
import pytest

from audioplane.face.regions import mouth_aperture
from audioplane.subject import Label, head_mask, torso_mask
from audioplane.synthetic.body import NECK_PIVOT
from audioplane.synthetic.camera import (
    HEAD_FRAMING,
    FrameGeometry,
    body_to_camera,
    frame_geometry,
    turn_about,
)
from audioplane.synthetic.face import EYE_RADIUS, EYE_X, EYE_Y, EYE_Z, MOUTH_Y, pose_face
from audioplane.synthetic.landmarks import landmark_points
from audioplane.synthetic.render import SyntheticFrame, draw, draw_background

SIZE = 96
SHUT = (0, 0, 0, 0, 0, 0.2, 1.0)
WIDE = (1.0, 0, 0, 0.3, -0.3, 0, 0)
POSES = [(0.0, 0.0, 0.0), (12.0, 5.0, 3.0), (-12.0, -5.0, -3.0)]


def _draw(
    mouth: tuple = SHUT, angles: tuple = (0, 0, 0), blink: float = 0.0
) -> tuple[SyntheticFrame, np.ndarray, FrameGeometry]:
    face = pose_face(np.array(mouth, float), np.full(2, blink), 0.0, np.zeros(2))
    geometry = frame_geometry(np.radians(np.array(angles, float)), np.zeros(3), SIZE)
    frame = draw(face, geometry, draw_background(SIZE))
    return frame, geometry.project(landmark_points(face)), geometry


def _over(torso: np.ndarray) -> np.ndarray:
    alpha = torso[..., 3:] / 255
    return torso[..., :3] * alpha + draw_background(SIZE) * (1 - alpha)


@pytest.mark.parametrize("angles", POSES)
def test_labels_are_complete_and_sit_where_they_belong(angles: tuple) -> None:
    frame, points, _ = _draw(WIDE, angles)
    labels = frame.labels
    assert set(np.unique(labels)) == set(Label)
    middle = {
        k: np.argwhere(labels == k).mean(0)[0] for k in (Label.HAIR, Label.MOUTH, Label.TORSO)
    }
    assert middle[Label.HAIR] < middle[Label.MOUTH] < middle[Label.TORSO]
    inside = np.round(points[[30, 33, 37, 44, 2, 14, 8]] - 0.5).astype(int)
    inside[4:] += [[3, 0], [-3, 0], [0, -2]]
    assert (labels[inside[:, 1], inside[:, 0]] == Label.HEAD).all()


@pytest.mark.parametrize("angles", POSES)
def test_the_inner_lip_polygon_is_the_mouth_label(angles: tuple) -> None:
    frame, points, _ = _draw(WIDE, angles)
    polygon = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(polygon, [np.round(points[60:68] - 0.5).astype(np.int32)], (1,))
    mouth, inside = frame.labels == Label.MOUTH, polygon == 1
    assert inside.sum() > 30
    assert (mouth & inside).sum() > 0.8 * mouth.sum()
    assert np.isin(frame.labels[inside], [Label.MOUTH, Label.HEAD]).all()
    assert mouth[inside].mean() > 0.65


def _close_up(mouth: tuple) -> tuple[SyntheticFrame, np.ndarray]:
    """The mouth straight ahead, as large as images of 640 pixels show it."""
    face = pose_face(np.array(mouth, float), np.zeros(2), 0.0, np.zeros(2))
    middle = np.array([0.0, HEAD_FRAMING.lower_by - MOUTH_Y, 0.0])
    near = replace(frame_geometry(np.zeros(3), middle, SIZE), focal=640 * HEAD_FRAMING.focal)
    return draw(face, near, draw_background(SIZE)), near.project(landmark_points(face))


@pytest.mark.parametrize(
    ("jaw", "aperture"), [(0.11, 0.03), (0.2, 0.05), (0.37, 0.09), (0.7, 0.15), (1.2, 0.24)]
)
def test_the_drawn_opening_is_the_told_one(jaw: float, aperture: float) -> None:
    frame, points = _close_up((jaw, 0, 0, 0.2, 0, 0, 0))
    assert mouth_aperture(points) == pytest.approx(aperture, abs=0.006)
    for upper, lower in ((61, 67), (62, 66), (63, 65)):
        drawn = np.flatnonzero(frame.labels[:, int(points[upper, 0])] == Label.MOUTH)
        told = points[[upper, lower], 1]
        np.testing.assert_allclose([drawn[0], drawn[-1] + 1], told, atol=1.2)
        assert len(drawn) == np.ptp(drawn) + 1
    drawn = np.flatnonzero((frame.labels == Label.MOUTH).any(0))
    np.testing.assert_allclose([drawn[0], drawn[-1] + 1], points[[60, 64], 0], atol=4)


@pytest.mark.parametrize("mouth", [SHUT, (0, 0, 0, 0, 0, 0, 0), (0, 0, 1, 0, 0, 0, 0)])
def test_a_shut_mouth_shows_no_inside(mouth: tuple) -> None:
    assert (_close_up(mouth)[0].labels == Label.HEAD).all()


def test_the_drawn_eyes_follow_the_projected_ones() -> None:
    """Irises are the only teal on the skin: their middle must move as the 3-D points do."""
    front = EYE_Z - EYE_RADIUS
    irises = np.array([[-EYE_X, EYE_Y, front], [EYE_X, EYE_Y, front]])
    found, told = [], []
    for angles in POSES:
        frame, _, geometry = _draw(SHUT, angles)
        r, _, b = (frame.image[..., c].astype(int) for c in range(3))
        teal = (b - r > 15) & (frame.labels == Label.HEAD)
        assert teal.sum() >= 8
        found.append(np.argwhere(teal).mean(0)[::-1] + 0.5)
        told.append(geometry.project(irises).mean(0))
    np.testing.assert_allclose(np.diff(found, axis=0), np.diff(told, axis=0), atol=1.6)
    np.testing.assert_allclose(found, told, atol=1.5)


def test_the_image_is_the_head_over_its_torso() -> None:
    frame, _, _ = _draw(WIDE, (8, 3, 0))
    near_head = cv2.dilate(head_mask(frame.labels).astype(np.uint8), np.ones((3, 3))) > 0
    difference = np.abs(frame.image - _over(frame.torso)).max(-1)
    assert difference[~near_head].max() <= 1
    hidden = head_mask(frame.labels) & (frame.torso[..., 3] == 255)
    assert hidden.sum() > 100, "the neck must go on beneath the head"


def test_the_torso_knows_nothing_of_the_mouth() -> None:
    one, other = _draw(SHUT)[0], _draw(WIDE, blink=1.0)[0]
    assert np.array_equal(one.torso, other.torso)
    assert not np.array_equal(one.image, other.image)


def test_shoulders_stay_while_the_head_turns() -> None:
    rest, turned = _draw(SHUT)[0], _draw(SHUT, (12, 0, 0))[0]
    low = torso_mask(rest.labels) & torso_mask(turned.labels)
    low[: int(0.88 * SIZE)] = False
    low[:, SIZE // 4 : -SIZE // 4] = False
    change = np.abs(rest.image.astype(int) - turned.image)[low]
    assert low.sum() > 100
    assert change.mean() < 3
    head = head_mask(rest.labels) & head_mask(turned.labels)
    assert np.abs(rest.image.astype(int) - turned.image)[head].mean() > 10


@pytest.mark.parametrize("yaw", [45, 75])
def test_the_body_has_no_holes_from_the_side(yaw: int) -> None:
    body = body_to_camera(np.zeros(3), np.zeros(3), HEAD_FRAMING)
    body = body @ turn_about(np.array(NECK_PIVOT), np.radians([yaw, 0, 0]), np.zeros(3))
    geometry = frame_geometry(np.zeros(3), np.zeros(3), SIZE, body)
    face = pose_face(np.array(SHUT), np.zeros(2), 0.0, np.zeros(2))
    torso = draw(face, geometry, draw_background(SIZE)).torso[..., 3] == 255
    starts = (np.diff(torso.astype(int), axis=1, prepend=0) == 1).sum(1)
    assert starts.max() == 1
    assert torso.sum() > 1300


def eye_aperture(landmarks: np.ndarray) -> np.ndarray:
    """Eye aspect ratio of the image-left and image-right eye (Soukupová and Čech 2016)."""
    p = landmarks[36:48].reshape(2, 6, 2)
    height = np.linalg.norm(p[:, [1, 2]] - p[:, [5, 4]], axis=-1).mean(-1)
    return np.asarray(height / np.linalg.norm(p[:, 3] - p[:, 0], axis=-1))


def test_a_blink_hides_the_eyes() -> None:
    def teal(frame: SyntheticFrame) -> int:
        r, b = frame.image[..., 0].astype(int), frame.image[..., 2].astype(int)
        return int(((b - r > 15) & (frame.labels == Label.HEAD)).sum())

    awake, asleep = _draw(SHUT), _draw(SHUT, blink=1.0)
    assert teal(awake[0]) > 8
    assert teal(asleep[0]) == 0
    assert (eye_aperture(awake[1]) > 0.25).all()
    assert (eye_aperture(asleep[1]) < 0.05).all()


def test_drawing_again_gives_the_same_bits() -> None:
    one, other = _draw(WIDE, (5, -3, 2))[0], _draw(WIDE, (5, -3, 2))[0]
    assert np.array_equal(one.image, other.image)
    assert np.array_equal(one.labels, other.labels)
