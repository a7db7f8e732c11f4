import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audioplane.synthetic.body import NECK_PIVOT
from audioplane.synthetic.camera import DISTANCE, frame_geometry, rotation_matrix

_angle = st.floats(-0.5, 0.5)


@given(_angle, _angle, _angle)
def test_rotations_are_rotations(yaw: float, pitch: float, roll: float) -> None:
    R = rotation_matrix(np.array([yaw, pitch, roll]))
    np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(R) == pytest.approx(1)


@pytest.mark.parametrize(
    ("angles", "way"), [((0.2, 0, 0), (1, 0)), ((0, 0.2, 0), (0, 1))], ids=["yaw", "nod"]
)
def test_the_nose_goes_where_the_angles_say(angles: tuple, way: tuple) -> None:
    nose = np.array([0.0, 0.03, -0.11])
    rest = frame_geometry(np.zeros(3), np.zeros(3), 192).project(nose)
    turned = frame_geometry(np.array(angles, float), np.zeros(3), 192).project(nose)
    moved = (turned - rest) @ np.array(way)
    assert moved > 5
    assert np.abs(turned - rest).sum() == pytest.approx(moved, rel=0.35)


def test_the_head_turns_about_the_neck() -> None:
    pivot = np.array(NECK_PIVOT)
    rest = frame_geometry(np.zeros(3), np.zeros(3), 192)
    turned = frame_geometry(np.array([0.2, -0.1, 0.05]), np.zeros(3), 192)
    np.testing.assert_allclose(rest.project(pivot), turned.project(pivot), atol=1e-9)


def test_the_head_at_rest_faces_the_camera() -> None:
    geometry = frame_geometry(np.zeros(3), np.zeros(3), 100)
    np.testing.assert_allclose(geometry.viewmat[:3, :3], np.eye(3))
    assert geometry.viewmat[2, 3] == DISTANCE
    x, y = geometry.project(np.zeros(3))
    assert x == 50
    assert 40 < y < 50
