import numpy as np
import pytest

from audioplane.synthetic.anatomy import (
    hair_distance,
    head_field,
    sample_field,
    skin_distance,
)
from audioplane.synthetic.face import (
    BLINK_LEFT,
    BLINK_RIGHT,
    EYE,
    EYE_X,
    EYE_Y,
    EYE_Z,
    HAIR,
    JAW,
    MOUTH_Z,
    head_distance,
    pose_face,
    unrotate_jaw,
)
from audioplane.synthetic.landmarks import landmark_points, true_aperture

SHUT = np.array([0, 0, 0, 0, 0, 0.2, 1.0])


def _pose(mouth: np.ndarray, blink: float = 0.0) -> np.ndarray:
    return pose_face(np.asarray(mouth, float), np.full(2, blink), 0.0, np.zeros(2))


def _first_hit(face: np.ndarray, x: float, y: float) -> tuple[float, int]:
    """Depth and material where a ray along +z meets the head."""
    z = -0.15
    while z < 0.1:
        distance, material = head_distance(face, head_field(), x, y, z)
        if distance < 3e-4:
            return z, material
        z += 0.5 * distance
    return z, -1


def test_the_grid_holds_the_shape() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform([-0.08, -0.12, -0.11], [0.08, 0.11, 0.1], (400, 3))
    sampled = np.array([sample_field(head_field(), *p) for p in points])
    exact = np.array([(skin_distance(*p), hair_distance(*p)) for p in points])
    assert np.abs(sampled - exact).mean() < 2e-4


def test_outside_the_grid_distance_still_grows() -> None:
    near, far = (sample_field(head_field(), 0.0, 0.0, z)[0] for z in (-0.2, -0.4))
    assert far == pytest.approx(near + 0.2, abs=0.002)


def test_eyes_open_and_close() -> None:
    for side in (-1, 1):
        assert _first_hit(_pose(SHUT), side * EYE_X, EYE_Y)[1] == EYE
        assert _first_hit(_pose(SHUT, 1.0), side * EYE_X, EYE_Y - 0.003)[1] != EYE
    one = _pose(SHUT)
    one[BLINK_LEFT], one[BLINK_RIGHT] = 1.0, 0.0
    assert _first_hit(one, EYE_X, EYE_Y)[1] == EYE
    assert _first_hit(one, -EYE_X, EYE_Y - 0.003)[1] != EYE
    assert EYE_Z < -0.05


def test_there_is_hair_on_top_and_none_on_the_face() -> None:
    assert _first_hit(_pose(SHUT), 0.0, -0.095)[1] == HAIR
    assert _first_hit(_pose(SHUT), 0.0, 0.03)[1] != HAIR


def test_the_mouth_is_deep_only_when_open() -> None:
    shut, _ = _first_hit(_pose(SHUT), 0.0, 0.0685)
    opened = _pose([1.0, 0, 0, 0.3, -0.3, 0, 0])
    deep, _ = _first_hit(opened, 0.0, 0.080)
    assert shut < MOUTH_Z + 0.006
    assert deep > MOUTH_Z + 0.012


def test_the_chin_follows_the_jaw() -> None:
    rest = landmark_points(_pose(SHUT))
    moved = landmark_points(_pose([1.0, 0, 0, 0, 0, 0, 0]))
    assert 0.012 < moved[8, 1] - rest[8, 1] < 0.035
    np.testing.assert_allclose(moved[[0, 16]], rest[[0, 16]], atol=1e-9)
    np.testing.assert_allclose(moved[17:48], rest[17:48])
    face = _pose([1.0, 0, 0, 0, 0, 0, 0])
    back = unrotate_jaw(face[JAW], moved[8, 1], moved[8, 2])
    np.testing.assert_allclose(back, rest[8, 1:], atol=1.5e-3)


def test_aperture_grows_with_the_jaw_from_nothing() -> None:
    jaws = np.linspace(0, 1, 6)
    points = np.stack([landmark_points(_pose([j, 0, 0, 0, 0, 0, 0])) for j in jaws])
    apertures = true_aperture(points)
    assert apertures[0] == 0
    assert (np.diff(apertures) > 0.02).all()
    assert 0.17 < apertures[-1] < 0.35
    assert true_aperture(landmark_points(_pose([1.0, 0, 0, 1, 0, 0, 1.0]))) == 0


def test_rounding_narrows_the_mouth_and_pushes_it_forward() -> None:
    flat, round_ = (landmark_points(_pose([0.3, 0, r, 0, 0, 0, 0])) for r in (0.0, 1.0))
    assert np.ptp(round_[48:60, 0]) < 0.75 * np.ptp(flat[48:60, 0])
    assert round_[62, 2] < flat[62, 2] - 0.004


def test_the_face_is_its_own_mirror_image() -> None:
    p = landmark_points(_pose([0.6, 0.2, 0.1, 0.2, 0, 0, 0]))
    mirrored = p[[*range(16, -1, -1), *range(26, 16, -1)]] * [-1, 1, 1]
    np.testing.assert_allclose(p[:27], mirrored, atol=1.5e-3)
