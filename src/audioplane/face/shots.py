"""Cuts of a video, and the choice of shots with the same person and background.

A head is one person, and its background one image: shots of another person or of another
background are left out, judged by thumbnails and sampled faces.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from audioplane.face.head_axes import average_shape, rigid_points
from audioplane.face.landmarker import CHIN, FOREHEAD, Face
from audioplane.face.similarity import fit_similarity

THUMBNAIL = 64
"""Longer side of a thumbnail, pixels."""

_ROWS_ENOUGH = 120
"""Fewest rows to which an image is reduced."""
_LEAST_CHANGE = 2.0
"""Least mean difference of the images on both sides of a cut, grey levels."""
_ABOVE_MOTION = 2.5
"""Least ratio of a cut's change to the changes around it: shaking heads and a codec's key frames
reach 1.8, jump cuts of one person on one set 6.8."""
_AROUND = 6
"""Frames on each side that a change is compared with."""
_STILL = 0.3
"""Grey levels, added to these changes, so that a still image does not make every change a cut."""

_SAME_SHAPE = 1.0e-3
"""Metres, root mean square, between shapes of one person's face seen in many frames: shots of one
person differ by 0.3 to 0.8 mm, two persons by 1.4 mm and more."""
_ONE_LOOK = 1.0e-3
"""Metres, to be divided by the number of frames seen: the effect of expression and direction."""
_ALIKE = 30
"""Grey levels by which light and noise change a background."""
_SHARE_ALIKE = 0.6
"""Share of the background that has to be alike: screens move, doors open."""
_LEAST_SEEN = 0.04
"""Share of the image below which the background of two shots cannot be compared."""
_HIDDEN = 0.8
"""Share of the frames in which the person may hide a pixel that still counts."""
_MOST_LOOKS = 60
"""Most sampled frames by which a shot is judged."""


@dataclass(frozen=True)
class Look:
    """A sampled frame that shows the face."""

    face: Face
    """In pixels of the thumbnail."""
    thumbnail: UInt8[np.ndarray, "h w 3"]

    @staticmethod
    def of(face: Face, small: UInt8[np.ndarray, "h w 3"], long_side: int) -> "Look":
        """`face`: in an image of `long_side` pixels, of which `small` is the thumbnail."""
        scale = np.float32(max(small.shape) / long_side)
        return Look(replace(face, points=face.points * scale), small)

    def person_zone(self) -> Bool[np.ndarray, "h w"]:
        """Where the person may be: head, and shoulders downwards."""
        height, width = self.thumbnail.shape[:2]
        top, chin = self.face.points[[FOREHEAD, CHIN], :2]
        h = float(np.linalg.norm(chin - top))
        y, x = np.indices((height, width)) + 0.5
        beside = np.abs(x - (top[0] + chin[0]) / 2)
        head = (beside < 0.7 * h) & (y > top[1] - 0.45 * h)
        return head | ((beside < 1.3 * h) & (y > chin[1]))


@dataclass(frozen=True)
class Shot:
    """Frames between two cuts."""

    first: int
    end: int
    """Exclusive."""
    flaw: str | None = None
    """Why it is left out; None if it is kept."""


def thumbnail(image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "th tw 3"]:
    """An image, scaled down."""
    height, width = image.shape[:2]
    scale = THUMBNAIL / max(height, width)
    size = (max(1, round(scale * width)), max(1, round(scale * height)))
    # A quarter of a large image's rows gives the same in a quarter of the time.
    step = 4 if height >= 4 * _ROWS_ENOUGH else 1
    return cv2.resize(image[::step], size, interpolation=cv2.INTER_AREA)


def change(a: UInt8[np.ndarray, "h w 3"], b: UInt8[np.ndarray, "h w 3"]) -> float:
    """Mean absolute difference of two thumbnails, grey levels."""
    return float(cv2.absdiff(a, b).mean())


def find_cuts(changes: Float[np.ndarray, " n"]) -> list[int]:
    """First frames of all shots but the first.

    Args:
        changes: of every frame from the one before it; the first is 0.
    """
    cuts = []
    for i in np.flatnonzero(changes > _LEAST_CHANGE):
        around = [*changes[max(1, i - _AROUND) : i], *changes[i + 1 : i + 1 + _AROUND]]
        # A cut into a flash or a still has one neighbour that is as large: it does not count.
        calm = sorted(around)[:-1]
        if changes[i] > _ABOVE_MOTION * (max(calm, default=0.0) + _STILL):
            cuts.append(int(i))
    return cuts


def may_be_cut(changes: Sequence[float]) -> bool:
    """Whether the last change may be a cut, judged by those before it."""
    before = max(changes[-1 - _AROUND : -1], default=0.0)
    return changes[-1] > max(_LEAST_CHANGE, _ABOVE_MOTION * (before + _STILL))


def judge_shots(cuts: list[int], n_frames: int, looks: dict[int, Look]) -> list[Shot]:
    """All shots; those that match the one with the most sampled faces are kept.

    A shot in which no face was seen is left to the landmarks stage.

    Args:
        cuts: first frames of all shots but the first.
        n_frames: of the video.
        looks: sampled frames that show the face, by number.
    """
    ends = [0, *cuts, n_frames]
    shots = [Shot(a, b) for a, b in zip(ends[:-1], ends[1:], strict=True)]
    seen = [[looks[i] for i in range(s.first, s.end) if i in looks] for s in shots]
    groups: list[list[int]] = []
    for k in sorted(range(len(shots)), key=lambda k: -len(seen[k])):
        if not seen[k]:
            continue
        group = next((g for g in groups if _difference(seen[g[0]], seen[k]) is None), None)
        if group is None:
            groups.append([k])
        else:
            group.append(k)
    if not groups:
        return shots
    main = max(groups, key=lambda g: sum(shots[k].end - shots[k].first for k in g))
    return [
        s
        if k in main or not seen[k]
        else Shot(s.first, s.end, _difference(seen[main[0]], seen[k]) or "another scene")
        for k, s in enumerate(shots)
    ]


def _difference(a: list[Look], b: list[Look]) -> str | None:
    """Why two shots cannot be one subject; None if they can."""
    a, b = (looks[:: 1 + len(looks) // _MOST_LOOKS] for looks in (a, b))
    if not _same_background(a, b):
        return "another scene"
    return None if _same_person(a, b) else "another person"


def _same_background(a: list[Look], b: list[Look]) -> bool:
    (image, seen), (other, other_seen) = background(a), background(b)
    both = seen & other_seen
    if both.mean() < _LEAST_SEEN:
        return True
    away = np.abs(image - other).max(-1)[both]
    return bool((away < _ALIKE).mean() >= _SHARE_ALIKE)


def background(
    looks: list[Look],
) -> tuple[Float[np.ndarray, "h w 3"], Bool[np.ndarray, "h w"]]:
    """Median of the pixels that the person does not hide, and where enough frames show them."""
    hidden = np.stack([look.person_zone() for look in looks])
    thumbnails = np.stack([look.thumbnail for look in looks]).astype(np.float64)
    masked = np.ma.masked_array(thumbnails, np.repeat(hidden[..., None], 3, axis=-1))
    return np.ma.median(masked, axis=0).filled(0.0), hidden.mean(0) <= _HIDDEN


def _same_person(a: list[Look], b: list[Look]) -> bool:
    shapes = [average_shape(np.stack([look.face.points for look in looks])) for looks in (a, b)]
    rigid = rigid_points(shapes[0])
    distance = shape_distance(shapes[0][rigid], shapes[1][rigid])
    return distance < _SAME_SHAPE + _ONE_LOOK / min(len(a), len(b))


def shape_distance(a: Float[np.ndarray, "k 3"], b: Float[np.ndarray, "k 3"]) -> float:
    """Root mean square distance of two shapes after the best similarity transform of `a`."""
    away = fit_similarity(a, b)(a) - b
    return float(np.sqrt(np.square(away).sum(-1).mean()))
