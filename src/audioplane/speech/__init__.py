"""Speech features: one window for every video frame from a sound at 16 kHz."""

from audioplane.speech.external import checked_features, load_external_features
from audioplane.speech.features import (
    compute_features,
    feature_chunks,
    require_kind,
    save_features,
)
from audioplane.speech.kinds import (
    DEFAULT_KIND,
    FeatureKind,
    can_compute,
    combine,
    feature_kind,
    kind_names,
    register,
)
from audioplane.speech.sound import Speech
from audioplane.speech.step_stream import StepStream, StreamStatistics
from audioplane.speech.stream import SpeechStream, can_stream, open_stream, stream_statistics
from audioplane.speech.window import WINDOW, centred_windows, frame_count

# The order of registration is that of lists.
from audioplane.speech import ipa, mel, phones  # isort: skip

for _kind in (mel.KIND, phones.KIND, ipa.KIND):
    register(_kind)
for _kind in (phones.KIND, ipa.KIND):
    register(combine(mel.KIND, _kind))

# Kinds that need a network register themselves.
from audioplane.speech import deepspeech, networks  # isort: skip # noqa: E402, F401

__all__ = [
    "DEFAULT_KIND",
    "WINDOW",
    "FeatureKind",
    "Speech",
    "SpeechStream",
    "StepStream",
    "StreamStatistics",
    "can_compute",
    "can_stream",
    "centred_windows",
    "checked_features",
    "combine",
    "compute_features",
    "feature_chunks",
    "feature_kind",
    "frame_count",
    "kind_names",
    "load_external_features",
    "open_stream",
    "register",
    "require_kind",
    "save_features",
    "stream_statistics",
]
