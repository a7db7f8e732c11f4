"""Tracking of the torso: its rigid motion in every frame of a subject, from its pixels.

All frames are laid over one template, so nothing drifts: first frames spread over the video over
the reference frame, then every frame over the median of those. What is found is a similarity in the
image, which is a turn about the optical axis and a shift of a body at the head's depth: its size
says how that depth changed.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from audioplane.media.image import read_image
from audioplane.prepare.plates import masked_median
from audioplane.prepare.pose.align import (
    FINEST,
    Similarity,
    Template,
    View,
    align,
    template,
    views,
)
from audioplane.prepare.workers import in_order
from audioplane.progress import Progress, Report, ignore
from audioplane.subject import FrameRef, Label, Subject, load_subject, read_labels, save_body

_KEYS = 48
"""Frames that the template is made of."""


def reference_frame(subject: Subject) -> FrameRef:
    """The frame that the motion counts from: the middle one of the longest shot's."""
    frames = sorted((*subject.train, *subject.val), key=lambda ref: ref.img_id)
    shot = np.searchsorted(sorted(subject.info.cuts), [ref.img_id for ref in frames], "right")
    longest = np.flatnonzero(shot == np.bincount(shot).argmax())
    return frames[longest[len(longest) // 2]]


def track_body(subject: Subject, report: Report = ignore) -> Float32[np.ndarray, "n 4 4"]:
    """The torso's rigid motion C in camera coordinates, one row for each frame of the video.

    With V the view of a frame and V_ref that of the reference frame, a body point x in the head's
    axes of the reference frame is at C V_ref x before the camera. C is the identity at the
    reference frame and NaN where a frame is not used. Depth is the head's at the reference frame,
    so a body further away moves by more than is told; in the image it is the same.

    Args:
        subject: images and labels are read, half as large where they are large.
        report: receives the frames that are done.

    Raises:
        MediaError: an image is missing or damaged.
    """
    reference = reference_frame(subject)
    frames = sorted((*subject.train, *subject.val), key=lambda ref: ref.img_id)
    keys = _keys(frames, reference)
    total, counted = len(keys) + len(frames), 0

    def count() -> None:
        nonlocal counted
        counted += 1
        report(Progress("body", counted, total))

    at_keys = _lay_keys(subject, keys, reference, count)
    middle = _median_template(subject, keys, at_keys)
    found = _lay_all(subject, frames, middle, at_keys, count)
    origin = found[reference.img_id].inverse()
    rows = max(subject.info.n_frames, frames[-1].img_id + 1)
    body = np.full((rows, 4, 4), np.nan, np.float32)
    for i, at in found.items():
        body[i] = _motion(at.after(origin), subject, reference.viewmat[2, 3])
    body[reference.img_id] = np.eye(4)
    return body


def with_body(subject: Subject, report: Report = ignore) -> Subject:
    """The subject with `body.npy`, which is made and kept in its folder where it is not there.

    Raises as `track_body` does, and `MediaError` where the folder cannot be written.
    """
    if subject.paths.body.exists():
        return subject
    save_body(subject.paths.body, track_body(subject, report))
    return load_subject(subject.paths.root)


def _keys(frames: list[FrameRef], reference: FrameRef) -> list[FrameRef]:
    """Frames spread evenly, the reference frame among them."""
    every = max(1, len(frames) // _KEYS)
    first = [ref.img_id for ref in frames].index(reference.img_id) % every
    return frames[first::every]


@dataclass(frozen=True)
class _Seen:
    """One frame, small."""

    image: UInt8[np.ndarray, "h w 3"]
    labels: UInt8[np.ndarray, "h w"]

    @property
    def body(self) -> Bool[np.ndarray, "h w"]:
        """Pixels of the torso."""
        return self.labels == Label.TORSO

    def views(self) -> list[View]:
        """As it is aligned."""
        grey = cv2.cvtColor(self.image, cv2.COLOR_RGB2GRAY)
        person = self.labels != Label.BACKGROUND
        return views(grey, person, person & ~self.body)


def _look(subject: Subject, ref: FrameRef) -> _Seen:
    image = subject.image(ref)
    rows, columns = image.shape[:2]
    every = max(1, columns // FINEST)
    if every == 1:
        return _Seen(image, subject.labels(ref))
    painted = read_image(subject.paths.parsing(ref.img_id))[
        every // 2 :: every, every // 2 :: every
    ]
    labels = read_labels(np.ascontiguousarray(painted))
    small = cv2.resize(image, labels.shape[::-1], interpolation=cv2.INTER_AREA)
    return _Seen(small, labels)


def _lay_keys(
    subject: Subject, keys: list[FrameRef], reference: FrameRef, count: Callable[[], None]
) -> dict[int, Similarity]:
    """Where the reference frame's body lies in the key frames, from it to both ends."""
    start = [ref.img_id for ref in keys].index(reference.img_id)
    seen = _look(subject, reference)
    onto = template(seen.views(), seen.body)
    found = {reference.img_id: Similarity()}
    count()
    for way in (keys[start + 1 :], keys[:start][::-1]):
        at = Similarity()
        for ref, other in zip(way, in_order(lambda r: _look(subject, r).views(), way), strict=True):
            at = align(onto, other, [at, Similarity()]).at
            found[ref.img_id] = at
            count()
    return found


def _median_template(subject: Subject, keys: list[FrameRef], at: dict[int, Similarity]) -> Template:
    """What the body mostly looks like where it lies in the reference frame."""
    images, labels = [], []
    for ref, seen in zip(keys, in_order(lambda r: _look(subject, r), keys), strict=True):
        rows, columns = seen.labels.shape
        matrix = at[ref.img_id].matrix((rows, columns))
        # The label of each pixel as a place in a stack of masks, so that shares can be counted.
        shape = (columns, rows)
        images.append(
            cv2.warpAffine(
                seen.image,
                matrix,
                shape,
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REPLICATE,
            )
        )
        labels.append(
            cv2.warpAffine(
                seen.labels,
                matrix,
                shape,
                flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REPLICATE,
            )
        )
    stack = np.stack(labels)
    body = (stack == Label.TORSO).mean(0) > 0.5
    person = (stack != Label.BACKGROUND).mean(0) > 0.5
    median, _ = masked_median(np.stack(images), (stack == Label.TORSO) | ~body)
    grey = cv2.cvtColor(median, cv2.COLOR_RGB2GRAY)
    return template(views(grey, person, person & ~body), body)


def _lay_all(
    subject: Subject,
    frames: list[FrameRef],
    onto: Template,
    at_keys: dict[int, Similarity],
    count: Callable[[], None],
) -> dict[int, Similarity]:
    """Where the template's body lies in all frames."""
    found: dict[int, Similarity] = {}
    keys = np.array(list(at_keys))
    cuts = set(subject.info.cuts)
    last: Similarity | None = None
    for ref, seen in zip(
        frames, in_order(lambda r: _look(subject, r).views(), frames), strict=True
    ):
        key = at_keys[int(keys[np.abs(keys - ref.img_id).argmin()])]
        starts = [key] if last is None or ref.img_id in cuts else [last, key]
        last = align(onto, seen, starts).at
        found[ref.img_id] = last
        count()
    return found


def _motion(at: Similarity, subject: Subject, depth: float) -> Float[np.ndarray, "4 4"]:
    """The rigid motion in camera coordinates of what lies at `depth` in the reference frame."""
    rows, columns = subject.background.shape[:2]
    focal, unit = float(subject.K[0, 0]), columns / 2
    off = complex(subject.K[0, 2], subject.K[1, 2]) - complex(columns, rows) / 2
    # The same similarity about the principal point, pixels.
    shift = (at.m - 1) * off + at.d * unit
    moved = depth / abs(at.m)
    C = np.eye(4)
    turn = at.m / abs(at.m)
    C[:2, :2] = [[turn.real, -turn.imag], [turn.imag, turn.real]]
    C[:3, 3] = shift.real * moved / focal, shift.imag * moved / focal, moved - depth
    return C
