"""Stage parsing: the label map of every usable frame.

`person.py` finds the person in single frames, `hair.py` learns the colours of the hair, `frames.py`
lets neighbouring frames vote, `labels.py` labels every pixel, `flicker.py` measures the result.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from audioplane.face.landmarker import to_68
from audioplane.media.image import read_image, write_image
from audioplane.prepare.job import Job
from audioplane.prepare.masks.flicker import Outline, flickering, head_outline
from audioplane.prepare.masks.frames import MaskedFrame, vote, with_neighbours
from audioplane.prepare.masks.hair import HairColours, learn_hair
from audioplane.prepare.masks.head_frame import HeadFrame
from audioplane.prepare.masks.labels import label_frame
from audioplane.prepare.masks.person import PersonMasker, open_masker
from audioplane.prepare.plates import pick_frames
from audioplane.prepare.pose.camera import Intrinsics
from audioplane.prepare.workers import in_order
from audioplane.subject.labels import paint_labels
from audioplane.subject.track import Track

_HAIR_FRAMES = 24
"""Frames that the colours of hair are learnt from."""


def parsing_stage(job: Job) -> None:
    """Write the label map of every usable frame."""
    track, usable = Track.load(job.paths.track), job.record.usable()
    with open_masker(job.options.segmenter) as masker:
        job.record.notes["parsing"] = masker.name
        mask_frame = _frame_masker(job, track, masker)
        hair = _learn_hair([mask_frame(i) for i in pick_frames(usable, _HAIR_FRAMES)])
        masked = in_order(lambda i: _with_hair(mask_frame(i), hair), usable)
        outlines = in_order(lambda frame: _label(job, *frame), with_neighbours(masked))
        shares = _flickering(job, outlines, len(usable))
    if shares:
        job.note("outline", f"{100 * np.mean(shares):.1f} % of the head's outline flickers")


def _frame_masker(job: Job, track: Track, masker: PersonMasker) -> Callable[[int], MaskedFrame]:
    record, size = job.record, job.options.size
    camera = Intrinsics(record.focal, size / 2)
    shots = np.searchsorted(record.cuts, np.arange(record.n_frames), side="right")

    def mask_frame(i: int) -> MaskedFrame:
        image, points = read_image(job.paths.original(i)), track.landmarks[i]
        head = HeadFrame.of(track.viewmats[i], camera)
        return MaskedFrame(i, int(shots[i]), image, points, to_68(points), head, masker(image))

    return mask_frame


def _learn_hair(frames: list[MaskedFrame]) -> HairColours | None:
    """None where the network finds hair itself, or none is visible."""
    if any(frame.mask.hair is not None for frame in frames):
        return None
    return learn_hair(
        [frame.image for frame in frames],
        [frame.landmarks for frame in frames],
        [frame.mask.person > 0.5 for frame in frames],
    )


def _with_hair(frame: MaskedFrame, colours: HairColours | None) -> MaskedFrame:
    if colours is None:
        return frame
    hair = colours.hair(frame.image, frame.landmarks)
    return replace(frame, mask=replace(frame.mask, hair=hair))


def _label(job: Job, frame: MaskedFrame, near: list[MaskedFrame]) -> Outline:
    labels = label_frame(vote(frame, near))
    write_image(job.paths.parsing(frame.img_id), paint_labels(labels))
    return head_outline(frame, labels)


def _flickering(job: Job, outlines: Iterator[Outline], n: int) -> list[float]:
    """Flickering share of every two successive outlines; empty if it cannot be measured."""
    shares, before = [], None
    for done, outline in enumerate(outlines, start=1):
        share = None if before is None else flickering(before, outline)
        shares += [] if share is None else [share]
        before = outline
        job.progress(done, n)
    return shares
