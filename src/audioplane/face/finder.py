"""Search for one face of a video at any size, tracking of it, and square crops."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from audioplane.face.landmarker import Face, Landmarker

_SEARCH_SCALES = (1.0, 0.6, 0.36, 0.22)
"""Sides of the windows searched for small faces, as fractions of the image's shorter side."""
_PATIENCE = 5
"""Sampled frames after which a lost face is searched for again in the whole image."""


@dataclass(frozen=True)
class CropBox:
    """A square of a source image, pixels; it may reach beyond the image's edge."""

    left: int
    top: int
    side: int

    def inside(self, width: int, height: int) -> bool:
        """Whether it lies entirely inside an image of that size."""
        right, bottom = self.left + self.side, self.top + self.side
        return self.left >= 0 and self.top >= 0 and right <= width and bottom <= height

    @staticmethod
    def around(centre: Float[np.ndarray, "2"], side: int | float) -> "CropBox":
        """The square of the given side, at least 8 pixels, around a point."""
        left, top = np.round(centre - side / 2).astype(int)
        return CropBox(int(left), int(top), max(8, round(side)))


def crop_image(
    image: UInt8[np.ndarray, "h w 3"], box: CropBox, size: int
) -> UInt8[np.ndarray, "size size 3"]:
    """A square of an image, scaled to `size`; beyond the image its edge is repeated."""
    height, width = image.shape[:2]
    left, top, right, bottom = box.left, box.top, box.left + box.side, box.top + box.side
    inside = image[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
    margins = [max(0, -top), max(0, bottom - height), max(0, -left), max(0, right - width)]
    if any(margins):
        a, b, c, d = margins
        inside = cv2.copyMakeBorder(inside, a, b, c, d, cv2.BORDER_REPLICATE)
    if box.side == size:
        return np.ascontiguousarray(inside)
    how = cv2.INTER_AREA if box.side > size else cv2.INTER_CUBIC
    return cv2.resize(inside, (size, size), interpolation=how)


class FaceFinder:
    """Finds one face of a video at any size and then stays with it."""

    def __init__(self, landmarker: Landmarker, speaker: tuple[float, float] | None = None) -> None:
        """Find the largest face, or the one at a place.

        Args:
            landmarker: for single images and several faces.
            speaker: centre of the face that is meant, pixels; where none is near, the largest.
        """
        self._landmarker = landmarker
        self._speaker = speaker
        self._last: Face | None = None
        self._misses = 0
        self.people = 0
        """Most faces seen in one image."""

    def find(self, image: UInt8[np.ndarray, "h w 3"], after_cut: bool = False) -> Face | None:
        """The followed face in source pixels, None where it is not seen.

        `after_cut`: a face that is not where it was is searched for at once.
        """
        face = self._near_last(image) if self._last is not None else None
        if face is None and (after_cut or self._misses % _PATIENCE == 0):
            face = self._search(image)
        self._misses = 0 if face is not None else self._misses + 1
        self._last = face if face is not None else self._last
        return face

    def _near_last(self, image: np.ndarray) -> Face | None:
        """Look in a window of three face heights around where it was."""
        last = self._last
        assert last is not None
        box = CropBox.around(last.centre, 3.0 * last.height)
        faces = self._detect(image, box)
        near = [f for f in faces if np.linalg.norm(f.centre - last.centre) < last.height]
        return near[0] if near else None

    def _search(self, image: np.ndarray) -> Face | None:
        """Look at the whole image, then through ever smaller windows."""
        height, width = image.shape[:2]
        faces = self.whole(image)
        for scale in _SEARCH_SCALES:
            if faces:
                break
            side = round(scale * min(height, width))
            for box in _windows(height, width, side):
                faces += self._detect(image, box)
        faces = _distinct(faces)
        self.people = max(self.people, len(faces))
        if self._speaker is not None:
            meant = [f for f in faces if np.linalg.norm(f.centre - self._speaker) < f.height]
            faces = meant or faces
        return faces[0] if faces else None

    def whole(self, image: UInt8[np.ndarray, "h w 3"]) -> list[Face]:
        """All faces of an image that are not very small, the largest first."""
        height, width = image.shape[:2]
        middle = np.array([width / 2, height / 2])
        return self._detect(image, CropBox.around(middle, max(height, width)))

    def _detect(self, image: np.ndarray, box: CropBox) -> list[Face]:
        """Faces in a window, in pixels of the whole image."""
        side = min(box.side, 512)
        found = self._landmarker.detect(crop_image(image, box, side))
        scale = box.side / side
        offset = np.array([box.left, box.top, 0], np.float32)
        return [replace(f, points=f.points * np.float32(scale) + offset) for f in found]


def _windows(height: int, width: int, side: int) -> Iterator[CropBox]:
    """Windows that overlap by half and cover the image."""
    for top in _starts(height, side):
        for left in _starts(width, side):
            yield CropBox(left, top, side)


def _starts(length: int, side: int) -> list[int]:
    n = max(1, int(np.ceil((length - side) / (side / 2))) + 1)
    return [int(s) for s in np.linspace(0, max(0, length - side), n)]


def _distinct(faces: list[Face]) -> list[Face]:
    """Faces whose centres lie apart; windows overlap and see the same one twice."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda f: -f.height):
        if all(np.linalg.norm(face.centre - k.centre) > 0.5 * k.height for k in kept):
            kept.append(face)
    return kept
