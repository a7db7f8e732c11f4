"""The contact sheet: truth, render, difference and dynamic map of some frames in one image."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

DIFFERENCE_GAIN = 4
"""Factor on the absolute difference, then cut off at white."""
HEADER = 22
"""Height of a line of text, pixels."""
COLUMNS = ("ground truth", "render", f"|difference| x{DIFFERENCE_GAIN}", "dynamic map 0-1")


@dataclass(frozen=True)
class SheetRow:
    """One frame of a contact sheet."""

    label: str
    truth: UInt8[np.ndarray, "h w 3"]
    rendered: UInt8[np.ndarray, "h w 3"]
    dynamic: Float[np.ndarray, "h w"]
    """Dynamic map, 0 (still) to 1 (moved by speech)."""


def contact_sheet(rows: Sequence[SheetRow], cell: int = 256) -> UInt8[np.ndarray, "y x 3"]:
    """Lay out frames below each other, in the four `COLUMNS`.

    Args:
        rows: At least one frame; all of one size.
        cell: Width of an image on the sheet, pixels; smaller frames stay as they are.

    Returns:
        RGB. The difference is scaled by `DIFFERENCE_GAIN`; the map runs from black (0) to white (1)
        through OpenCV's inferno colours.
    """
    width = min(cell, rows[0].truth.shape[1])
    lines = [np.concatenate([_text(c, width, 255, 40) for c in COLUMNS], axis=1)]
    for row in rows:
        images = (
            row.truth,
            row.rendered,
            amplified(row.truth, row.rendered),
            colour_map(row.dynamic),
        )
        lines.append(_text(row.label, 4 * width, 60, 230))
        lines.append(np.concatenate([_fit(p, width) for p in images], axis=1))
    return np.concatenate(lines)


def amplified(
    truth: UInt8[np.ndarray, "h w 3"], rendered: UInt8[np.ndarray, "h w 3"]
) -> UInt8[np.ndarray, "h w 3"]:
    """Absolute difference, times `DIFFERENCE_GAIN`."""
    difference = cv2.absdiff(truth, rendered).astype(np.uint16) * DIFFERENCE_GAIN
    return np.minimum(difference, 255).astype(np.uint8)


def colour_map(values: Float[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """Values of 0 to 1 in inferno colours, RGB."""
    grey = (np.clip(values, 0, 1) * 255).round().astype(np.uint8)
    return cv2.cvtColor(cv2.applyColorMap(grey, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)


def _fit(image: UInt8[np.ndarray, "h w 3"], width: int) -> UInt8[np.ndarray, "y x 3"]:
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def _text(text: str, width: int, ink: int, paper: int) -> UInt8[np.ndarray, "y x 3"]:
    line = np.full((HEADER, width, 3), paper, np.uint8)
    cv2.putText(line, text, (4, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (ink,) * 3, 1, cv2.LINE_AA)
    return line
