"""Training frames: made when needed, one ahead, and kept, packed, as far as memory goes."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

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
    """One frame at the training size; its images show the box alone."""

    size: tuple[int, int]
    """Height and width of the whole frame."""
    box: Box
    """Around the mask, with a margin: where the loss is taken."""
    colours: UInt8[np.ndarray, "h w 3"]
    """Of the head alone, or of the whole person: times its alpha."""
    alpha: UInt8[np.ndarray, "h w"]
    """How much of what is behind it that hides, 0 to 255."""
    mask: Bool[np.ndarray, "h w"]
    """Pixels that the Gaussians have to fill: the head's, or the whole person's."""
    mouth: Bool[np.ndarray, "h w"]
    """The paper's mask m."""
    scale: float
    """Of the loss, a mean over the box: the box's area over that of the head's, so that a pixel of
    the head counts as much in a whole person as in a head alone."""

    @property
    def cut(self) -> tuple[slice, slice]:
        """The box as an index of the whole frame."""
        left, top, right, bottom = self.box
        return np.s_[top:bottom, left:right]


class _Packed:
    """A frame as it is kept: the pixels that hide something, and bitmaps."""

    def __init__(self, frame: TrainFrame):
        covered = frame.alpha > 0
        self._facts = (frame.size, frame.box, frame.scale)
        self._shape = covered.shape
        rgba = np.dstack([frame.colours, frame.alpha])
        self._pixels = rgba.view(np.uint32)[..., 0][covered]
        self._bits = [np.packbits(x) for x in (covered, frame.mask, frame.mouth)]

    @property
    def n_bytes(self) -> int:
        return self._pixels.nbytes + sum(x.nbytes for x in self._bits)

    def frame(self) -> TrainFrame:
        height, width = self._shape
        covered, mask, mouth = (
            np.unpackbits(bits, count=height * width).view(bool).reshape(height, width)
            for bits in self._bits
        )
        rgba = np.zeros((height, width, 1), np.uint32)
        rgba[covered] = self._pixels[:, None]
        rgba = rgba.view(np.uint8)
        size, box, scale = self._facts
        return TrainFrame(size, box, rgba[..., :3], rgba[..., 3], mask, mouth, scale)


def _load(subject: Subject, ref: FrameRef, width: int, person: bool) -> TrainFrame:
    image, alpha = subject.image(ref), subject.alpha(ref)
    landmarks, labels = subject.landmarks(ref), subject.labels(ref)
    mask = (person_mask if person else head_mask)(labels)
    if not person:
        alpha = alpha * nearer(mask, torso_mask(labels))
    colours = without_background(image, alpha, subject.background)
    scale = _area(_box(mask)) / _area(_box(head_mask(labels))) if person else 1.0
    size = mask.shape
    if size[1] != width:
        size = (round(size[0] * width / size[1]), width)
        landmarks = landmarks * (width / mask.shape[1])
        colours, alpha = (
            cv2.resize(x, size[::-1], interpolation=cv2.INTER_AREA) for x in (colours, alpha)
        )
        coverage = mask.astype(np.uint8) * 255
        mask = cv2.resize(coverage, size[::-1], interpolation=cv2.INTER_AREA) > 127
        colours[alpha == 0] = 0
    mouth = mouth_mask(landmarks, *size)
    whole = TrainFrame(size, _box(mask), colours, alpha, mask, mouth, scale)
    images = {k: getattr(whole, k)[whole.cut] for k in ("colours", "alpha", "mask", "mouth")}
    return replace(whole, **images)


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
    """Frames of one subject at any width; `expect` makes one in the background.

    Those that came first are kept. Every frame is shown once before any is shown again: were the
    latest kept instead, those of a long video would be let go just before they are wanted.
    """

    def __init__(self, subject: Subject, person: bool = False, cache_bytes: int = CACHE_BYTES):
        """With `person` the masks are those of the whole person."""
        self._subject, self._person = subject, person
        self._limit = cache_bytes
        self._held = 0
        self._kept: dict[tuple[int, int], _Packed] = {}
        self._pending: dict[tuple[int, int], Future[TrainFrame]] = {}
        self._keeping = threading.Lock()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="frames")

    def expect(self, ref: FrameRef, width: int) -> None:
        """Make a frame in the background: it is wanted next."""
        key = (ref.img_id, width)
        if key not in self._pending:
            self._pending[key] = self._pool.submit(self._make, ref, width)

    def get(self, ref: FrameRef, width: int) -> TrainFrame:
        """The frame. Raises `MediaError` or `SubjectError` if its files cannot be read."""
        pending = self._pending.pop((ref.img_id, width), None)
        return pending.result() if pending else self._make(ref, width)

    def _make(self, ref: FrameRef, width: int) -> TrainFrame:
        kept = self._kept.get((ref.img_id, width))
        if kept is not None:
            return kept.frame()
        frame = _load(self._subject, ref, width, self._person)
        packed = _Packed(frame)
        with self._keeping:
            self._keep((ref.img_id, width), packed)
        return frame

    def _keep(self, key: tuple[int, int], packed: _Packed) -> None:
        """Keep a frame if there is room, which those of another width make."""
        while self._held + packed.n_bytes > self._limit:
            other = next((k for k in self._kept if k[1] != key[1]), None)
            if other is None:
                return
            self._held -= self._kept.pop(other).n_bytes
        self._held += packed.n_bytes
        self._kept[key] = packed

    def close(self) -> None:
        """Stop the background loading."""
        self._pool.shutdown(cancel_futures=True)
