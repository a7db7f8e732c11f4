"""Stage crop: search for the face, choice of one head-and-shoulders square for the whole video."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from audioplane.errors import PrepareError
from audioplane.face.finder import CropBox, FaceFinder
from audioplane.face.landmarker import Face
from audioplane.face.shots import Look, Shot, change, find_cuts, judge_shots, may_be_cut, thumbnail

SAMPLE_EVERY = 5
"""Faces are looked for in every fifth frame: heads move little in 0.2 s."""

_FACE_SHARE = 0.5
"""Height of the face (chin to forehead) over the crop's side, as subjects of prior work have it."""
_AS_IT_IS = (0.33, 0.68)
"""Range of that share in which a square video needs no crop."""
_ABOVE, _BELOW, _BESIDE = 0.5, 0.4, 0.4
"""Room that must remain above the forehead, below the chin and beside the face, in face heights."""


@dataclass(frozen=True)
class CropResult:
    """The result of the stage."""

    box: CropBox
    width: int
    """Of the upright video, pixels."""
    height: int
    n_frames: int
    """Frames of the video at 25 a second."""
    centres: dict[int, tuple[float, float]]
    """Centre of the face, source pixels, by sampled frame."""
    face_height: float
    """Median, source pixels."""
    people: int
    """Most faces seen in one image."""
    shots: list[Shot]
    """All shots; crop and faces come from those that are kept."""


def choose_crop(faces: list[Face], height: int, width: int) -> CropBox:
    """One square for all sampled faces of a video whose images are `height` × `width`.

    A square video with a face of fitting size is taken as it is. Raises `PrepareError` if there
    is no face.
    """
    if not faces:
        raise PrepareError(
            "no face was found in the video: it must show one person's face from the front"
        )
    face_height = float(np.median([f.height for f in faces]))
    if height == width and _AS_IT_IS[0] < face_height / height < _AS_IT_IS[1]:
        return CropBox(0, 0, width)
    low = np.array([f.points[:, :2].min(0) for f in faces])
    high = np.array([f.points[:, :2].max(0) for f in faces])
    left, top = np.percentile(low, 2, axis=0)
    right, bottom = np.percentile(high, 98, axis=0)
    least = max(face_height / _AS_IT_IS[1], 1.1 * (right - left), 1.1 * (bottom - top))
    left, right = left - _BESIDE * face_height, right + _BESIDE * face_height
    top, bottom = top - _ABOVE * face_height, bottom + _BELOW * face_height
    side = max(face_height / _FACE_SHARE, right - left, bottom - top)
    # Beyond the image there is only its repeated edge: a tighter crop is better.
    side = min(side, max(min(height, width), least))
    centre_x = (left + right) / 2
    # Spare room goes below: shoulders matter more than ceiling.
    start = top - 0.25 * (side - (bottom - top))
    box = CropBox(round(centre_x - side / 2), round(start), round(side))
    return _moved_inside(box, height, width)


def _moved_inside(box: CropBox, height: int, width: int) -> CropBox:
    """The square, moved inside the image if it fits."""
    left, top = box.left, box.top
    if box.side <= width:
        left = min(max(left, 0), width - box.side)
    if box.side <= height:
        top = min(max(top, 0), height - box.side)
    return CropBox(left, top, box.side)


def find_crop(
    frames: Iterator[UInt8[np.ndarray, "h w 3"]],
    finder: FaceFinder,
    tell: Callable[[int], None],
) -> CropResult:
    """Scan a video at 25 fps, reporting the frames seen so far.

    Raises `PrepareError` if it shows no face.
    """
    faces: dict[int, Face] = {}
    looks: dict[int, Look] = {}
    changes: list[float] = []
    shape, small = (0, 0), None
    for n, image in enumerate(frames):
        shape = image.shape[:2]
        small, before = thumbnail(image), small
        changes.append(0.0 if before is None else change(before, small))
        new_shot = may_be_cut(changes)
        if new_shot or n % SAMPLE_EVERY == 0:
            face = finder.find(image, after_cut=new_shot)
            if face is not None:
                faces[n], looks[n] = face, Look.of(face, small, max(shape))
            tell(n + 1)
    shots = judge_shots(find_cuts(np.array(changes)), len(changes), looks)
    kept = {i: f for i, f in faces.items() if _shot_of(i, shots).flaw is None}
    box = choose_crop(list(kept.values()), *shape)
    centres = {i: (float(f.centre[0]), float(f.centre[1])) for i, f in kept.items()}
    median = float(np.median([f.height for f in kept.values()]))
    return CropResult(box, shape[1], shape[0], len(changes), centres, median, finder.people, shots)


def _shot_of(i: int, shots: list[Shot]) -> Shot:
    return next(s for s in shots if s.first <= i < s.end)
