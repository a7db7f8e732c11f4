import cv2
import numpy as np
import pytest

from audioplane.subject import Label, head_mask
from audioplane.synthetic.anatomy import hair_distance
from audioplane.synthetic.body import NECK_PIVOT
from audioplane.synthetic.camera import (
    BUST_FRAMING,
    FrameGeometry,
    body_to_camera,
    transform,
    turn_about,
)
from audioplane.synthetic.hair import (
    CELL,
    LOOSE,
    LYING,
    ORIGIN,
    hair_at_rest,
    hair_weight,
    long_hair_distance,
    long_hair_field,
    sample_hair,
)
from audioplane.synthetic.make import make_scene, make_synthetic_sentence
from audioplane.synthetic.render import draw_background
from audioplane.synthetic.scene import SyntheticScene

SIZE = 128
TURNS = [(15, 0, 0), (-15, 0, 0), (0, 15, 0), (0, -15, 0), (0, 0, 15), (12, 8, -10)]


def _turn(angles: tuple) -> np.ndarray:
    return turn_about(np.array(NECK_PIVOT), np.radians(np.array(angles, float)), np.zeros(3))


def _skinned(head_in_body: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Points of the hair in body axes, from where they are at rest."""
    w = np.array([hair_weight(y) for y in rest[:, 1]])[:, None]
    return (1 - w) * transform(head_in_body, rest) + w * rest


def _surface() -> np.ndarray:
    """Points at rest on the surface of the hair."""
    at = np.argwhere(np.abs(long_hair_field()) < 0.4 * CELL)[:, ::-1]
    return np.array(ORIGIN) + CELL * at


@pytest.fixture(scope="module")
def scene() -> SyntheticScene:
    return make_scene(make_synthetic_sentence(1.0, 0), SIZE, 0, long_hair=True, moving_body=True)


@pytest.fixture(scope="module")
def body_viewmat() -> np.ndarray:
    return body_to_camera(np.zeros(3), np.zeros(3), BUST_FRAMING)


def test_it_is_the_short_hair_at_the_crown_and_lies_on_the_chest() -> None:
    field = long_hair_field()
    for x, y, z in ((0.0, -0.12, 0.0), (0.03, -0.125, 0.04), (-0.02, -0.115, -0.03)):
        short = hair_distance(x, y, z)
        assert sample_hair(field, x, y, z) == pytest.approx(short - 0.002, abs=5e-4)
    rest = _surface()
    before_the_chest = rest[rest[:, 2] < 0]
    assert before_the_chest[:, 1].max() == pytest.approx(0.275, abs=0.015)
    assert hair_weight(LOOSE) == 0
    assert hair_weight(LYING) == 1
    far = sample_hair(field, 0.0, 0.0, -0.5)
    assert far == pytest.approx(sample_hair(field, 0.0, 0.0, -0.3) + 0.2, abs=0.002)


@pytest.mark.parametrize("angles", TURNS)
def test_the_point_at_rest_is_found_again(angles: tuple) -> None:
    G = _turn(angles)
    G[:3, 3] += [0.01, -0.005, 0.02]
    rng = np.random.default_rng(0)
    rest = rng.uniform([-0.13, -0.1, -0.06], [0.13, 0.28, 0.15], (500, 3))
    there = _skinned(G, rest)
    R, t = np.ascontiguousarray(G[:3, :3]), tuple(G[:3, 3])
    found = np.array([hair_at_rest(R, t, tuple(p)) for p in there])
    np.testing.assert_allclose(found, rest, atol=1e-5)
    moved = np.linalg.norm(there - rest, axis=1)
    assert moved.max() > 0.02


def test_distance_is_zero_on_the_skinned_surface() -> None:
    G, field = _turn((12, 8, -10)), long_hair_field()
    there = _skinned(G, _surface()[::50])
    R, t = np.ascontiguousarray(G[:3, :3]), tuple(G[:3, 3])
    off = [long_hair_distance(field, R, t, tuple(p)) for p in there]
    assert np.abs(off).max() < 0.4 * CELL + 0.0021, "but for the strands' grooves"


@pytest.mark.parametrize("angles", [(0, 0, 0), *TURNS])
def test_hair_is_drawn_where_its_points_project(
    scene: SyntheticScene, body_viewmat: np.ndarray, angles: tuple
) -> None:
    viewmat = body_viewmat @ _turn(angles)
    labels = scene.draw(0, viewmat, body_viewmat).labels
    geometry = scene.geometry(0, viewmat, body_viewmat)
    told = _covered(geometry, _skinned(geometry.head_in_body, _surface()))
    hair = labels == Label.HAIR
    near = cv2.dilate(told, np.ones((3, 3))) > 0
    assert near[hair].mean() > 0.995
    person = cv2.dilate((labels != Label.BACKGROUND).astype(np.uint8), np.ones((3, 3))) > 0
    assert person[told > 0].all()
    if angles[2]:
        rigid = _covered(geometry, transform(geometry.head_in_body, _surface())) > 0
        assert (rigid & ~person).sum() > 20, "hair that moved with the head alone would show"


def _covered(geometry: FrameGeometry, points: np.ndarray) -> np.ndarray:
    u, v = np.floor(geometry.project_body(points)).astype(int).T
    covered = np.zeros((SIZE, SIZE), np.uint8)
    covered[np.clip(v, 0, SIZE - 1), np.clip(u, 0, SIZE - 1)] = 1
    return covered


def test_hair_runs_from_the_head_over_the_shirt(scene: SyntheticScene) -> None:
    for t in (0, 12, 24):
        frame, geometry = scene.draw(t), scene.geometry(t)
        hair = frame.labels == Label.HAIR
        pieces, _, sizes, _ = cv2.connectedComponentsWithStats(hair.astype(np.uint8))
        assert sizes[1:, cv2.CC_STAT_AREA].max() > 0.97 * hair.sum()
        rows = np.flatnonzero(hair.any(1))
        brows = geometry.project(np.array([0.0, -0.03, -0.09]))[1]
        collar = geometry.project_body(np.array([0.0, 0.175, 0.0]))[1]
        assert rows[0] < brows - 20
        assert rows[-1] > collar + 10
        lying = hair & (frame.torso[..., 3] == 255)
        assert lying[int(collar) :].sum() > 200, "shirt goes on beneath it"
        assert head_mask(frame.labels)[hair].all()


def test_it_moves_with_the_head_above_and_with_the_body_below(
    scene: SyntheticScene, body_viewmat: np.ndarray
) -> None:
    rest = scene.draw(0, body_viewmat, body_viewmat)
    turned = scene.draw(0, body_viewmat @ _turn((10, 0, 0)), body_viewmat)
    moved = scene.draw(0, body_viewmat, body_viewmat @ _turn((8, 0, 0)))
    hair = np.logical_and.reduce([f.labels == Label.HAIR for f in (rest, turned, moved)])
    scalp = scene.geometry(0, body_viewmat, body_viewmat).project(np.array([0.0, -0.05, -0.09]))[1]
    chest = scene.geometry(0, body_viewmat, body_viewmat).project(np.array([0.0, 0.20, 0.0]))[1]
    above, below = hair.copy(), hair.copy()
    above[int(scalp) :], below[: int(chest)] = False, False
    assert above.sum() > 300
    assert below.sum() > 150

    def change(frame: np.ndarray, where: np.ndarray) -> float:
        return float(np.abs(frame.astype(int) - rest.image)[where].mean())

    assert change(turned.image, above) > 5 * change(turned.image, below)
    assert change(moved.image, below) > 5 * change(moved.image, above)


def test_away_from_hair_and_head_the_image_is_the_torso_over_the_background(
    scene: SyntheticScene,
) -> None:
    frame = scene.draw(12)
    alpha = frame.torso[..., 3:] / 255
    plate = frame.torso[..., :3] * alpha + draw_background(SIZE) * (1 - alpha)
    near = cv2.dilate(head_mask(frame.labels).astype(np.uint8), np.ones((3, 3))) > 0
    assert np.abs(frame.image - plate).max(-1)[~near].max() <= 1
    assert not np.isin(frame.labels[frame.torso[..., 3] == 255], [Label.BACKGROUND]).any()
