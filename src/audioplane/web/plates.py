"""What lies behind the Gaussians of a head whose torso is recorded: an image for each pose.

`torso.bin` holds them as chunks of VP9 one after the other, each the part of a plate that a torso
ever covers. Browsers decode chunk by chunk (WebCodecs), so they show the torso that belongs to a
pose and no other; what a `<video>` shows, and when, they do not promise.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Integer, UInt8

from audioplane.assets import write_atomically
from audioplane.drive.animator import Animator
from audioplane.drive.moment import Moment
from audioplane.media.vp9 import CODEC, encode_chunks
from audioplane.progress import Counter

QUALITY = 18
"""Of VP9, 0 (best) to 63 (docs/browser.md says what it costs)."""


def write_plates(
    path: Path,
    moments: Sequence[Moment],
    rows: Integer[np.ndarray, " t"],
    animator: Animator,
    step: Counter,
) -> dict[str, Any]:
    """Write the plates of moments; returns where they lie in a frame and in the file.

    `rows`: which moments are shown one after the other; after the last comes the first.

    Raises `MediaError` where it cannot be written.
    """
    left, top, right, bottom = _covered(moments, animator)
    keys = entered(rows)
    parts = (animator.plate(moment)[top:bottom, left:right] for moment in moments)
    sizes = []
    with write_atomically(path) as partial, partial.open("wb") as file:
        for chunk in encode_chunks(parts, QUALITY, keys):
            sizes.append(file.write(chunk))
            step()
    place = {"left": left, "top": top, "width": right - left, "height": bottom - top}
    return {"codec": CODEC, **place, "sizes": sizes, "keys": sorted(keys)}


def entered(rows: Integer[np.ndarray, " t"]) -> set[int]:
    """The first row, and those that are not always shown after the one before."""
    rows = rows.astype(int)
    return {0, *rows[np.roll(rows, 1) + 1 != rows].tolist()}


def _covered(moments: Sequence[Moment], animator: Animator) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of all that differs between the plates."""
    first = animator.plate(moments[0])
    changed: Bool[np.ndarray, "h w"] = np.zeros(first.shape[:2], bool)
    for moment in moments[1:]:
        changed |= _differs(first, animator.plate(moment))
    rows, columns = (np.flatnonzero(changed.any(axis)) for axis in (1, 0))
    if not len(rows):
        return 0, 0, 1, 1
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _differs(
    a: UInt8[np.ndarray, "h w 3"], b: UInt8[np.ndarray, "h w 3"]
) -> Bool[np.ndarray, "h w"]:
    return (a != b).any(2)
