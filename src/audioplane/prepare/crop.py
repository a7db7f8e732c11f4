"""Stage crop: find the face and choose one square, head and shoulders, for the whole video."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from audioplane.errors import PrepareError
from audioplane.face.landmarker import Face, Landmarker
from audioplane.face.shots import Look, Shot, change, find_cuts, judge_shots, leaps, thumbnail

SAMPLE_EVERY = 5
"""Faces are looked for in every fifth frame: heads move little in 0.2 s."""

_FACE_SHARE = 0.5
"""Height of the face (chin to forehead) over the crop's side, as the peers' subjects have it."""
_AS_IT_IS = (0.33, 0.68)
"""A square video whose face has a share in this range is a head-and-shoulders clip already."""
_ABOVE, _BELOW, _BESIDE = 0.5, 0.4, 0.4
"""Room that must remain above the forehead, below the chin and beside the face, in face heights."""
_SEARCH_SCALES = (1.0, 0.6, 0.36, 0.22)
"""Sides of the windows in which a small face is looked for, in shorter sides of the picture."""
_PATIENCE = 5
"""Sampled frames after which a lost face is searched for again in the whole picture."""


@dataclass(frozen=True)
class CropBox:
    """A square of the source picture; it may reach beyond the picture's edge."""

    left: int
    top: int
    side: int


@dataclass(frozen=True)
class CropResult:
    """What the stage found."""

    box: CropBox
    n_frames: int
    """Frames of the video at 25 a second."""
    centres: dict[int, tuple[float, float]]
    """Where the face's centre was, source pixels, by sampled frame."""
    face_height: float
    """Median, source pixels."""
    people: int
    """Most faces seen in one picture."""
    shots: list[Shot]
    """What lies between the cuts; crop and faces are those of the shots that are kept."""


class FaceFinder:
    """Finds the largest face of a video at any size and then stays with it."""

    def __init__(self, landmarker: Landmarker) -> None:
        """`landmarker`: for single pictures and several faces."""
        self._landmarker = landmarker
        self._last: Face | None = None
        self._misses = 0
        self.people = 0

    def find(self, image: UInt8[np.ndarray, "h w 3"], anew: bool = False) -> Face | None:
        """The followed face in source pixels, None where it is not seen.

        `anew`: after a cut, a face that is not where it was is searched for at once.
        """
        face = self._near_last(image) if self._last is not None else None
        if face is None and (anew or self._misses % _PATIENCE == 0):
            face = self._search(image)
        self._misses = 0 if face is not None else self._misses + 1
        self._last = face if face is not None else self._last
        return face

    def _near_last(self, image: np.ndarray) -> Face | None:
        """Look in a window of three face heights around where it was."""
        last = self._last
        assert last is not None
        box = _square(last.centre, 3.0 * last.height)
        faces = self._detect(image, box)
        near = [f for f in faces if np.linalg.norm(f.centre - last.centre) < last.height]
        return near[0] if near else None

    def _search(self, image: np.ndarray) -> Face | None:
        """Look at the whole picture, then through ever smaller windows."""
        height, width = image.shape[:2]
        long_side = max(height, width)
        faces = self._detect(image, _square(np.array([width / 2, height / 2]), long_side))
        for scale in _SEARCH_SCALES:
            if faces:
                break
            side = round(scale * min(height, width))
            for box in _windows(height, width, side):
                faces += self._detect(image, box)
        self.people = max(self.people, len(_distinct(faces)))
        return max(faces, key=lambda f: f.height, default=None)

    def _detect(self, image: np.ndarray, box: CropBox) -> list[Face]:
        """Faces in a window, in pixels of the whole picture."""
        side = min(box.side, 512)
        found = self._landmarker.detect(cut(image, box, side))
        scale = box.side / side
        offset = np.array([box.left, box.top, 0], np.float32)
        return [replace(f, points=f.points * np.float32(scale) + offset) for f in found]


def _square(centre: Float[np.ndarray, "2"], side: int | float) -> CropBox:
    left, top = np.round(centre - side / 2).astype(int)
    return CropBox(int(left), int(top), max(8, round(side)))


def _windows(height: int, width: int, side: int) -> Iterator[CropBox]:
    """Windows that overlap by half and cover the picture."""
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


def cut(
    image: UInt8[np.ndarray, "h w 3"], box: CropBox, size: int
) -> UInt8[np.ndarray, "size size 3"]:
    """A square of a picture, scaled; beyond the picture its edge is repeated."""
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


def choose_crop(faces: list[Face], height: int, width: int) -> CropBox:
    """One square for all sampled faces of a video whose pictures are `height` × `width`.

    A square video with a face of fitting size is taken as it is. Raises `PrepareError` if there
    is no face.
    """
    if not faces:
        raise PrepareError(
            "no face was found in the video: it has to show one person's face from the front"
        )
    face_height = float(np.median([f.height for f in faces]))
    if height == width and _AS_IT_IS[0] < face_height / height < _AS_IT_IS[1]:
        return CropBox(0, 0, width)
    low = np.array([f.points[:, :2].min(0) for f in faces])
    high = np.array([f.points[:, :2].max(0) for f in faces])
    left, top = np.percentile(low, 2, axis=0)
    right, bottom = np.percentile(high, 98, axis=0)
    left, right = left - _BESIDE * face_height, right + _BESIDE * face_height
    top, bottom = top - _ABOVE * face_height, bottom + _BELOW * face_height
    side = max(face_height / _FACE_SHARE, right - left, bottom - top)
    centre_x = (left + right) / 2
    # What the square has to spare goes below: shoulders say more than ceiling.
    start = top - 0.25 * (side - (bottom - top))
    return CropBox(round(centre_x - side / 2), round(start), round(side))


def find_crop(
    frames: Iterator[UInt8[np.ndarray, "h w 3"]],
    landmarker: Landmarker,
    tell: Callable[[int], None],
) -> CropResult:
    """Look through a video at 25 fps, telling the frames seen so far.

    Raises `PrepareError` if it shows no face.
    """
    finder = FaceFinder(landmarker)
    faces: dict[int, Face] = {}
    looks: dict[int, Look] = {}
    changes: list[float] = []
    shape, small = (0, 0), None
    for n, image in enumerate(frames):
        shape = image.shape[:2]
        small, before = thumbnail(image), small
        changes.append(0.0 if before is None else change(before, small))
        new_shot = leaps(changes)
        if new_shot or n % SAMPLE_EVERY == 0:
            face = finder.find(image, anew=new_shot)
            if face is not None:
                faces[n], looks[n] = face, Look.of(face, small, max(shape))
            tell(n + 1)
    shots = judge_shots(find_cuts(np.array(changes)), len(changes), looks)
    kept = {i: f for i, f in faces.items() if _shot_of(i, shots).flaw is None}
    box = choose_crop(list(kept.values()), *shape)
    centres = {i: (float(f.centre[0]), float(f.centre[1])) for i, f in kept.items()}
    median = float(np.median([f.height for f in kept.values()]))
    return CropResult(box, len(changes), centres, median, finder.people, shots)


def _shot_of(i: int, shots: list[Shot]) -> Shot:
    return next(s for s in shots if s.first <= i < s.end)
