"""A few training views with their regions, and world points seen in them."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float

from audioplane.clock import spread_over
from audioplane.face.regions import face_width, mouth_mask
from audioplane.subject import FrameRef, Subject
from audioplane.subject.labels import head_mask, torso_mask

_VIEWS = 16
_FACE_DILATION, _EYE_DILATION = 0.04, 0.07
"""How far the moving regions reach beyond the landmarks, in face widths."""
_FOREHEAD = 0.4
"""Its height above the brows, in distances of chin and nose bridge."""


@dataclass(frozen=True)
class Observation:
    """One view used to place things: its camera, head mask and moving regions, full size."""

    viewmat: Float[np.ndarray, "4 4"]
    body: Float[np.ndarray, "4 4"] | None
    """The view matrix of the body, where it has been tracked."""
    image: np.ndarray
    landmarks: Float[np.ndarray, "68 2"]
    head: Bool[np.ndarray, "h w"]
    face: Bool[np.ndarray, "h w"]
    """What speech moves: mouth, chin and lower cheeks."""
    mouth: Bool[np.ndarray, "h w"]
    """The paper's mask m."""
    eyes: Bool[np.ndarray, "h w"]
    upper_face: Bool[np.ndarray, "h w"]
    """Forehead, brows, eyes, nose bridge and cheeks, down to the mouth's height."""
    torso: Bool[np.ndarray, "h w"]


def _hull(points: np.ndarray, grow: float, shape: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    mask = np.zeros(shape, np.uint8)
    hull = cv2.convexHull(np.round(points).astype(np.int32))
    cv2.fillConvexPoly(mask, hull, (1,))
    radius = max(1, round(grow))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return cv2.dilate(mask, kernel).astype(bool)


def _upper_face(points: Float[np.ndarray, "68 2"]) -> Float[np.ndarray, "n 2"]:
    """The brows, the forehead above them, and the ends of the jaw line."""
    brows = points[17:27]
    forehead = brows + _FOREHEAD * (points[27] - points[8])
    return np.concatenate([points[:3], points[14:17], brows, forehead])


def observe(
    subject: Subject, refs: tuple[FrameRef, ...], with_body: bool = False
) -> list[Observation]:
    """Up to sixteen views spread over the frames.

    Raises `SubjectError` where the body is asked for and was not tracked.
    """
    views = []
    for ref in (refs[i] for i in spread_over(len(refs), _VIEWS)):
        points, labels = subject.landmarks(ref), subject.labels(ref)
        shape = labels.shape
        width = face_width(points)
        eyes = [_hull(points[a:b], _EYE_DILATION * width, shape) for a, b in ((36, 42), (42, 48))]
        lower_face = np.concatenate([points[2:15], points[31:36], points[48:60]])
        face = _hull(lower_face, _FACE_DILATION * width, shape)
        mouth = mouth_mask(points, *shape)
        upper = _hull(_upper_face(points), _FACE_DILATION * width, shape)
        regions = (head_mask(labels), face, mouth, eyes[0] | eyes[1], upper, torso_mask(labels))
        body, image = subject.body_view(ref) if with_body else None, subject.image(ref)
        views.append(Observation(ref.viewmat, body, image, points, *regions))
    return views


def project(points: np.ndarray, view: Observation, K: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixel columns and rows (rounded down) and depths of world points."""
    camera = points @ view.viewmat[:3, :3].T + view.viewmat[:3, 3]
    depth = camera[:, 2]
    pixels = camera[:, :2] / depth[:, None] * [K[0, 0], K[1, 1]] + [K[0, 2], K[1, 2]]
    return np.floor(pixels).astype(int), depth


def look_up(mask: np.ndarray, pixels: np.ndarray, outside) -> np.ndarray:
    """Values of a mask or image at pixels, `outside` beyond its border."""
    height, width = mask.shape[:2]
    x, y = pixels.T
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    values = mask[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
    return np.where(inside.reshape(-1, *[1] * (values.ndim - 1)), values, outside)


def mouth_density(
    means: Float[np.ndarray, "n 3"], views: list[Observation], K: Float[np.ndarray, "3 3"]
) -> float:
    """Gaussians an area inside the mouth mask over those an area of the rest of the head.

    Both halves of the head count, front and back (paper, Fig. 4).
    """
    counts, areas = np.zeros(2), np.zeros(2)
    for view in views:
        pixels, _ = project(means, view, K)
        for i, region in enumerate((view.mouth & view.head, view.head & ~view.mouth)):
            counts[i] += look_up(region, pixels, False).sum()
            areas[i] += region.sum()
    inside, outside = counts / areas
    return float(inside / outside)
