"""A short synthetic clip: a textured wall, and before it a disc that nods and pulses."""

import cv2
import numpy as np
from jaxtyping import UInt8


def disc_frames(seconds: float, height: int, width: int) -> list[UInt8[np.ndarray, "h w 3"]]:
    """Frames at 25 a second; the same ones every time."""
    rng = np.random.default_rng(5)
    wall = np.zeros((height, width, 3), np.float32)
    for blur, strength in ((40, 400.0), (6, 40.0), (1, 6.0)):
        noise = rng.standard_normal((height, width, 3)).astype(np.float32)
        wall += strength * cv2.GaussianBlur(noise, (0, 0), blur)
    wall = np.clip(wall + 120, 0, 255).astype(np.uint8)
    y, x = np.mgrid[:height, :width] / min(height, width)
    frames = []
    for i in range(round(seconds * 25)):
        t = i / 25
        far = np.hypot(x - 0.5 - 0.03 * np.sin(1.7 * t), y - 0.45 - 0.02 * np.sin(2.9 * t))
        disc = (140 + 30 * np.cos(25 * far) + 8 * np.sin(5 * t))[..., None] * (1.0, 0.8, 0.7)
        frames.append(np.where(far[..., None] < 0.3, disc, wall).astype(np.uint8))
    return frames
