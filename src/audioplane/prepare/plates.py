"""Stage plates: the background without the person, and the torso without the head.

A head is composited over both. The torso image continues up under the chin, because a rendered
chin may lift above where it was recorded: the continuation is the neck as seen in other frames (a
temporal median), tinted so that it joins the neck of this frame without a seam.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from audioplane.clock import spread_over
from audioplane.prepare.fill import push_pull
from audioplane.prepare.masks.geometry import FaceFrame, polygon_mask
from audioplane.subject.labels import Label, head_mask, nearer, torso_mask

MEDIAN_FRAMES = 90
"""Frames for a temporal median."""
_LEAST_SEEN = 0.08
"""Share of the frames in which a pixel must be visible for its median to count."""
_ROWS = 8
"""Rows whose median is taken at a time; they fit into a processor's cache."""
_MARGIN = 0.006
"""Distance from the person at which a pixel shows the background, share of the frame."""
_EDGE = 1.2
"""Softness of mattes, standard deviation in pixels at size 512."""
_UNDER_CHIN = 0.32
"""How far the torso continues up under the chin, face heights."""
_RIM = 2
"""Pixels next to an outline whose colour is of both sides."""
_OWN = 2.0
"""Pixels at 512 beyond a rim by which the frame's own colours go on, fading over as many again."""
_FADE = 0.003
"""Weight of no tint, which leaves the plate unchanged far from known colours."""
_UNDER_HEAD = 0.05
"""How far it continues upwards under the rest of the head, face heights."""
_INSET = 0.012
"""How far inside the head's outline it stays, share of the frame: a driven head covers its recorded
outline only roughly, and a collar beside the jaw would look out."""
_BESIDE = 2
"""Pixels that it continues sideways: behind hair beside a neck is the wall."""


@dataclass(frozen=True)
class StillPlate:
    """The body as it looks over time, 0–255; filled smoothly where it was never seen."""

    torso: Float32[np.ndarray, "h w 3"]
    neck: Float32[np.ndarray, "h w 3"]
    """The neck's skin alone, continued in all directions."""


