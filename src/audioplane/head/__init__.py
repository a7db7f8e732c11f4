"""The model: Gaussians, audio encoder, Audio-Plane, deformation, dynamism; no files."""

from audioplane.head.audio_plane import Attention, Fusion
from audioplane.head.body import follow_body
from audioplane.head.detail import DetailMap
from audioplane.head.expression import BLINK, ExpressionCode
from audioplane.head.gaussians import Gaussians
from audioplane.head.head import (
    BY_AUDIO,
    BY_EXPRESSION,
    STILL,
    Head,
    Motion,
    splat_head,
)
from audioplane.head.poses import corrected_view, refine_view
from audioplane.head.shape import Encoder, HeadShape
from audioplane.head.time_planes import time_cells
from audioplane.head.view import View

__all__ = [
    "BLINK",
    "BY_AUDIO",
    "BY_EXPRESSION",
    "STILL",
    "Attention",
    "DetailMap",
    "Encoder",
    "ExpressionCode",
    "Fusion",
    "Gaussians",
    "Head",
    "HeadShape",
    "Motion",
    "View",
    "corrected_view",
    "follow_body",
    "refine_view",
    "splat_head",
    "time_cells",
]
