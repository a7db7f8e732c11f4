"""The model: Gaussians, audio encoder, Audio-Plane, deformation, dynamism. It knows no files."""

from audioplane.head.gaussians import Gaussians
from audioplane.head.head import (
    BY_AUDIO,
    BY_EYES,
    STILL,
    Head,
    HeadShape,
    Motion,
    View,
    splat_head,
)

__all__ = [
    "BY_AUDIO",
    "BY_EYES",
    "STILL",
    "Gaussians",
    "Head",
    "HeadShape",
    "Motion",
    "View",
    "splat_head",
]
