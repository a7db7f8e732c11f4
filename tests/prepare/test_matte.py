import cv2
import numpy as np

from audioplane.prepare.matte import person_matte
from audioplane.subject import Label

SIZE = 256
FRONT, BACK = np.array([150.0, 110, 70]), np.array([30.0, 90, 200])


def loose_hair(rng) -> np.ndarray:
    """Alpha of a round head with an edge of 1.5 pixels and thin hairs around."""
    y, x = np.indices((SIZE, SIZE)) - SIZE / 2
    alpha = np.clip(70 - np.hypot(x, y), 0, 1).astype(np.float32)
    for angle in rng.uniform(0, 2 * np.pi, 60):
        way = np.array([np.cos(angle), np.sin(angle)])
        ends = [tuple(int(16 * v) for v in SIZE / 2 + r * way) for r in (66, 72)]
        cv2.line(alpha, *ends, (0.7,), 1, cv2.LINE_AA, shift=4)
    return cv2.GaussianBlur(alpha, (0, 0), 0.7)


def composite(alpha, front, back) -> np.ndarray:
    return np.rint(alpha[..., None] * front + (1 - alpha[..., None]) * back).astype(np.uint8)


def test_alpha_of_loose_hair_is_found_and_moves_to_another_background():
    rng = np.random.default_rng(0)
    true = loose_hair(rng)
    plate = np.tile(BACK, (SIZE, SIZE, 1)).astype(np.uint8)
    lit = BACK * 0.9  # darker in this frame than in the plate
    image = composite(true, FRONT + rng.normal(0, 4, (SIZE, SIZE, 3)), lit)
    labels = np.where(cv2.erode(true, np.ones((3, 3))) > 0.5, Label.HEAD, 0).astype(np.uint8)
    matte = person_matte(image, labels, plate)
    band = (true > 0.02) & (true < 0.98)
    assert np.abs(matte.alpha - true)[band].mean() < 0.08
    rough = (labels > 0).astype(np.float32)
    assert np.abs(matte.alpha - true).mean() < 0.25 * np.abs(rough - true).mean()
    green = np.array([0, 200, 0], np.uint8) + np.zeros_like(plate)
    moved, expected = matte.over(image, green), composite(true, FRONT, green)
    assert np.abs(moved[band].astype(int) - expected[band]).mean() < 12


def test_where_person_and_background_look_alike_the_mask_decides():
    y, x = np.indices((SIZE, SIZE)) - SIZE / 2
    labels = np.where(np.hypot(x, y) < 70, Label.HEAD, 0).astype(np.uint8)
    image = np.full((SIZE, SIZE, 3), 40, np.uint8)
    alpha = person_matte(image, labels, image).alpha
    assert np.abs(alpha - (labels > 0)).max() <= 0.5
    assert (alpha[np.hypot(x, y) < 66] == 1).all() and (alpha[np.hypot(x, y) > 74] == 0).all()
