"""Speech features: a 16 kHz waveform becomes one window of features a video frame."""

from audioplane.speech.external import load_external_features
from audioplane.speech.kinds import (
    DEFAULT_KIND,
    KINDS,
    PEER_NAMES,
    FeatureKind,
    can_compute,
    compute_features,
    require_kind,
)
from audioplane.speech.window import SAMPLE_RATE, WINDOW, frame_count

__all__ = [
    "DEFAULT_KIND",
    "KINDS",
    "PEER_NAMES",
    "SAMPLE_RATE",
    "WINDOW",
    "FeatureKind",
    "can_compute",
    "compute_features",
    "frame_count",
    "load_external_features",
    "require_kind",
]
