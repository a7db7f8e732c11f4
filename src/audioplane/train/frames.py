"""Training frames: decoded when needed, one ahead, the latest kept within a memory limit."""

from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from audioplane.face.regions import Box, mouth_mask
from audioplane.subject import FrameRef, Subject
from audioplane.subject.labels import head_mask, nearer, person_mask, torso_mask
from audioplane.subject.torso import without_background

CACHE_BYTES = 640 << 20
_MARGIN = 8


@dataclass(frozen=True)
class TrainFrame:
    """One frame at the training size."""

    colours: UInt8[np.ndarray, "h w 3"]
    """Of the head alone, or of the whole person: times its alpha."""
    alpha: UInt8[np.ndarray, "h w"]
    """How much of what is behind it that hides, 0 to 255."""
    mask: Bool[np.ndarray, "h w"]
    """Pixels that the Gaussians have to fill: the head's, or the whole person's."""
    mouth: Bool[np.ndarray, "h w"]
    """The paper's mask m."""
    box: Box
    """Around the mask, with a margin: where the loss is taken."""
    scale: float
    """Of the loss, a mean over the box: the box's area over that of the head's, so that a pixel of
    the head counts as much in a whole person as in a head alone."""

    @property
    def n_bytes(self) -> int:
        return sum(x.nbytes for x in (self.colours, self.alpha, self.mask, self.mouth))


def _load(subject: Subject, ref: FrameRef, size: int, person: bool) -> TrainFrame:
    image, alpha = subject.image(ref), subject.alpha(ref)
    landmarks, labels = subject.landmarks(ref), subject.labels(ref)
    mask = (person_mask if person else head_mask)(labels)
    if not person:
        alpha = alpha * nearer(mask, torso_mask(labels))
    colours = without_background(image, alpha, subject.background)
    scale = _area(_box(mask)) / _area(_box(head_mask(labels))) if person else 1.0
    height, width = mask.shape
    if width != size:
        target = (size, round(height * size / width))
        colours, alpha = (
            cv2.resize(x, target, interpolation=cv2.INTER_AREA) for x in (colours, alpha)
        )
        coverage = cv2.resize(mask.astype(np.uint8) * 255, target, interpolation=cv2.INTER_AREA)
        mask, landmarks = coverage > 127, landmarks * (size / width)
        height, width = mask.shape
    mouth = mouth_mask(landmarks, height, width)
    return TrainFrame(colours, alpha, mask, mouth, _box(mask), scale)


def _box(mask: Bool[np.ndarray, "h w"]) -> Box:
    """Around a mask, with a margin; the whole image where it is empty."""
    height, width = mask.shape
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if len(rows) == 0:
        rows, columns = np.array([0, height - 1]), np.array([0, width - 1])
    return (
        max(0, int(columns[0]) - _MARGIN),
        max(0, int(rows[0]) - _MARGIN),
        min(width, int(columns[-1]) + 1 + _MARGIN),
        min(height, int(rows[-1]) + 1 + _MARGIN),
    )


def _area(box: Box) -> int:
    left, top, right, bottom = box
    return (right - left) * (bottom - top)


class FrameStore:
    """Frames of one subject at any width, kept in memory; `expect` loads one in the background."""

    def __init__(self, subject: Subject, person: bool = False, cache_bytes: int = CACHE_BYTES):
        """With `person` the masks are those of the whole person."""
        self._subject, self._person = subject, person
        self._limit = cache_bytes
        self._held = 0
        self._cache: OrderedDict[tuple[int, int], TrainFrame] = OrderedDict()
        self._pending: dict[tuple[int, int], Future[TrainFrame]] = {}
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="frames")

    def expect(self, ref: FrameRef, size: int) -> None:
        """Load a frame in the background: it is wanted next."""
        key = (ref.img_id, size)
        if key not in self._cache and key not in self._pending:
            self._pending[key] = self._pool.submit(_load, self._subject, ref, size, self._person)

    def get(self, ref: FrameRef, size: int) -> TrainFrame:
        """The frame. Raises `MediaError` or `SubjectError` if its files cannot be read."""
        key = (ref.img_id, size)
        if key in self._cache:
            self._cache.move_to_end(key)
            return self._cache[key]
        pending = self._pending.pop(key, None)
        frame = pending.result() if pending else _load(self._subject, ref, size, self._person)
        self._cache[key] = frame
        self._held += frame.n_bytes
        while self._held > self._limit and len(self._cache) > 1:
            self._held -= self._cache.popitem(last=False)[1].n_bytes
        return frame

    def close(self) -> None:
        """Stop the background loading."""
        self._pool.shutdown(cancel_futures=True)
