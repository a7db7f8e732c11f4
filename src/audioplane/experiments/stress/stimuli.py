"""Sounds that are not speech, at 16 kHz, the same every time."""

import numpy as np
from jaxtyping import Float32

from audioplane.clock import SAMPLE_RATE

_CHORDS = ((220.0, 277.2, 329.6), (174.6, 220.0, 261.6), (196.0, 246.9, 293.7), (164.8, 207.7, 247))
_BEAT = 0.5
_OVERTONES = 6
_SHOUT = 20.0
"""Gain before clipping: 26 dB."""


def silence(seconds: float) -> Float32[np.ndarray, " n"]:
    """Silence."""
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def noise(seconds: float) -> Float32[np.ndarray, " n"]:
    """White noise at −20 dB."""
    rng = np.random.default_rng(0)
    return (0.1 * rng.standard_normal(round(seconds * SAMPLE_RATE))).astype(np.float32)


def music(seconds: float) -> Float32[np.ndarray, " n"]:
    """Plucked chords, a melody above them and a drum, 120 beats a minute."""
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    rng, sound = np.random.default_rng(0), np.zeros(len(t))
    for beat in range(int(np.ceil(seconds / _BEAT))):
        first = round(beat * _BEAT * SAMPLE_RATE)
        local = t[: min(round(_BEAT * SAMPLE_RATE), len(t) - first)]
        chord = _CHORDS[beat // 4 % len(_CHORDS)]
        notes = sum(_pluck(hertz, local) for hertz in (*chord, 2 * chord[beat % 3]))
        drum = 0.3 * rng.standard_normal(len(local)) * np.exp(-40 * local)
        sound[first : first + len(local)] += notes + drum
    return (0.7 * sound / np.abs(sound).max()).astype(np.float32)


def shout(speech: Float32[np.ndarray, " n"]) -> Float32[np.ndarray, " n"]:
    """Speech far too loud for its microphone: amplified by 26 dB and clipped at full scale."""
    return np.clip(_SHOUT * speech, -1, 1)


def _pluck(hertz: float, t: np.ndarray) -> np.ndarray:
    overtones = np.arange(1, _OVERTONES + 1)[:, None]
    waves = np.sin(2 * np.pi * hertz * overtones * t) / overtones
    return 0.1 * np.exp(-3 * t) * waves.sum(0)
