"""What lies behind the Gaussians of a head whose torso is recorded: an image for each pose.

`torso.bin` holds WebP images one after the other, each the part of a plate that a torso ever
covers, so that a browser shows the torso that belongs to a pose and no other. A video would be
smaller, but browsers do not promise which of its frames they show.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8

from audioplane.assets import write_atomically
from audioplane.drive.animator import Animator
from audioplane.drive.moment import Moment
from audioplane.media.image import encode_image
from audioplane.progress import Counter

QUALITY = 75
"""Of WebP, 0 to 100 (docs/browser.md says what it costs)."""


def write_plates(
    path: Path, moments: Sequence[Moment], animator: Animator, step: Counter
) -> dict[str, Any]:
    """Write the plates of moments; returns where they lie in a frame and in the file.

    Raises `MediaError` where it cannot be written.
    """
    left, top, right, bottom = _covered(moments, animator)
    sizes = []
    with write_atomically(path) as partial, partial.open("wb") as file:
        for moment in moments:
            part = np.ascontiguousarray(animator.plate(moment)[top:bottom, left:right])
            sizes.append(file.write(encode_image(part, ".webp", QUALITY)))
            step()
    return {"left": left, "top": top, "sizes": sizes}


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
