"""Additional kinds of speech features for a subject."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from audioplane.clock import FRAME_SAMPLES
from audioplane.media.audio import read_audio
from audioplane.speech import require_kind, save_features
from audioplane.subject import load_subject


def add_features(root: Path, kind: str, model: Path | None = None) -> tuple[int, ...]:
    """Compute a kind from the subject's sound and write `aud_<kind>.npy` into its folder.

    A sound that is shorter than the frames is padded with silence.

    Args:
        root: the subject folder.
        kind: feature kind.
        model: file or folder of the kind's network; looked up if not given.

    Returns:
        The features' shape: frames, window, features.

    Raises:
        SpeechError: the kind cannot be computed.
        MediaError: the sound cannot be read or the folder not be written.
    """
    subject = load_subject(root)
    require_kind(kind, model)
    samples = subject.rows * FRAME_SAMPLES
    waveform = read_audio(subject.paths.audio)[:samples]
    waveform = np.pad(waveform, (0, samples - len(waveform)))
    shape = save_features(subject.paths.features(kind), waveform, kind, model)
    if subject.paths.info.exists():
        kinds = (*(k for k in subject.info.feature_kinds if k != kind), kind)
        replace(subject.info, feature_kinds=kinds).save(subject.paths.info)
    return shape
