"""A formant synthesizer in the manner of Klatt (1980): from timed phonemes to sound.

Glottal pulses and breath run through a cascade of five resonators, friction noise through one of
its own beside it. All controls are curves in time, smooth enough not to click.

Legend: F, B centre and bandwidth of a resonator (Hz); A, B, C its difference equation's
coefficients, y[n] = A x[n] + B y[n−1] + C y[n−2] (Klatt 1980, eq. 1).
"""

from dataclasses import dataclass, replace
from typing import no_type_check

import numpy as np
from jaxtyping import Float, Float32
from scipy.ndimage import gaussian_filter1d

from audioplane.clock import SAMPLE_RATE
from audioplane.jit import jit
from audioplane.synthetic.phonemes import PHONEMES, Phoneme
from audioplane.synthetic.script import TimedPhoneme

_CONTROL_RATE = 1000
_STEP = SAMPLE_RATE // _CONTROL_RATE
_FORMANT_SMOOTHING = 0.018
_AMPLITUDE_SMOOTHING = 0.007
_BURST = 0.014
_LEVEL = 0.3
_ROOM_NOISE = 5e-4
_HIGHEST_HISS = 7500.0


@dataclass(frozen=True)
class Voice:
    """Who speaks: factors on the controls."""

    tract: float = 1.0
    """Of all resonances: the shorter the vocal tract, the higher."""
    bandwidth: float = 1.0
    pitch: float = 1.0
    breath: float = 1.0

    def of(self, c: "VoiceControls") -> "VoiceControls":
        """Controls as this voice has them."""
        return replace(
            c,
            pitch=self.pitch * c.pitch,
            breath=self.breath * c.breath,
            hiss_hz=np.minimum(self.tract * c.hiss_hz, _HIGHEST_HISS),
            formants=self.tract * c.formants,
            bandwidths=self.bandwidth * c.bandwidths,
        )


@dataclass(frozen=True)
class VoiceControls:
    """The synthesizer's inputs, one row a millisecond."""

    pitch: Float[np.ndarray, " n"]
    """Hz."""
    voice: Float[np.ndarray, " n"]
    breath: Float[np.ndarray, " n"]
    hiss: Float[np.ndarray, " n"]
    hiss_hz: Float[np.ndarray, " n"]
    formants: Float[np.ndarray, "n 5"]
    """Hz."""
    bandwidths: Float[np.ndarray, "n 5"]
    """Hz."""


def _write_amplitudes(rows: np.ndarray, p: Phoneme, stress: float) -> None:
    """Voice, breath and hiss of one phoneme into its rows [n,3]; a stop is silent, then bursts."""
    n = len(rows)
    rows[:] = p.voice * stress, p.breath, p.hiss
    if p.kind == "stop":
        burst = int(_CONTROL_RATE * (0.06 if p.symbol in ("CH", "JH") else _BURST))
        release = max(0, n - burst - int(n * (0.3 if p.voice == 0 else 0.1)))
        rows[:release, 1:] = 0.0
        rows[release : release + burst, 1] = 0.0
        rows[release + burst :, 2] = 0.0


def voice_controls(timed: list[TimedPhoneme]) -> VoiceControls:
    """Smooth control curves of timed phonemes."""
    n = round(timed[-1].end * _CONTROL_RATE)
    amplitudes = np.zeros((n, 3))
    formants = np.zeros((n, 5))
    bandwidths = np.zeros((n, 5))
    hiss_hz = np.zeros(n)
    pitch = np.zeros(n)
    for t in timed:
        p = PHONEMES[t.symbol]
        here = slice(round(t.start * _CONTROL_RATE), round(t.end * _CONTROL_RATE))
        _write_amplitudes(amplitudes[here], p, t.stress)
        formants[here] = *p.formants, 3500.0, 4500.0
        wide = 2.2 if p.kind == "nasal" else 1.0
        bandwidths[here] = 60 * wide, 90 * wide, 140 * wide, 220, 320
        hiss_hz[here] = p.hiss_hz
        pitch[here] = t.pitch
    smooth = _FORMANT_SMOOTHING * _CONTROL_RATE
    quick = _AMPLITUDE_SMOOTHING * _CONTROL_RATE
    amplitudes = gaussian_filter1d(amplitudes, quick, axis=0)
    return VoiceControls(
        pitch=gaussian_filter1d(pitch, 60.0),
        voice=gaussian_filter1d(amplitudes[:, 0], quick),
        breath=amplitudes[:, 1],
        hiss=amplitudes[:, 2],
        hiss_hz=gaussian_filter1d(hiss_hz, quick),
        formants=gaussian_filter1d(formants, smooth, axis=0),
        bandwidths=gaussian_filter1d(bandwidths, smooth, axis=0),
    )


