import cv2
import numpy as np
from scipy.interpolate import LinearNDInterpolator
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from audioplane.prepare.pose.camera import Intrinsics, project
from audioplane.prepare.pose.pixels import refine_by_pixels
from tests.prepare.pose.test_track import head_at_rest

SIZE = 256
CAMERA = Intrinsics(550.0, SIZE / 2)
FRAMES = 40


def skin() -> tuple[np.ndarray, np.ndarray]:
    """Points of a face's surface, half a pixel apart, and their grey values."""
    rest = head_at_rest()
    low, high = rest[:, :2].min(0), rest[:, :2].max(0)
    step = 0.8 / CAMERA.focal / 2
    x, y = np.meshgrid(*(np.arange(a, b, step) for a, b in zip(low, high, strict=True)))
    z = LinearNDInterpolator(rest[:, :2], rest[:, 2])(x, y)
    noise = np.random.default_rng(0).normal(size=x.shape)
    pattern = cv2.GaussianBlur(noise, (0, 0), 4)
    grey = 128 + 30 * pattern / pattern.std()
    inside = np.isfinite(z)
    return np.stack([x, y, z], -1)[inside], grey[inside]


def moving() -> np.ndarray:
    t = np.arange(FRAMES) / 25
    viewmats = np.tile(np.eye(4), (FRAMES, 1, 1))
    euler = [5 * np.sin(2.0 * t), 9 * np.sin(1.3 * t + 1), 4 * np.sin(1.7 * t)]
    viewmats[:, :3, :3] = Rotation.from_euler("xyz", np.stack(euler, -1), degrees=True).as_matrix()
    viewmats[:, :3, 3] = np.stack([0.02 * np.sin(t), 0.01 * np.cos(t), 0.8 + 0.01 * np.sin(t)], -1)
    return viewmats


def shown(points: np.ndarray, grey: np.ndarray, viewmat: np.ndarray, rng) -> np.ndarray:
    p = points @ viewmat[:3, :3].T + viewmat[:3, 3]
    x, y = np.floor(project(p, CAMERA)).astype(int).T
    total, count = np.zeros((SIZE, SIZE)), np.zeros((SIZE, SIZE))
    np.add.at(total, (y, x), grey)
    np.add.at(count, (y, x), 1)
    image = np.where(count > 0, total / np.maximum(count, 1), 60.0)
    image *= 1 + 0.1 * rng.uniform(-1, 1)  # the light changes
    noisy = np.clip(image + rng.normal(0, 3, image.shape), 0, 255).astype(np.uint8)
    return np.repeat(noisy[..., None], 3, -1)


def errors(found: np.ndarray, true: np.ndarray) -> tuple[float, float]:
    """Root mean square turn, degrees, and shift of the nose across the image, pixels; the head's
    own axes are free."""
    change = np.linalg.inv(true) @ found
    turns = Rotation.from_matrix(change[:, :3, :3])
    turn = np.degrees((turns.mean().inv() * turns).magnitude())
    nose = np.array([0, 0, -0.06, 1])
    at = [project((v @ nose)[:, :3], CAMERA) for v in (found, true)]
    away = at[0] - at[1] - (at[0] - at[1]).mean(0)
    return float(np.sqrt((turn**2).mean())), float(np.sqrt((away**2).mean()))


def test_what_landmarks_lean_by_is_taken_out():
    points, grey = skin()
    true, rng = moving(), np.random.default_rng(1)
    images = [shown(points, grey, v, rng) for v in true]
    lean = gaussian_filter1d(rng.normal(size=(FRAMES, 6)), 4, axis=0)
    lean *= np.array([*[np.radians(0.4)] * 3, 4e-4, 4e-4, 2e-3]) / lean.std(0)
    leaning = true.copy()
    leaning[:, :3, :3] = Rotation.from_rotvec(lean[:, :3]).as_matrix() @ true[:, :3, :3]
    leaning[:, :3, 3] += lean[:, 3:]
    rest = head_at_rest()
    landmarks = np.stack([project(rest @ v[:3, :3].T + v[:3, 3], CAMERA) for v in leaning])
    told = []

    found = refine_by_pixels(
        images.__getitem__, landmarks.astype(np.float32), leaning, CAMERA, told.append
    )

    (turn, shift), (turn_before, shift_before) = errors(found, true), errors(leaning, true)
    assert turn < 0.4 * turn_before
    assert shift < 0.4 * shift_before
    assert told == list(range(1, FRAMES + 1))


def test_a_face_without_a_pattern_keeps_its_poses():
    true = moving()
    rest = head_at_rest()
    landmarks = np.stack([project(rest @ v[:3, :3].T + v[:3, 3], CAMERA) for v in true])
    plain = np.full((SIZE, SIZE, 3), 130, np.uint8)

    found = refine_by_pixels(lambda row: plain, landmarks.astype(np.float32), true, CAMERA)

    np.testing.assert_allclose(found, true, atol=1e-6)
