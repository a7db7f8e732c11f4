"""Lip sync against the sound itself: no weights, no language, no ground truth.

A mouth opens for vowels, and vowels are what is loud between 600 and 3000 Hz. Recordings of people
reach a correlation of about .4 there (docs/decisions/evaluate.md), so that is as good as it gets.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32

from audioplane.evaluate.scores.lips import MIN_FRAMES, find_lag
from audioplane.media.audio import SPEECH_RATE, read_audio
from audioplane.subject import FrameRef, Subject
from audioplane.subject.layout import FPS

BAND = (600.0, 3000.0)
"""Hz: of thirty bands, one of the two whose level goes best with the apertures of recordings."""
MAX_SOUND_LAG = 5
"""Frames to either side among which the lag is sought; unrelated sound finds less in fewer."""
_BLOCK = SPEECH_RATE // FPS


@dataclass(frozen=True)
class SoundSync:
    """How a mouth goes along with a sound."""

    correlation: float
    """Pearson, of aperture and sound level, at `lag`."""
    lag: int
    """Frames by which the mouth is late."""


def sound_of(subject: Subject, refs: Sequence[FrameRef]) -> Float32[np.ndarray, " n"] | None:
    """What is heard in some frames, 40 ms each, one after the other; None where there is no file.

    Raises `MediaError` if the subject's sound cannot be read.
    """
    if not subject.paths.audio.exists():
        return None
    waveform = read_audio(subject.paths.audio)
    starts = np.array([ref.aud_id for ref in refs]) * _BLOCK
    padded = np.pad(waveform, (0, max(0, int(starts.max()) + _BLOCK - len(waveform))))
    return padded[(starts[:, None] + np.arange(_BLOCK)).ravel()]


def sound_level(waveform: Float[np.ndarray, " n"], frames: int) -> Float[np.ndarray, " t"]:
    """Root mean square of a 16 kHz sound inside `BAND`, frame by frame; silence past its end."""
    whole = np.zeros(frames * _BLOCK)
    piece = waveform[: len(whole)]
    whole[: len(piece)] = piece
    spectra = np.fft.rfft(whole.reshape(frames, _BLOCK) * np.hanning(_BLOCK))
    hertz = np.fft.rfftfreq(_BLOCK, 1 / SPEECH_RATE)
    inside = (hertz >= BAND[0]) & (hertz <= BAND[1])
    return np.sqrt(2 * (np.abs(spectra[:, inside]) ** 2).sum(1)) / _BLOCK


def sound_sync(
    aperture: Float[np.ndarray, " t"],
    level: Float[np.ndarray, " t"],
    found: Bool[np.ndarray, " t"],
) -> SoundSync | None:
    """Correlation of a mouth's aperture with the sound, and its lag.

    None where fewer than `MIN_FRAMES` frames show a mouth, or mouth or sound stand still.
    """
    if found.sum() < MIN_FRAMES or aperture[found].std() < 1e-6 or level[found].std() < 1e-9:
        return None
    lag, value = find_lag(aperture[found], level[found], MAX_SOUND_LAG)
    return SoundSync(value, lag)
