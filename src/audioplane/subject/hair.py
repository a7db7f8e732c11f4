"""Hair that falls onto the shoulders."""

from collections.abc import Sequence

import numpy as np

from audioplane.subject.labels import head_on_torso
from audioplane.subject.subject import Subject

_LONG = 0.8
"""Length along which head and torso touch, head widths: .06 to .66 on nine clips with short hair or
hair tied back, .91 and .97 where it falls onto the shoulders."""
_LOOKS = 12


def is_long_hair(touching: Sequence[float]) -> bool:
    """Whether hair falls onto the shoulders, by `head_on_torso` of some frames, one at least."""
    return bool(np.median(touching) > _LONG)


def has_long_hair(subject: Subject) -> bool:
    """Whether hair falls onto the shoulders, by labels of twelve training frames.

    Raises `MediaError` where one of them is missing or damaged.
    """
    refs = subject.train[:: max(1, len(subject.train) // _LOOKS)]
    return is_long_hair([head_on_torso(subject.labels(ref)) for ref in refs])
