"""A tiny subject: a drawn face whose mouth opens and whose head moves."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from audioplane.media.image import write_image
from audioplane.subject import (
    FrameRef,
    Label,
    Split,
    Subject,
    SubjectInfo,
    SubjectPaths,
    load_subject,
    paint_labels,
    write_split,
)

SIZE, FOCAL = 128, 300.0
K = np.array([[FOCAL, 0, SIZE / 2], [0, FOCAL, SIZE / 2], [0, 0, 1]])
MOUTH = np.array([0.0, -0.06, 0.07])
Draw = Callable[[FrameRef, float], np.ndarray]


def pose(i: int) -> np.ndarray:
    """World→camera of frame i: the head sways, nods and rolls."""
    roll, yaw = 0.1 * np.sin(i / 9), 0.15 * np.sin(i / 13)
    about_z = np.array(
        [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
    )
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    viewmat = np.eye(4)
    viewmat[:3, :3] = np.diag([1.0, -1.0, -1.0]) @ about_z @ about_y
    viewmat[:3, 3] = [0.02 * np.sin(i / 7), 0.01 * np.cos(i / 5), 0.8 + 0.05 * np.sin(i / 17)]
    return viewmat


def aperture(i: int) -> float:
    """How far the mouth of frame i is open, 0 to 1."""
    return float(0.5 + 0.3 * np.sin(i * 0.7) + 0.2 * np.sin(i * 0.31 + 1))


def _points(opening: float) -> np.ndarray:
    """68 landmarks in world units."""
    points = np.zeros((68, 3))
    angle = np.linspace(np.pi, 2 * np.pi, 17)
    points[:17, :2] = np.stack([0.09 * np.cos(angle), 0.12 * np.sin(angle)], 1)
    for first, x in ((36, -0.04), (42, 0.04)):
        a = np.array([np.pi, 2.1, 1.0, 0.0, -1.0, -2.1])
        points[first : first + 6, :2] = np.stack([x + 0.02 * np.cos(a), 0.03 + 0.01 * np.sin(a)], 1)
    height = 0.004 + 0.02 * opening
    for first, count, rx, ry in ((48, 12, 0.035, height + 0.008), (60, 8, 0.028, height)):
        a = np.pi - np.arange(count) * 2 * np.pi / count
        ring = np.stack([rx * np.cos(a), ry * np.sin(a), np.zeros(count)], 1)
        points[first : first + count] = MOUTH + ring
    return points


def project(points: np.ndarray, ref: FrameRef) -> np.ndarray:
    camera = points @ ref.viewmat[:3, :3].T + ref.viewmat[:3, 3]
    return (camera @ K.T)[:, :2] / camera[:, 2:]


def draw(ref: FrameRef, opening: float) -> np.ndarray:
    """Image of the face with the pose of `ref`."""
    image = np.full((SIZE, SIZE, 3), (90, 120, 150), np.uint8)
    landmarks = project(_points(opening), ref)

    def fill(points: np.ndarray, colour: tuple[int, int, int]) -> None:
        fixed = np.round(points * 16).astype(np.int32)
        cv2.fillPoly(image, [fixed], colour, lineType=cv2.LINE_AA, shift=4)

    angle = np.linspace(0, 2 * np.pi, 40)
    oval = np.stack([0.1 * np.cos(angle), 0.13 * np.sin(angle), 0 * angle], 1)
    fill(project(oval, ref), (220, 180, 150))
    fill(landmarks[36:42], (60, 40, 30))
    fill(landmarks[42:48], (60, 40, 30))
    fill(landmarks[48:60], (200, 90, 90))
    fill(landmarks[60:68], (50, 10, 20))
    return image


def write_subject(root: Path, n_train: int, n_val: int) -> Subject:
    paths = SubjectPaths(root)
    paths.make_folders()
    refs = [FrameRef(i, i, pose(i)) for i in range(n_train + n_val)]
    background = np.full((SIZE, SIZE, 3), (90, 120, 150), np.uint8)
    write_image(paths.background, background)
    for ref in refs:
        i = ref.img_id
        write_image(paths.image(i), draw(ref, aperture(i)), quality=98)
        np.savetxt(paths.landmarks(i), project(_points(aperture(i)), ref), fmt="%.4f")
        write_image(paths.torso(i), np.zeros((SIZE, SIZE, 4), np.uint8))
        labels = np.full((SIZE, SIZE), Label.HEAD, np.uint8)
        write_image(paths.parsing(i), paint_labels(labels))
    for name, part in (("train", refs[:n_train]), ("val", refs[n_train:])):
        split = Split(FOCAL, SIZE / 2, SIZE / 2, tuple(part))
        write_split(paths.transforms(name), split)
    SubjectInfo(SIZE, len(refs)).save(paths.info)
    return load_subject(root)


@pytest.fixture(scope="session")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """90 training and 40 held-out frames of 128²."""
    return write_subject(tmp_path_factory.mktemp("drawn"), 90, 40)


@pytest.fixture(scope="session")
def draw_face() -> Draw:
    """`draw_face(ref, opening)`: the subject as if its mouth were open by 0 to 1."""
    return draw


@pytest.fixture(scope="session")
def true_opening() -> Callable[[int], float]:
    """`true_opening(img_id)`: how far the subject's mouth is open in a frame."""
    return aperture


@pytest.fixture
def tiny_subject(tmp_path: Path) -> Callable[[int, int], Subject]:
    """`tiny_subject(n_train, n_val)`: another subject with so many frames."""
    return lambda n_train, n_val: write_subject(tmp_path / "tiny", n_train, n_val)


@pytest.fixture(autouse=True)
def no_landmarker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No model file of this machine is found: tests do not depend on what it has cached."""
    monkeypatch.delenv("AUDIOPLANE_ASSETS", raising=False)
    monkeypatch.setattr("audioplane.assets.cache_root", lambda: tmp_path / "no-cache")
