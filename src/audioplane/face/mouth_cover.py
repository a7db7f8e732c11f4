"""Detection of frames in which a hand, a cup or a microphone covers the mouth.

A landmarker still returns a mouth there. The region around the lips is compared, place by place,
with its median over the video; a speaking mouth changes less of it than an occlusion does.
"""

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from audioplane.face.finder import CropBox, crop_image
from audioplane.face.landmarker import Face, to_68
from audioplane.face.similarity import fit_similarity

_RIGID = (27, 28, 29, 30, 36, 39, 42, 45)
"""Nose bridge and corners of the eyes, of 68 landmarks."""
_LEFT, _TOP, _WIDTH = -0.45, 0.45, 0.9
"""The square region about the middle of the eyes, in distances of the outer eye corners."""
_COLUMNS, _ROWS = 48, 48
"""Its pixels."""
_CROP, _HEIGHTS = 192, 2.0
"""Side of the crop that the region is taken from, pixels and face heights."""
_SPREAD_AT, _TO_DEVIATION = 35, 2.2
"""Percentile of the differences from the median that gives the spread, and its factor to a standard
deviation: up to half of a video may be covered."""
_NOISE = 6.0
"""Grey levels added to the spread."""
_FAR = 4.0
"""Spreads from the median at which a place is not the person's mouth."""
_SHARE = 0.1
"""Share of such places from which a mouth counts as covered: 0.12 and more behind a patch, at most
0.08 in ten videos of people who speak."""


class MouthCover:
    """Collects the mouth's region of every frame, 7 kB each, and finds covered ones."""

    def __init__(self) -> None:
        self._target: Float[np.ndarray, "8 2"] | None = None
        self._seen: list[UInt8[np.ndarray, "48 48 3"]] = []

    def add(self, face: Face, image: UInt8[np.ndarray, "h w 3"]) -> None:
        """One more frame of the same person."""
        box = CropBox.around(face.centre, _HEIGHTS * face.height)
        small = crop_image(image, box, _CROP)
        landmarks = (to_68(face.points).astype(np.float64) - [box.left, box.top]) * (
            _CROP / box.side
        )
        if self._target is None:
            self._target = _region_of(landmarks)
        onto = fit_similarity(landmarks[list(_RIGID)], self._target).matrix()
        size = (_COLUMNS, _ROWS)
        region = cv2.warpAffine(small, onto, size, borderMode=cv2.BORDER_REPLICATE)
        smooth = cv2.GaussianBlur(region, (0, 0), 2.0)
        self._seen.append(cv2.cvtColor(smooth, cv2.COLOR_RGB2LAB))

    def covered(self) -> Bool[np.ndarray, " n"]:
        """Of every frame in the order of `add`, whether something covers the mouth."""
        return self.strangeness() > _SHARE

    def strangeness(self) -> Float[np.ndarray, " n"]:
        """Share of each frame's region that differs from its median, 0 to 1."""
        if not self._seen:
            return np.zeros(0)
        far = np.zeros(len(self._seen))
        for row in range(_ROWS):  # bounds the memory
            values: Float32[np.ndarray, "n columns 3"] = np.stack(
                [region[row] for region in self._seen], dtype=np.float32
            )
            away = np.abs(values - np.median(values, axis=0))
            spread = _TO_DEVIATION * np.percentile(away, _SPREAD_AT, axis=0)
            far += (away > _FAR * (spread + _NOISE)).any(-1).sum(1)
        return far / (_ROWS * _COLUMNS)


def _region_of(landmarks: Float[np.ndarray, "68 2"]) -> Float[np.ndarray, "8 2"]:
    """Where the rigid landmarks lie in the region's pixels, the eyes being level."""
    eyes = landmarks[[36, 45]]
    level = np.array([[-0.5 - _LEFT, -_TOP], [0.5 - _LEFT, -_TOP]]) * (_COLUMNS / _WIDTH)
    return fit_similarity(eyes, level)(landmarks[list(_RIGID)])
