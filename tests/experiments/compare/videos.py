"""Videos of a synthetic person with given mouth openings, and a landmarker that reads them."""

from pathlib import Path

import cv2
import numpy as np

from audioplane.face.landmarker import BLENDSHAPES, INNER_LIP, Face
from audioplane.media.writer import VideoWriter
from tests.face.figure import LIPS, SKIN, DrawnFaces, draw, face_centre

HALF_MOUTH, LEAST, MOST = 11.0, 3.0, 9.0
"""Half width of the drawn mouth, and its half height closed and open, pixels."""


def openings(n: int, seed: int = 0) -> np.ndarray:
    """How far a mouth is open, 0 to 1, without a period."""
    noise = np.random.default_rng(seed).uniform(0, 1, n + 4)
    return np.convolve(noise, np.ones(3) / 3, "same")[2:-2]


def face_frame(i: int, opening: float, scale: int = 1) -> np.ndarray:
    """Frame i of the person with its mouth open by 0 to 1."""
    image = draw(i)
    x, y = face_centre(i)
    mouth = (x, y + 0.7 * 26)
    height = LEAST + (MOST - LEAST) * opening
    for half, colour in (((13.0, 11.0), SKIN), ((HALF_MOUTH, height), LIPS)):
        cv2.ellipse(image, (mouth, (2 * half[0], 2 * half[1]), 0.0), colour, -1)
    return np.repeat(np.repeat(image, scale, 0), scale, 1)


def face_frames(n: int, seed: int = 0, scale: int = 1) -> list[np.ndarray]:
    return [face_frame(i, opening, scale) for i, opening in enumerate(openings(n, seed))]


def voice(n: int, seed: int = 0) -> np.ndarray:
    """Noise that is loud where the mouth is open, n frames of it."""
    noise = np.random.default_rng(99).normal(0, 0.1, n * 640)
    return (noise * np.repeat(0.05 + openings(n, seed), 640)).astype(np.float32)


def write(path: Path, frames: list[np.ndarray], sound: np.ndarray | None, fps: int = 25) -> Path:
    height, width = frames[0].shape[:2]
    with VideoWriter(path, width, height, fps, audio=sound, crf=6) as writer:
        for frame in frames:
            writer.write(frame)
    return path


class ReadsMouths(DrawnFaces):
    """Stands in for the landmarker: its inner lips and one blendshape follow the drawn mouth."""

    def detect(self, image: np.ndarray) -> list[Face]:
        red, green, blue = np.moveaxis(image.astype(int), -1, 0)
        lips = (red > 140) & (green < 95) & (blue < 120)
        n, pieces, sizes, _ = cv2.connectedComponentsWithStats(lips.astype(np.uint8))
        if n < 2:
            return []
        largest = 1 + int(sizes[1:, cv2.CC_STAT_AREA].argmax())
        rows, columns = np.nonzero(pieces == largest)
        opening = rows.std() / columns.std()
        points = self._face(pieces == largest).points
        lip = list(INNER_LIP)
        points[lip, 1] += (points[lip, 1] - points[lip, 1].mean()) * np.float32(4 * opening)
        shapes = np.zeros(len(BLENDSHAPES), np.float32)
        shapes[BLENDSHAPES.index("jawOpen")] = opening
        return [Face(points, np.zeros(2, np.float32), shapes)]
