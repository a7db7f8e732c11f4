from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from audioplane.face.landmarker import BLENDSHAPES, N_POINTS
from audioplane.prepare import expression, with_expression
from audioplane.prepare.expression import gaze_angles
from audioplane.subject import load_subject
from audioplane.subject.expression import COLUMNS, load_expressions

K = np.array([[900.0, 0, 256], [0, 900, 256], [0, 0, 1]])
CORNERS = {33: -0.045, 133: -0.017, 362: 0.017, 263: 0.045}
"""x of the corners of the eyes, metres, at y = 0 and 6 cm before the head's centre."""


def seen(gaze: np.ndarray, turn: np.ndarray, flip: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks and views of a head that turns and whose eyes turn in it; only eyes are placed."""
    n = len(gaze)
    views = np.tile(np.eye(4), (n, 1, 1))
    views[:, :3, :3] = Rotation.from_euler("yx", turn).as_matrix()
    views[:, :3, 3] = [0.01, -0.02, 0.8]
    points = np.zeros((n, N_POINTS, 3))
    for i, x in CORNERS.items():
        points[:, i] = [x, 0, -0.06]
    yaw, pitch = gaze.T
    way = [np.sin(yaw) * np.cos(pitch), np.sin(pitch), -np.cos(yaw) * np.cos(pitch)]
    # The balls' middles lie behind the corners.
    for iris, x in ((468, -0.031), (473, 0.031)):
        points[:, iris] = [x, 0, -0.06 + 0.006] + 0.0125 * np.stack(way, 1)
    camera = np.einsum("nij,nkj->nki", views[:, :3, :3], points) + views[:, None, :3, 3]
    pixels = camera[..., :2] / camera[..., 2:] * 900 + 256
    return pixels, views @ np.diag([*flip, 1.0])


@pytest.mark.parametrize("flip", [(1, 1, 1), (1, -1, -1)], ids=["ours", "prior work"])
def test_gaze_is_that_of_the_eyes_in_the_head(flip):
    rng = np.random.default_rng(0)
    gaze = rng.uniform(-0.35, 0.35, (60, 2))
    turn = rng.uniform(-0.2, 0.2, (60, 2))
    points, views = seen(gaze, turn, np.array(flip, float))
    found = gaze_angles(points, views, K)
    for k in (0, 1):
        assert np.corrcoef(found[:, k], gaze[:, k])[0, 1] > 0.98
    np.testing.assert_allclose(found, gaze, atol=0.08)


class OneFace:
    """A landmarker that always sees the same face."""

    restarts = 0

    def __init__(self, model, follow):
        assert follow

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def restart(self):
        type(self).restarts += 1

    def detect(self, image):
        points, _ = seen(np.zeros((1, 2)), np.zeros((1, 2)), np.ones(3))
        shapes = np.zeros(len(BLENDSHAPES), np.float32)
        shapes[BLENDSHAPES.index("browInnerUp")] = image.mean() / 255
        return [type("Seen", (), {"points": points[0].astype(np.float32), "blendshapes": shapes})()]


@pytest.fixture
def older(spoken_subject, tmp_path):
    """A subject prepared before expressions were."""
    for source in spoken_subject.paths.root.iterdir():
        (tmp_path / source.name).symlink_to(source)
    (tmp_path / "expression.npy").unlink()
    return load_subject(tmp_path)


def test_an_older_subject_gets_its_expressions(older, monkeypatch):
    monkeypatch.setattr(expression, "find_model", lambda *_: Path("model"))
    monkeypatch.setattr(expression, "Landmarker", OneFace)
    subject = with_expression(older)
    rows = load_expressions(older.paths.expressions)
    assert subject.has_expression and rows.shape == (55, len(COLUMNS))
    for ref in subject.val:
        seen = rows[ref.img_id, COLUMNS.index("browInnerUp")]
        assert seen == pytest.approx(subject.image(ref).mean() / 255)


def test_without_the_landmarker_it_stays_as_it_is(older, monkeypatch):
    monkeypatch.setattr(expression, "find_model", lambda *_: None)
    assert with_expression(older) is older and not older.has_expression


def test_a_face_that_is_hardly_seen_makes_no_expressions(older, monkeypatch):
    monkeypatch.setattr(expression, "find_model", lambda *_: Path("model"))
    monkeypatch.setattr(expression, "Landmarker", OneFace)
    monkeypatch.setattr(OneFace, "detect", lambda *_: [])
    assert with_expression(older) is older and not older.paths.expressions.exists()
