"""Speech features: a 16 kHz waveform becomes one window of features a video frame."""

from audioplane.speech.external import load_external_features
from audioplane.speech.kinds import DEFAULT_KIND, KINDS, FeatureKind, compute_features
from audioplane.speech.window import SAMPLE_RATE, WINDOW, frame_count

__all__ = [
    "DEFAULT_KIND",
    "KINDS",
    "SAMPLE_RATE",
    "WINDOW",
    "FeatureKind",
    "compute_features",
    "frame_count",
    "load_external_features",
]