@jit()
@no_type_check
def _set_resonator(abc, k, hz, width, seconds):
    c = -np.exp(-2 * np.pi * width * seconds)
    b = 2 * np.exp(-np.pi * width * seconds) * np.cos(2 * np.pi * hz * seconds)
    abc[k, 0], abc[k, 1], abc[k, 2] = 1 - b - c, b, c


@jit()
@no_type_check
def _run_synthesizer(noise, pitch, amplitudes, hiss_hz, formants, bandwidths, step, rate):
    """The sample loop; the resonators' coefficients move once a control row."""
    n = len(noise)
    out = np.zeros(n, np.float64)
    abc = np.zeros((6, 3))
    state = np.zeros((6, 2))
    phase = 0.0
    tilt = 0.0
    previous = 0.0
    for i in range(n):
        row = min(i // step, len(pitch) - 1)
        if i % step == 0:
            for k in range(5):
                _set_resonator(abc, k, formants[row, k], bandwidths[row, k], 1.0 / rate)
            _set_resonator(abc, 5, hiss_hz[row], 0.35 * hiss_hz[row], 1.0 / rate)
        voice, breath, hiss = amplitudes[row, 0], amplitudes[row, 1], amplitudes[row, 2]
        phase += pitch[row] / rate
        phase -= np.floor(phase)
        # Flow derivative of a glottal pulse that is open for 0.6 of its period.
        x = phase / 0.6
        pulse = 2 * x - 3 * x * x if x < 1 else 0.0
        tilt += 0.55 * (pulse - tilt)
        signal = voice * tilt + 0.25 * breath * noise[i]
        for k in range(5):
            y = abc[k, 0] * signal + abc[k, 1] * state[k, 0] + abc[k, 2] * state[k, 1]
            state[k, 1] = state[k, 0]
            state[k, 0] = y
            signal = y
        y = abc[5, 0] * hiss * noise[i] + abc[5, 1] * state[5, 0] + abc[5, 2] * state[5, 1]
        state[5, 1] = state[5, 0]
        state[5, 0] = y
        # The difference keeps friction out of the low bands, where it would sound like wind.
        out[i] = signal + 0.1 * (y - previous)
        previous = y
    return out


def synthesize(
    timed: list[TimedPhoneme], seed: int, voice: Voice = Voice()
) -> Float32[np.ndarray, " n"]:
    """The sound of timed phonemes.

    Args:
        timed: Phonemes without gaps, from second 0 on.
        seed: Decides the noise.
        voice: Who speaks.

    Returns:
        Waveform at 16 kHz in [−1, 1], about −20 dBFS RMS.
    """
    c = voice.of(voice_controls(timed))
    n = round(timed[-1].end * SAMPLE_RATE)
    rng = np.random.default_rng([seed, 2])
    noise = rng.standard_normal(n)
    # Slow wander of the pitch: without it the voice buzzes like a machine.
    wander = gaussian_filter1d(rng.standard_normal(len(c.pitch)), 30.0) * 0.18
    amplitudes = np.stack([c.voice, c.breath, c.hiss], -1)
    wave = _run_synthesizer(
        noise,
        c.pitch * (1 + wander),
        amplitudes,
        c.hiss_hz,
        c.formants,
        c.bandwidths,
        _STEP,
        float(SAMPLE_RATE),
    )
    wave = _LEVEL * wave + _ROOM_NOISE * rng.standard_normal(n)
    return np.tanh(wave).astype(np.float32)
