"""Stage parsing: what every pixel of every frame shows.

Which pixels are person comes from a matte (`segmenter.py`, or `matte.py` where no model can be
had), calmed over five frames: the head's part with the skull held still, the body's as it lies.
Head and body part along the jaw line of the frame's own landmarks, because the head's Gaussians
have to explain everything that is labelled head.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from audioplane.prepare.geometry import head_side, neck_zone, polygon_mask
from audioplane.prepare.landmarker import INNER_LIP, to_68
from audioplane.prepare.matte import PersonModel, View, cut_person
from audioplane.prepare.outline import HeadFrame
from audioplane.prepare.segmenter import Part, PartSegmenter, PersonNetwork
from audioplane.subject.labels import Label

WINDOW = 2
"""Frames before and after that a mask is calmed with."""
_SKIN_SPREAD = 3.0
"""Standard deviations from the face's mean colour at which neck ends and clothes begin."""


@dataclass(frozen=True)
class Parts:
    """A matte of one frame, at the frame's size."""

    person: Float32[np.ndarray, "h w"]
    """0 to 1."""
    hair: Bool[np.ndarray, "h w"] | None = None
    """Known only with a segmenter."""
    clothes: Bool[np.ndarray, "h w"] | None = None


Matte = Callable[[View], Parts]
"""A frame to its matte."""


@dataclass(frozen=True)
class ParsedFrame:
    """One frame's way through the stage."""

    img_id: int
    shot: int
    image: UInt8[np.ndarray, "h w 3"]
    points: Float[np.ndarray, "478 2"]
    head: HeadFrame
    parts: Parts


def classical_matte(model: PersonModel) -> Matte:
    """The matte of `matte.py`, with its edge fitted to the full picture."""

    def matte(view: View) -> Parts:
        return Parts(fit_edge(cut_person(model, view).astype(np.float32), view.image))

    return matte


def network_matte(network: PersonNetwork) -> Matte:
    """The matte of a person segmenter."""
    return lambda view: Parts(fit_edge(network.person(view.image), view.image))


def segmented_matte(segmenter: PartSegmenter) -> Matte:
    """The matte of a part segmenter."""

    def matte(view: View) -> Parts:
        parts = segmenter.segment(view.image)
        person = fit_edge((parts != Part.BACKGROUND).astype(np.float32), view.image)
        return Parts(person, parts == Part.HAIR, (parts == Part.CLOTHES) | (parts == Part.OTHERS))

    return matte


def fit_edge(
    mask: Float32[np.ndarray, "s s"], image: UInt8[np.ndarray, "h w 3"]
) -> Float32[np.ndarray, "h w"]:
    """A mask of any size drawn to the edges of the picture (guided filter, He et al. 2013)."""
    size = len(image)
    if len(mask) != size:
        mask = cv2.resize(mask, (size, size), interpolation=cv2.INTER_LINEAR)
    radius = max(2, round(size / 100))
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    fitted = cv2.ximgproc.guidedFilter(grey, mask, radius, (0.02 * 255) ** 2)
    return np.clip(fitted, 0, 1).astype(np.float32)


def with_neighbours(
    frames: Iterable[ParsedFrame],
) -> Iterator[tuple[ParsedFrame, list[ParsedFrame]]]:
    """Every frame with those that calm it; at most 2 · `WINDOW` + 1 frames are held.

    These are within `WINDOW` of it by number and of the same shot; it is one of them.
    """
    held: deque[ParsedFrame] = deque()
    waiting: deque[ParsedFrame] = deque()
    for frame in frames:
        held.append(frame)
        waiting.append(frame)
        while waiting and waiting[0].img_id + WINDOW <= frame.img_id:
            yield _among(waiting.popleft(), held)
        while held and held[0].img_id + 2 * WINDOW <= frame.img_id:
            held.popleft()
    while waiting:
        yield _among(waiting.popleft(), held)


def _among(
    frame: ParsedFrame, held: Iterable[ParsedFrame]
) -> tuple[ParsedFrame, list[ParsedFrame]]:
    near = [f for f in held if abs(f.img_id - frame.img_id) <= WINDOW and f.shot == frame.shot]
    return frame, near


def calm(frame: ParsedFrame, near: list[ParsedFrame]) -> Bool[np.ndarray, "h w"]:
    """Person mask by vote of the neighbours: head with the skull held still, body as it lies."""
    landmarks = to_68(frame.points)
    size = len(frame.image)
    body = np.mean([f.parts.person for f in near], axis=0)
    moved = [
        f.parts.person
        if f is frame
        else cv2.warpAffine(
            f.parts.person,
            f.head.onto(frame.head),
            (size, size),
            borderMode=cv2.BORDER_REPLICATE,
        )
        for f in near
    ]
    return np.where(head_side(landmarks, size), np.mean(moved, axis=0), body) > 0.5


def label_frame(frame: ParsedFrame, person: Bool[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """Label map of one frame."""
    size = len(frame.image)
    landmarks = to_68(frame.points)
    head = person & head_side(landmarks, size)
    labels = np.full((size, size), Label.BACKGROUND, np.uint8)
    labels[person] = Label.TORSO
    neck = person & neck_zone(landmarks, size)
    if frame.parts.clothes is not None:
        neck &= ~frame.parts.clothes
    else:
        neck &= skin_like(frame.image, landmarks)
    labels[neck] = Label.NECK
    labels[head] = Label.HEAD
    if frame.parts.hair is not None:
        labels[head & frame.parts.hair] = Label.HAIR
    mouth = polygon_mask(frame.points[list(INNER_LIP), :2], size)
    labels[mouth & head] = Label.MOUTH
    return labels


def skin_like(
    image: UInt8[np.ndarray, "h w 3"], landmarks: Float[np.ndarray, "68 2"]
) -> Bool[np.ndarray, "h w"]:
    """Pixels whose hue is that of the cheeks, in light or shade."""
    size = len(image)
    half = cv2.resize(image, (size // 2, size // 2), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(half, cv2.COLOR_RGB2LAB)[..., 1:].astype(np.float32)
    cheeks = np.concatenate([landmarks[[2, 3, 4, 48, 31]], landmarks[[35, 54, 12, 13, 14]]])
    seen = lab[polygon_mask(cheeks.astype(np.float64) / 2, size // 2)]
    if not len(seen):
        return np.zeros((size, size), bool)
    spread = np.clip(seen.std(0), 2.5, 5.0)
    away = (np.abs(lab - np.median(seen, axis=0)) / spread).max(-1, initial=0)
    smooth = cv2.GaussianBlur((away < _SKIN_SPREAD).astype(np.float32), (0, 0), 1.5)
    return cv2.resize(smooth, (size, size), interpolation=cv2.INTER_LINEAR) > 0.5
