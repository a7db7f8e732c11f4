"""A custom feature kind: python examples/06_add_a_speech_kind.py SUBJECT out

Here the sound's level and its change: enough to open and close a mouth. A kind gives one window of
features a video frame, float32 [T, W, F]; registered, it is known to every function and command of
the process, and combines with others ("mel+loudness").
"""

import sys
from pathlib import Path

import numpy as np

import audioplane as ap
from audioplane.prepare.features import add_features
from audioplane.speech import centred_windows


def loudness(speech: ap.Speech) -> np.ndarray:
    """Level, 0 at -60 dB and 1 at full scale, and its change; two steps a frame."""
    level = np.log10(speech.power + 1e-6) / 6 + 1
    steps = np.stack([level, np.diff(level, prepend=level[:1])], axis=1)
    return centred_windows(steps.astype(np.float32), speech.frames)


ap.register_feature_kind(
    ap.FeatureKind(name="loudness", compute=loudness, size=2, about="level and its change")
)

folder, out = Path(sys.argv[1]), Path(sys.argv[2])
print("frames, window, features:", add_features(folder, "loudness"))
events = list(ap.train_head(folder, out, config="demo", speech="loudness", iterations=100))
print(events[-1])
