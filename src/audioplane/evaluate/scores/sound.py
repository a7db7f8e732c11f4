"""Lip sync against the sound itself: no weights, no language, no ground truth.

A mouth opens for vowels (`speech/vowels.py`). Recordings of people reach a correlation of about .4
with their level (docs/decisions/evaluate.md), which is the most to expect.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32

from audioplane.clock import FRAME_SAMPLES
from audioplane.evaluate.scores.lips import MIN_FRAMES, find_lag
from audioplane.media.audio import read_audio
from audioplane.speech.vowels import vowel_level
from audioplane.subject import FrameRef, Subject

MAX_SOUND_LAG = 5
"""Frames to either side among which the lag is sought; the fewer, the less unrelated sound fits."""
NO_SYNC = f"fewer than {MIN_FRAMES} frames with a mouth, or mouth or sound do not change"
"""Why `sound_sync` gives none."""


@dataclass(frozen=True)
class SoundSync:
    """Agreement of a mouth with a sound."""

    correlation: float
    """Pearson, of aperture and sound level, at `lag`."""
    lag: int
    """Frames by which the mouth is late."""


def sound_of(subject: Subject, refs: Sequence[FrameRef]) -> Float32[np.ndarray, " n"] | None:
    """The sound of some frames, 40 ms each, one after the other; None where there is no file.

    Raises `MediaError` if the subject's sound cannot be read.
    """
    if not subject.paths.audio.exists():
        return None
    waveform = read_audio(subject.paths.audio)
    starts = np.array([ref.aud_id for ref in refs]) * FRAME_SAMPLES
    padded = np.pad(waveform, (0, max(0, int(starts.max()) + FRAME_SAMPLES - len(waveform))))
    return padded[(starts[:, None] + np.arange(FRAME_SAMPLES)).ravel()]


def sound_level(waveform: Float[np.ndarray, " n"], frames: int) -> Float[np.ndarray, " t"]:
    """`vowel_level` of a 16 kHz sound, frame by frame; silence past its end."""
    whole = np.zeros(frames * FRAME_SAMPLES)
    piece = waveform[: len(whole)]
    whole[: len(piece)] = piece
    return vowel_level(whole.reshape(frames, FRAME_SAMPLES))


def sound_sync(
    aperture: Float[np.ndarray, " t"],
    level: Float[np.ndarray, " t"],
    found: Bool[np.ndarray, " t"],
) -> SoundSync | None:
    """Correlation of a mouth's aperture with the sound, and its lag.

    None where fewer than `MIN_FRAMES` frames show a mouth, or mouth or sound do not change.
    """
    if found.sum() < MIN_FRAMES or aperture[found].std() < 1e-6 or level[found].std() < 1e-9:
        return None
    lag, value = find_lag(aperture, level, MAX_SOUND_LAG, (found, np.ones_like(found)))
    return SoundSync(value, lag)
