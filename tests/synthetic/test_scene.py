from pathlib import Path

import numpy as np
import pytest

from audioplane.errors import SubjectError
from audioplane.subject import Label, torso_mask
from audioplane.synthetic.body import NECK_PIVOT, SHIRT, body_distance
from audioplane.synthetic.camera import (
    BUST_FRAMING,
    HEAD_FRAMING,
    FrameGeometry,
    body_to_camera,
    turn_about,
)
from audioplane.synthetic.make import make_scene, make_synthetic_sentence
from audioplane.synthetic.render import SyntheticFrame
from audioplane.synthetic.scene import SyntheticScene

SIZE = 128
FRAMES = (0, 20, 45, 70)


@pytest.fixture(scope="module")
def scene() -> SyntheticScene:
    return make_scene(make_synthetic_sentence(3.0, 0), SIZE, seed=0, moving_body=True)


@pytest.fixture(scope="module")
def frames(scene: SyntheticScene) -> list[SyntheticFrame]:
    return [scene.draw(t) for t in FRAMES]


def _stripe(geometry: FrameGeometry) -> np.ndarray:
    """Points in body axes along the light stripe across the shirt."""
    points = []
    for x in np.linspace(-0.12, 0.12, 13):
        y, z = 0.1955 + 0.6 * x * x, -0.2
        for _ in range(200):
            z += 0.7 * body_distance(tuple(geometry.neck_top), x, y, z)[0]
        assert body_distance(tuple(geometry.neck_top), x, y, z)[1] == SHIRT
        points.append((x, y, z))
    return np.array(points)


def _on_stripe(frame: SyntheticFrame, pixels: np.ndarray) -> float:
    """Share of the pixels that show the stripe; the shirt around it is teal."""
    u, v = np.floor(pixels).astype(int).T
    shown = frame.image[v, u].astype(int)
    return float((shown[:, 0] > shown[:, 2]).mean())


def test_points_of_the_body_are_where_the_image_shows_them(
    scene: SyntheticScene, frames: list[SyntheticFrame]
) -> None:
    for t, frame in zip(FRAMES, frames, strict=True):
        geometry = scene.geometry(t)
        pixels = geometry.project_body(_stripe(geometry))
        assert _on_stripe(frame, pixels) == 1
        for off in (-3, 3):
            assert _on_stripe(frame, pixels + [0, off]) == 0


def test_body_motion_takes_points_through_the_heads_world(scene: SyntheticScene) -> None:
    start, B = scene.geometry(scene.reference), scene.body_motion
    np.testing.assert_allclose(B[scene.reference], np.eye(4), atol=1e-12)
    points = np.append(_stripe(start), np.ones((13, 1)), 1)
    world = points @ np.linalg.inv(start.head_in_body).T
    for t in FRAMES:
        there = world @ B[t].T
        expected = scene.geometry(t).project_body(points[:, :3])
        np.testing.assert_allclose(scene.geometry(t).project(there[:, :3]), expected, atol=1e-9)


def test_the_body_moves_smoothly_and_the_head_moves_against_it(scene: SyntheticScene) -> None:
    long = make_scene(make_synthetic_sentence(20.0, 0), 32, seed=0, moving_body=True)
    spots = np.array([[0.15, 0.2, 0.0], [-0.15, 0.2, 0.0]])
    seen = np.stack([long.geometry(t).project_body(spots) / 32 for t in range(500)])
    assert (np.ptp(seen, axis=0).min(0) > [0.04, 0.025]).all(), "in image sizes"
    assert np.abs(np.diff(seen, axis=0)).max() < 0.012
    against = np.stack([long.geometry(t).head_in_body[:3, 2] for t in range(500)])
    assert np.ptp(np.degrees(np.arcsin(against[:, 0]))) > 15
    again = make_scene(make_synthetic_sentence(3.0, 0), SIZE, seed=0, moving_body=True)
    np.testing.assert_array_equal(again.body_viewmats, scene.body_viewmats)
    other = make_scene(make_synthetic_sentence(3.0, 0), SIZE, seed=1, moving_body=True)
    assert np.abs(other.body_viewmats - scene.body_viewmats).max() > 0.01


