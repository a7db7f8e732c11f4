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


def room(seconds: float) -> Float32[np.ndarray, " n"]:
    """Noise as of a room: 3 dB less in every octave above 50 Hz."""
    spectrum = np.fft.rfft(noise(seconds))
    hertz = np.fft.rfftfreq(round(seconds * SAMPLE_RATE), 1 / SAMPLE_RATE)
    samples = round(seconds * SAMPLE_RATE)
    return np.fft.irfft(spectrum / np.sqrt(np.maximum(hertz, 50)), samples).astype(np.float32)


def breath(seconds: float) -> Float32[np.ndarray, " n"]:
    """A breath in the middle: noise from 400 to 5000 Hz that swells and ebbs."""
    samples = round(seconds * SAMPLE_RATE)
    t, hertz = np.arange(samples) / SAMPLE_RATE, np.fft.rfftfreq(samples, 1 / SAMPLE_RATE)
    spectrum = np.fft.rfft(room(seconds)) * ((hertz > 400) & (hertz < 5000))
    swell = np.exp(-0.5 * ((t - seconds / 2) / 0.2) ** 2)
    return (np.fft.irfft(spectrum, samples) * swell).astype(np.float32)


def at_level(
    sound: Float32[np.ndarray, " n"], level: float, decibels: float
) -> Float32[np.ndarray, " n"]:
    """A sound so many dB above a level (root mean square)."""
    own = float(np.sqrt(np.square(sound, dtype=np.float64).mean()))
    return (sound * np.float32(level * 10 ** (decibels / 20) / own)).astype(np.float32)


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
