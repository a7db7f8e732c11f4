"""Frames of a subject with overlays: landmarks, masks, the head's axes."""

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from audioplane.clock import spread_over
from audioplane.subject.labels import Label, head_mask
from audioplane.subject.subject import Subject
from audioplane.subject.transforms import FrameRef

_OUTLINES = {
    Label.NECK: (0, 190, 0),
    Label.TORSO: (230, 60, 40),
    Label.MOUTH: (255, 255, 255),
    Label.HAIR: (20, 20, 20),
}
"""Colours, RGB, of the labels' outlines; the head's is one line around face, hair and mouth."""
_HEAD = (255, 0, 255)
_LANDMARK = (255, 230, 0)
_AXES = ((255, 60, 60), (60, 230, 60), (60, 200, 255))
_AXIS = 0.07
"""Length of the axes, metres; prior work's units are close to that."""
_HEADER = 20


def head_axes(subject: Subject) -> Float[np.ndarray, "3 3"]:
    """Rows: directions, in the subject's world, to the image's right, up, and out of the face.

    Subjects prepared here have y down and a face that looks along −z, prior work's y up and +z.
    """
    down = np.mean([ref.viewmat[1, 1] for ref in subject.train]) > 0
    return np.diag([1.0, -1.0, -1.0] if down else [1.0, 1.0, 1.0])


def draw_frame(subject: Subject, ref: FrameRef, width: int) -> UInt8[np.ndarray, "h w 3"]:
    """One frame at a width in pixels: outlines of its masks, its 68 landmarks, and from the head's
    centre red to the right, green up, light blue out of the face.

    Raises `MediaError` or `SubjectError` where a file of it cannot be read.
    """
    image, labels = subject.image(ref), subject.labels(ref)
    scale = width / image.shape[1]
    size = (width, round(image.shape[0] * scale))
    canvas = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    labels = cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST)
    for label, colour in _OUTLINES.items():
        _outline(canvas, labels == label, colour)
    _outline(canvas, head_mask(labels), _HEAD)
    for x, y in subject.landmarks(ref) * scale:
        cv2.circle(canvas, (round(x), round(y)), 1, _LANDMARK, -1, cv2.LINE_AA)
    _draw_axes(canvas, subject, ref, scale)
    return canvas


def _outline(canvas: UInt8[np.ndarray, "h w 3"], mask: np.ndarray, colour: tuple) -> None:
    contours, _ = cv2.findContours(
        mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    cv2.drawContours(canvas, contours, -1, colour, 1, cv2.LINE_AA)


def _draw_axes(
    canvas: UInt8[np.ndarray, "h w 3"], subject: Subject, ref: FrameRef, scale: float
) -> None:
    K = subject.K * np.array([scale, scale, 1.0])[:, None]
    ends = np.concatenate([np.zeros((1, 3)), _AXIS * head_axes(subject)])
    camera = ends @ ref.viewmat[:3, :3].T + ref.viewmat[:3, 3]
    projected = camera @ K.T
    pixels = np.round(projected[:, :2] / projected[:, 2:]).astype(int)
    start = (int(pixels[0, 0]), int(pixels[0, 1]))
    for (x, y), colour in zip(pixels[1:], _AXES, strict=True):
        cv2.arrowedLine(canvas, start, (int(x), int(y)), colour, 2, cv2.LINE_AA, tipLength=0.2)


def draw_sheet(
    subject: Subject, count: int = 8, width: int = 384, columns: int = 4
) -> UInt8[np.ndarray, "y x 3"]:
    """Evenly spread frames of a subject, held-out ones included, each under its number."""
    refs = [*subject.train, *subject.val]
    chosen = spread_over(len(refs), count)
    cells = []
    for row in chosen:
        frame = draw_frame(subject, refs[row], width)
        header = np.full((_HEADER, width, 3), 40, np.uint8)
        held_out = "  held out" if row >= len(subject.train) else ""
        text = f"{refs[row].img_id}{held_out}"
        cv2.putText(
            header, text, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (230,) * 3, 1, cv2.LINE_AA
        )
        cells.append(np.concatenate([header, frame]))
    cells += [np.full_like(cells[0], 40)] * (-len(cells) % columns)
    lines = (np.concatenate(cells[i : i + columns], axis=1) for i in range(0, len(cells), columns))
    return np.concatenate(list(lines))