def masked_median(
    images: UInt8[np.ndarray, "n h w 3"], masks: Bool[np.ndarray, "n h w"]
) -> tuple[UInt8[np.ndarray, "h w 3"], Bool[np.ndarray, "h w"]]:
    """Median over the frames in which each pixel's mask is set, and where there are enough."""
    count = masks.sum(0)
    median = np.zeros(images.shape[1:], np.uint8)
    for row in range(0, images.shape[1], _ROWS):
        block = slice(row, row + _ROWS)
        values = images[:, block].copy()
        values[~masks[:, block]] = 255  # sorted behind all values that count
        # One pixel's values side by side, in 16 bits, sort fastest.
        values = cv2.transpose(values.reshape(len(images), -1)).astype(np.uint16)
        values.sort(axis=-1)
        middle = np.repeat(np.maximum(count[block].ravel() - 1, 0) // 2, images.shape[-1])
        median[block] = values[np.arange(len(values)), middle].reshape(median[block].shape)
    return median, count >= max(1, round(_LEAST_SEEN * len(images)))


def background_plate(
    images: UInt8[np.ndarray, "n h w 3"], labels: UInt8[np.ndarray, "n h w"]
) -> UInt8[np.ndarray, "h w 3"]:
    """The background; where the person always stood it is continued smoothly."""
    margin = max(3, round(_MARGIN * images.shape[1]))
    kernel = np.ones((2 * margin + 1, 2 * margin + 1), np.uint8)
    free = np.stack([cv2.dilate(_body_and_hull(m), kernel) == 0 for m in labels])
    median, seen = masked_median(images, free)
    filled = push_pull(median.astype(np.float32), seen.astype(np.float32))
    return np.clip(np.round(filled), 0, 255).astype(np.uint8)


def _body_and_hull(labels: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """1 where the person is, and in hollows of the head's outline: hair that a mask misses
    would remain in the background."""
    person = (labels != Label.BACKGROUND).astype(np.uint8)
    outlines, _ = cv2.findContours(
        head_mask(labels).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    if outlines:
        hull = cv2.convexHull(max(outlines, key=len))
        cv2.fillConvexPoly(person, hull, (1,))
    return person


def torso_plate(
    images: UInt8[np.ndarray, "n h w 3"], labels: UInt8[np.ndarray, "n h w"]
) -> StillPlate:
    """Neck and torso over time, continued upwards where never seen."""
    torso = _still(images, np.stack([_shrunk(torso_mask(m), 2) for m in labels]), None)
    return StillPlate(
        torso, _still(images, np.stack([_shrunk(m == Label.NECK, 2) for m in labels]), torso)
    )


def _still(
    images: UInt8[np.ndarray, "n h w 3"],
    masks: Bool[np.ndarray, "n h w"],
    otherwise: Float32[np.ndarray, "h w 3"] | None,
) -> Float32[np.ndarray, "h w 3"]:
    """Median where the masks are set, continued elsewhere; `otherwise` if they never are."""
    median, seen = masked_median(images, masks)
    if not seen.any() and otherwise is not None:
        return otherwise
    return push_pull(median.astype(np.float32), seen.astype(np.float32))


def _shrunk(mask: Bool[np.ndarray, "h w"], radius: int) -> Bool[np.ndarray, "h w"]:
    kernel = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    return cv2.erode(mask.astype(np.uint8), kernel) == 1


def _mix(
    front: UInt8[np.ndarray, "h w 3"],
    back: UInt8[np.ndarray, "h w 3"],
    alpha: Float32[np.ndarray, "h w"],
) -> UInt8[np.ndarray, "h w 3"]:
    """`front` over `back`."""
    return cv2.blendLinear(front, back, alpha, 1 - alpha)


def soft(mask: Bool[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """A mask with an edge of one or two pixels."""
    return cv2.GaussianBlur(mask.astype(np.float32), (0, 0), _EDGE * mask.shape[1] / 512)


def torso_image(
    image: UInt8[np.ndarray, "h w 3"],
    labels: UInt8[np.ndarray, "h w"],
    landmarks: Float32[np.ndarray, "68 2"],
    plate: StillPlate,
    person: Float32[np.ndarray, "h w"],
) -> UInt8[np.ndarray, "h w 4"]:
    """Neck and torso as RGBA, continued under the head; `person` is the alpha of both."""
    torso = torso_mask(labels)
    chin = _under_chin(landmarks, len(labels)) & head_mask(labels)
    inner = head_mask(labels) & ~_grown(labels == Label.BACKGROUND, _inset(len(labels)))
    region = torso | (chin & inner) | (_grown_up(torso, _reach(landmarks)) & inner)
    rgba = np.zeros((*labels.shape, 4), np.uint8)
    if not torso.any():
        return rgba
    # Only the region's rows are worked on.
    rows = slice(max(0, int(np.flatnonzero(region.any(1))[0]) - 8), len(labels))
    labels, torso, person = labels[rows], torso[rows], person[rows]
    # Pixels next to the head carry its colour; they are filled again with those under it.
    rim = _grown(head_mask(labels), _RIM)
    known = torso & ~rim & (person == 1) & ~_grown(labels == Label.BACKGROUND, _RIM)
    painted = _tinted(image[rows], plate.torso[rows], known)
    # Next to what the frame shows, what it shows goes on: the plate's collar is elsewhere.
    own = push_pull(image[rows].astype(np.float32), known.astype(np.float32))
    away = cv2.distanceTransform(1 - known.astype(np.uint8), cv2.DIST_L2, 5)
    reach = _RIM + _OWN * labels.shape[1] / 512
    painted += (own - painted) * np.clip(2 - away / reach, 0, 1)[..., None]
    neck = known & (labels == Label.NECK)
    at_neck = soft(chin[rows] | (rim & _grown(labels == Label.NECK, 3)))
    # Skin is only needed where neck is and continues.
    box = _bounds(neck | (at_neck > 0), margin=16)
    skin = _tinted(image[rows][box], plate.neck[rows][box], neck[box])
    painted[box] += (skin - painted[box]) * at_neck[box][..., None]
    painted = np.clip(np.rint(painted, out=painted), 0, 255, out=painted).astype(np.uint8)
    kept = soft(torso & ~rim)
    kept[~torso | (person < 1)] = 0  # what the background shines through is painted
    hidden = soft(region[rows])
    at_edge = nearer(torso, head_mask(labels)) & ~head_mask(labels)
    hidden[at_edge] = person[at_edge]
    alpha = np.round(255 * hidden).astype(np.uint8)
    rgba[rows, :, :3] = _mix(image[rows], painted, kept) * (alpha > 0)[..., None]
    rgba[rows, :, 3] = alpha
    return rgba


def _tinted(
    image: UInt8[np.ndarray, "h w 3"],
    plate: Float32[np.ndarray, "h w 3"],
    known: Bool[np.ndarray, "h w"],
) -> Float32[np.ndarray, "h w 3"]:
    """The plate, moved towards this frame's colours near where they are known."""
    weight = np.where(known, 1.0, _FADE).astype(np.float32)
    difference = cv2.subtract(image, plate, mask=known.view(np.uint8), dtype=cv2.CV_32F)
    return plate + push_pull(difference, weight)


def _bounds(mask: Bool[np.ndarray, "h w"], margin: int) -> tuple[slice, slice]:
    """The rows and columns of a mask's pixels, with a margin."""
    spans = []
    for axis in (1, 0):
        there = np.flatnonzero(mask.any(axis))
        low, high = (there[0], there[-1]) if len(there) else (0, 0)
        spans.append(slice(max(0, int(low) - margin), int(high) + margin + 1))
    return spans[0], spans[1]


def _grown(mask: Bool[np.ndarray, "h w"], radius: int) -> Bool[np.ndarray, "h w"]:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return cv2.dilate(mask.astype(np.uint8), kernel) == 1


def _grown_up(mask: Bool[np.ndarray, "h w"], reach: int) -> Bool[np.ndarray, "h w"]:
    kernel = np.zeros((2 * reach + 1, 2 * _BESIDE + 1), np.uint8)
    kernel[reach:] = 1
    return cv2.dilate(mask.astype(np.uint8), kernel) == 1


def _reach(landmarks: Float32[np.ndarray, "68 2"]) -> int:
    return max(1, round(_UNDER_HEAD * FaceFrame.of(landmarks).h))


def _inset(size: int) -> int:
    return max(1, round(_INSET * size))


def _under_chin(landmarks: Float32[np.ndarray, "68 2"], size: int) -> Bool[np.ndarray, "size size"]:
    """The area that a lifting chin may uncover: high in the middle, low at the sides."""
    frame = FaceFrame.of(landmarks)
    jaw = landmarks[4:13].astype(np.float64)
    lift = 0.03 + _UNDER_CHIN * np.sin(np.linspace(0, np.pi, len(jaw)))[:, None]
    return polygon_mask(np.concatenate([jaw, (jaw - lift * frame.h * frame.v)[::-1]]), size)


def pick_frames(usable: Iterable[int], n: int = MEDIAN_FRAMES) -> list[int]:
    """At most `n` frames, evenly spread."""
    frames = list(usable)
    return [frames[i] for i in spread_over(len(frames), n)]
