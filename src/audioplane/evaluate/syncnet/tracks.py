"""Tracks of faces and their crops for SyncNet, as in the authors' `run_pipeline.py`.

Their S3FD face detector is replaced by MediaPipe's landmarker: the box around its 478 points
reaches, as theirs, from the forehead to the chin and from cheek to cheek.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from scipy.signal import medfilt

from audioplane.evaluate.syncnet.network import SIDE
from audioplane.face.finder import FaceFinder

Image = UInt8[np.ndarray, "h w 3"]
Corners = Float[np.ndarray, "4"]
"""left, top, right, bottom of a face, pixels."""

MIN_FRAMES = 100
"""A face found in this many frames or fewer is no track."""
MIN_FACE = 100
"""Nor is a face whose longer side is this many pixels or less on average."""
MAX_GAP = 25
"""Frames for which a face may be lost."""
MIN_OVERLAP = 0.5
"""Intersection over union of one face in successive frames."""
SMOOTHING = 13
"""Frames under the median filter."""
CROP_SCALE = 0.40
"""Margin around the face's box, in its sides."""
GREY = 110
"""Value outside of the image."""
CUT = 27.0
"""Mean change of hue, saturation and value that makes a cut."""
MIN_SHOT = 15
"""Fewest frames between two cuts (both are PySceneDetect's defaults)."""


@dataclass(frozen=True)
class Shots:
    """Faces and cuts of a sequence of images."""

    faces: tuple[Corners | None, ...]
    """The largest face of each image."""
    cuts: tuple[int, ...]
    """First frames of new shots, without the first one."""


@dataclass(frozen=True)
class FaceTrack:
    """One face over successive frames."""

    first: int
    """Its first frame."""
    centres: Float[np.ndarray, "t 2"]
    """x, y, pixels, smoothed."""
    sizes: Float[np.ndarray, " t"]
    """Half of the longer side of the face's box, pixels, smoothed."""

    def __len__(self) -> int:
        return len(self.sizes)


class ShotFinder:
    """Collects faces and cuts, image by image."""

    def __init__(self) -> None:
        self._faces: list[Corners | None] = []
        self._cuts: list[int] = []
        self._last: np.ndarray | None = None

    def add(self, image: Image, points: Float[np.ndarray, "p d"] | None) -> None:
        """Take the next image and the landmarks of its largest face, None where there is none."""
        hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
        index = len(self._faces)
        if self._last is not None and cv2.absdiff(hsv, self._last).mean() >= CUT:
            if index - (self._cuts[-1] if self._cuts else 0) >= MIN_SHOT:
                self._cuts.append(index)
        self._last = hsv
        box = (
            None if points is None else np.concatenate([points[:, :2].min(0), points[:, :2].max(0)])
        )
        self._faces.append(box)

    def shots(self) -> Shots:
        """What was collected so far."""
        return Shots(tuple(self._faces), tuple(self._cuts))


def find_shots(frames: Iterable[Image], finder: FaceFinder) -> Shots:
    """Faces and cuts of a sequence of images, 25 a second."""
    shots = ShotFinder()
    for image in frames:
        face = finder.find(image)
        shots.add(image, None if face is None else face.points)
    return shots.shots()


def face_tracks(shots: Shots) -> list[FaceTrack]:
    """The tracks that are long and large enough, in order."""
    edges = [0, *shots.cuts, len(shots.faces)]
    tracks = []
    for first, last in zip(edges, edges[1:], strict=False):
        waiting = [i for i in range(first, last) if shots.faces[i] is not None]
        while waiting:
            frames = _follow(waiting, shots.faces)
            waiting = [i for i in waiting if i not in set(frames)]
            boxes = np.array([shots.faces[i] for i in frames])
            if len(frames) > MIN_FRAMES and (track := _smoothed(frames, boxes)):
                tracks.append(track)
    return sorted(tracks, key=lambda t: t.first)


def _follow(waiting: Sequence[int], faces: Sequence[Corners | None]) -> list[int]:
    """The frames that follow the first one's face without a break."""
    frames = [waiting[0]]
    for i in waiting[1:]:
        if i - frames[-1] > MAX_GAP:
            break
        a, b = faces[frames[-1]], faces[i]
        if a is not None and b is not None and overlap(a, b) > MIN_OVERLAP:
            frames.append(i)
    return frames


def overlap(a: Corners, b: Corners) -> float:
    """Intersection over union of two boxes."""
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    common = np.prod(np.maximum(sides, 0))
    return float(common / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - common))


def _smoothed(frames: Sequence[int], boxes: Float[np.ndarray, "f 4"]) -> FaceTrack | None:
    """A track with the frames between filled in; None if its face is too small."""
    every = np.arange(frames[0], frames[-1] + 1)
    full = np.stack([np.interp(every, frames, boxes[:, k]) for k in range(4)], 1)
    sides = full[:, 2:] - full[:, :2]
    if sides.mean(0).max() <= MIN_FACE:
        return None
    centres = (full[:, :2] + full[:, 2:]) / 2
    x, y, size = (medfilt(v, SMOOTHING) for v in (*centres.T, sides.max(1) / 2))
    return FaceTrack(frames[0], np.stack([x, y], 1), size)


def crop_face(
    image: Image, centre: Float[np.ndarray, "2"], size: float
) -> UInt8[np.ndarray, "224 224 3"]:
    """The square that SyncNet is given: the face with a margin to the sides and below."""
    margin = int(size * (1 + 2 * CROP_SCALE))
    x, y = centre + margin
    wide, low = size * (1 + CROP_SCALE), size * (1 + 2 * CROP_SCALE)
    rows, columns = (int(y - size), int(y + low)), (int(x - wide), int(x + wide))
    around = ((margin, margin), (margin, margin), (0, 0))
    padded = np.pad(image, around, constant_values=GREY)
    face = padded[max(rows[0], 0) : rows[1], max(columns[0], 0) : columns[1]]
    return cv2.resize(face, (SIDE, SIDE))