def test_without_it_the_body_stands_still() -> None:
    still = make_scene(make_synthetic_sentence(1.0, 0), SIZE, seed=0)
    rest = body_to_camera(np.zeros(3), np.zeros(3), HEAD_FRAMING)
    np.testing.assert_array_equal(still.body_viewmats, np.broadcast_to(rest, (25, 4, 4)))


def test_the_default_subject_is_what_it_was_before_bodies_moved() -> None:
    """Block means of one frame, as version 0.1 drew it but for the eyes, which glance around since,
    and the lips, which show what is between them; bits differ between processors."""
    frame = make_scene(make_synthetic_sentence(1.0, 0), 96, seed=0).draw(12)
    blocks = [
        [159.89, 137.79, 148.65, 136.05],
        [158.93, 159.93, 131.63, 132.63],
        [148.68, 177.44, 149.79, 124.84],
        [125.49, 146.48, 137.63, 118.52],
    ]
    means = frame.image.reshape(4, 24, 4, 24, 3).mean((1, 3, 4))
    np.testing.assert_allclose(means, blocks, atol=0.02)
    counts = np.bincount(frame.labels.ravel(), minlength=6)
    np.testing.assert_allclose(counts, [5411, 1365, 507, 1092, 16, 825], atol=2)
    means = frame.torso.mean((0, 1))
    np.testing.assert_allclose(means, [33.47, 34.01, 33.23, 62.67], atol=0.02)


def test_head_and_body_are_drawn_in_poses_of_their_own(
    scene: SyntheticScene, frames: list[SyntheticFrame]
) -> None:
    same = scene.draw(0, scene.viewmats[0], scene.body_viewmats[0])
    np.testing.assert_array_equal(same.image, frames[0].image)
    turned = scene.viewmats[0] @ turn_about(np.zeros(3), np.radians([15.0, 0, 0]), np.zeros(3))
    novel = scene.draw(0, turned)
    body = torso_mask(novel.labels) & torso_mask(frames[0].labels)
    body[: int(0.8 * SIZE)] = False
    off = np.abs(novel.image.astype(int) - frames[0].image)
    assert body.sum() > 1000
    assert off[body].mean() < 1, "the body stays"
    head = (novel.labels == Label.HEAD) & (frames[0].labels == Label.HEAD)
    assert off[head].mean() > 8
    moved = body_to_camera(np.radians([-8.0, 2.0, -4.0]), np.array([0.01, 0, 0]), BUST_FRAMING)
    novel = scene.draw(0, body_viewmat=moved)
    geometry = scene.geometry(0, body_viewmat=moved)
    np.testing.assert_allclose(geometry.viewmat, scene.viewmats[0], atol=1e-12)
    assert _on_stripe(novel, geometry.project_body(_stripe(geometry))) == 1
    still = np.abs(novel.image.astype(int) - frames[0].image)
    head = (novel.labels == Label.HAIR) & (frames[0].labels == Label.HAIR)
    assert head.sum() > 500
    assert still[head].mean() < 1, "the head stays"


def test_the_neck_joins_head_and_body_in_every_pose(scene: SyntheticScene) -> None:
    for yaw, pitch, roll in ((15, 0, 0), (-15, 0, 0), (0, 15, 0), (0, -15, 0), (0, 0, 15)):
        turn = turn_about(np.array(NECK_PIVOT), np.radians([yaw, pitch, roll]), np.zeros(3))
        viewmat = scene.viewmats[0] @ turn
        labels = scene.draw(0, viewmat).labels
        u, v = scene.geometry(0, viewmat).project(np.array(NECK_PIVOT)).astype(int)
        assert (labels[v:, u - 8 : u + 8] != Label.BACKGROUND).all()
        assert (labels == Label.NECK).sum() > 100


def test_a_scene_is_read_back(scene: SyntheticScene, tmp_path: Path) -> None:
    scene.save(tmp_path / "scene.safetensors")
    read = SyntheticScene.load(tmp_path / "scene.safetensors")
    np.testing.assert_array_equal(read.draw(20).image, scene.draw(20).image)
    np.testing.assert_array_equal(read.body_motion, scene.body_motion)
    with pytest.raises(SubjectError, match="again"):
        SyntheticScene.load(tmp_path / "none.safetensors")
