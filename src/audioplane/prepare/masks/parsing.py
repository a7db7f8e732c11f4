"""Stage parsing: what every pixel of every frame shows.

Which pixels are person comes from a matte (`segmenter.py`, or `matte.py` where no model can be
had), calmed over five frames: the head's part with the skull held still, the body's as it lies.
Head and body part along the jaw line of the frame's own landmarks, because the head's Gaussians
have to explain everything that is labelled head.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from audioplane.face.landmarker import INNER_LIP, to_68
from audioplane.prepare.masks.geometry import head_side, jaw_flesh, neck_zone, polygon_mask
from audioplane.prepare.masks.hair import HairColours, hanging
from audioplane.prepare.masks.matte import PersonModel, View, cut_person
from audioplane.prepare.masks.outline import HeadFrame
from audioplane.prepare.masks.segmenter import Part, PartSegmenter, PersonNetwork
from audioplane.subject.labels import Label

WINDOW = 2
"""Frames before and after that a mask is calmed with."""
_THREAD = 0.008
"""Half the width of what is too thin to be of a body, share of the frame."""
_SPECK = 0.003
"""Share of the frame up to which a piece that does not reach its edge is not a body's."""
_SKIN_SPREAD = 3.0
"""Standard deviations from the face's mean colour at which neck ends and clothes begin."""


@dataclass(frozen=True)
class Parts:
    """A matte of one frame, at the frame's size."""

    person: Float32[np.ndarray, "h w"]
    """0 to 1."""
    hair: Bool[np.ndarray, "h w"] | None = None
    clothes: Bool[np.ndarray, "h w"] | None = None
    """Known only with a segmenter."""


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


def with_hair(matte: Matte, colours: HairColours | None) -> Matte:
    """A matte that knows hair, by its colours where the segmenter does not."""

    def seen(view: View) -> Parts:
        parts = matte(view)
        if parts.hair is not None or colours is None:
            return parts
        return replace(
            parts, hair=colours.hair(view.image) & ~skin_like(view.image, view.landmarks)
        )

    return seen


def calm(frame: ParsedFrame, near: list[ParsedFrame]) -> ParsedFrame:
    """The frame with the person (0 or 1) and the hair that its neighbours vote for: head with the
    skull held still, body as it lies."""
    size = len(frame.image)
    body = np.mean([f.parts.person for f in near], axis=0)
    head = _with_the_skull(frame, [(f, f.parts.person) for f in near])
    person = np.where(head_side(to_68(frame.points), size), head, body) > 0.5
    hairs = [(f, f.parts.hair.astype(np.float32)) for f in near if f.parts.hair is not None]
    hair = _with_the_skull(frame, hairs) > 0.5 if hairs else None
    return replace(frame, parts=replace(frame.parts, person=person.astype(np.float32), hair=hair))


def _with_the_skull(
    frame: ParsedFrame, masks: list[tuple[ParsedFrame, Float32[np.ndarray, "h w"]]]
) -> Float32[np.ndarray, "h w"]:
    """Mean of masks of several frames, each moved as the head has moved."""
    size = (len(frame.image), len(frame.image))
    moved = [
        mask
        if f is frame
        else cv2.warpAffine(mask, f.head.onto(frame.head), size, borderMode=cv2.BORDER_REPLICATE)
        for f, mask in masks
    ]
    return np.mean(moved, axis=0)


def label_frame(frame: ParsedFrame) -> UInt8[np.ndarray, "h w"]:
    """Label map of one frame."""
    size = len(frame.image)
    landmarks = to_68(frame.points)
    person = frame.parts.person > 0.5
    skin = skin_like(frame.image, landmarks)
    head = person & (head_side(landmarks, size) | (jaw_flesh(landmarks, size) & skin))
    if frame.parts.hair is not None:
        head |= hanging(frame.parts.hair & person, head, landmarks)
        head |= _fringe(person & ~head)
    labels = np.full((size, size), Label.BACKGROUND, np.uint8)
    labels[person] = Label.TORSO
    neck = person & neck_zone(landmarks, size)
    if frame.parts.clothes is not None:
        neck &= ~frame.parts.clothes
    else:
        neck &= skin
    labels[neck] = Label.NECK
    labels[head] = Label.HEAD
    if frame.parts.clothes is not None and frame.parts.hair is not None:
        labels[head & frame.parts.hair] = Label.HAIR
    mouth = polygon_mask(frame.points[list(INNER_LIP), :2], size)
    labels[mouth & head] = Label.MOUTH
    return labels


def _fringe(body: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Threads and specks of what is left for the body: edges of hair that hangs before a wall."""
    radius = max(1, round(_THREAD * len(body)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    solid = cv2.erode(body.astype(np.uint8), kernel)
    count, parts, sizes, _ = cv2.connectedComponentsWithStats(solid)
    edge = np.unique(np.concatenate([parts[-1], parts[:, 0], parts[:, -1]]))
    large = [k for k in range(1, count) if sizes[k, cv2.CC_STAT_AREA] > _SPECK * body.size]
    kept = np.isin(parts, np.setdiff1d(np.union1d(edge, large), [0])).astype(np.uint8)
    return body & (cv2.dilate(kept, kernel, iterations=2) == 0)


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
