"""A synthetic person with known parts, and a stand-in for the landmarker that finds its face.

No image of a real person lies in this project. The figure has the colours and proportions that
the stages work on; the stand-in answers as MediaPipe would, with 478 points.
"""

import cv2
import numpy as np

from audioplane.face.landmarker import (
    BLENDSHAPES,
    FACE_OVAL,
    INNER_LIP,
    N_POINTS,
    Face,
    Landmarker,
)

SIZE = 160
SKIN, HAIR, COAT, WALL = (220, 160, 130), (70, 40, 20), (30, 40, 110), (90, 150, 120)
LIPS = (170, 60, 70)
CLASS_COLOURS = np.array([WALL, HAIR, SKIN, LIPS, COAT, (255, 0, 255)], np.int32)
"""By `Part`: all skin counts as the body's but the lips; nothing is of the last."""
_HALF_MOUTH = 11.0
_FACE = 26.0
"""Half width of the face, pixels; half height is 1.35 times that."""


def face_centre(i: int) -> tuple[float, float]:
    """Where the face is in frame i."""
    return 80 + 6 * np.sin(i * 0.35), 74 + 3 * np.cos(i * 0.5)


def draw(i: int, size: int = SIZE) -> np.ndarray:
    """Frame i of the figure."""
    image = np.full((size, size, 3), WALL, np.uint8)
    image += (np.indices((size, size)).sum(0) % 16 < 8)[..., None].astype(np.uint8) * 12
    x, y = face_centre(i)
    _ellipse(image, (80, 184), (110, 66), COAT)
    cv2.rectangle(image, (66, round(y)), (94, 138), SKIN, -1)
    _ellipse(image, (x, y - 8), (1.32 * _FACE, 1.55 * _FACE), HAIR)
    _ellipse(image, (x, y), (_FACE, 1.35 * _FACE), SKIN)
    _ellipse(image, (x, y + 0.7 * _FACE), (_HALF_MOUTH, 4 + 2 * abs(np.sin(i))), LIPS)
    return image


def wide(i: int, *people: tuple[float, int, int], height=240, width=400) -> np.ndarray:
    """Frame i of an image with figures of a scale at a place (left, top) each."""
    image = np.full((height, width, 3), WALL, np.uint8)
    for scale, left, top in people:
        side = round(scale * SIZE)
        figure = cv2.resize(draw(i), (side, side), interpolation=cv2.INTER_AREA)
        image[top : top + side, left : left + side] = figure
    return image


def _ellipse(image, centre, axes, colour) -> None:
    box = (tuple(map(float, centre)), (2.0 * axes[0], 2.0 * axes[1]), 0.0)
    cv2.ellipse(image, box, colour, -1)


def parts(image: np.ndarray) -> np.ndarray:
    """The output of a part segmenter."""
    distance = np.square(image[:, :, None].astype(np.int32) - CLASS_COLOURS).sum(-1)
    return distance.argmin(-1).astype(np.uint8)


def template() -> np.ndarray:
    """478 points of a face of half width 1 around the origin."""
    rng = np.random.default_rng(0)
    angle, radius = rng.uniform(0, 2 * np.pi, N_POINTS), np.sqrt(rng.uniform(0, 0.9, N_POINTS))
    xy = np.stack([radius * np.sin(angle), 1.35 * radius * np.cos(angle)], -1)
    xy[:, 1] = np.minimum(xy[:, 1], 0.9)
    turn = 2 * np.pi * np.arange(len(FACE_OVAL)) / len(FACE_OVAL)
    xy[list(FACE_OVAL)] = np.stack([np.sin(turn), -1.35 * np.cos(turn)], -1)
    turn = 2 * np.pi * np.arange(len(INNER_LIP)) / len(INNER_LIP)
    xy[list(INNER_LIP)] = np.stack([-0.25 * np.cos(turn), 0.7 - 0.06 * np.sin(turn)], -1)
    fixed = {33: (-0.62, -0.3), 263: (0.62, -0.3), 133: (-0.2, -0.3), 362: (0.2, -0.3)}
    fixed |= {168: (0, -0.3), 197: (0, -0.1), 195: (0, 0), 4: (0, 0.15), 2: (0, 0.3)}
    fixed |= {98: (-0.2, 0.25), 97: (-0.1, 0.28), 326: (0.1, 0.28), 327: (0.2, 0.25)}
    fixed |= {61: (-0.34, 0.7), 291: (0.34, 0.7)}
    for side, brow in ((-1, (70, 63, 105, 66, 107)), (1, (300, 293, 334, 296, 336))):
        fixed |= {p: (side * (0.75 - 0.14 * k), -0.55) for k, p in enumerate(brow)}
    for point, place in fixed.items():
        xy[point] = place
    z = -np.sqrt(np.maximum(0, 1.1 - (xy[:, 0] ** 2 + (xy[:, 1] / 1.35) ** 2)))
    return np.concatenate([xy, z[:, None]], 1).astype(np.float32)


_SMALLEST = 0.12
"""Width of a face over the image's below which the stand-in misses it, as MediaPipe does."""


class DrawnFaces(Landmarker):
    """Stands in for `Landmarker`: finds the drawn figures by their lips."""

    def __init__(self, model, follow=False, max_faces=1) -> None:
        self._template = template()
        self._follow, self._max_faces = follow, max_faces

    def __enter__(self) -> "DrawnFaces":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def restart(self) -> None:
        """Every image is searched by itself."""

    def detect(self, image: np.ndarray) -> list[Face]:
        """The faces, the largest first."""
        lips = np.abs(image.astype(int) - LIPS).sum(-1) < 80
        n, pieces, sizes, _ = cv2.connectedComponentsWithStats(lips.astype(np.uint8))
        large = [k for k in range(1, n) if sizes[k, cv2.CC_STAT_AREA] >= 8]
        if not self._follow:  # a face cut in two by a window is none
            edge = {*pieces[0], *pieces[-1], *pieces[:, 0], *pieces[:, -1]}
            large = [k for k in large if k not in edge]
        faces = [self._face(pieces == k) for k in large]
        seen = [f for f in faces if np.ptp(f.points[:, 0]) > _SMALLEST * image.shape[1]]
        return sorted(seen, key=lambda f: -f.height)[: self._max_faces]

    def _face(self, lips: np.ndarray) -> Face:
        rows, columns = np.nonzero(lips)
        y, x = rows.mean(), columns.mean()
        # Half the width of an ellipse is twice its pixels' standard deviation.
        scale = _FACE * 2 * columns.std() / _HALF_MOUTH
        points = self._template * np.float32(scale)
        points[:, :2] += np.array([x, y - 0.7 * scale], np.float32)
        shapes = np.linspace(0, 1, len(BLENDSHAPES), dtype=np.float32)
        return Face(points, np.array([0.1, 0.2], np.float32), shapes)
