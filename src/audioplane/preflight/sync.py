"""The offset of the sound from the images, found from the mouth and the voice alone.

An open mouth lets the second formant through: the amplitude between 0.6 and 3 kHz rises and falls
with the opening between the lips, in any language. The phones that are heard tell it too, in
another way: where both agree on an offset, it is believed (docs/decisions/preflight.md). So is an
offset that grows, of a sound that runs faster or slower than its images.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float
from scipy.ndimage import gaussian_filter1d

from audioplane.clock import SAMPLE_RATE
from audioplane.errors import SpeechError
from audioplane.speech import Speech
from audioplane.speech.ipa import lip_openings
from audioplane.speech.spoken import OTHER_LEAD
from audioplane.speech.vowels import vowel_level
from audioplane.speech.window import STEP as WINDOW_STEP

RANGE = 0.4
"""Seconds to either side in which the offset is sought."""
STEP = 0.02
"""Step of the offsets, seconds; finer than the estimate's accuracy, ± 0.04 s."""
OFFSETS = np.arange(-round(RANGE / STEP), round(RANGE / STEP) + 1) * STEP
NOTICEABLE = 0.1
"""Seconds; a larger offset is a fault of the recording, not of the estimate or of the lips, which
are naturally early."""

_GROWTH, _MOST_GROWTH = 0.04, 2.4
"""Seconds by which the offset may grow from the first to the last image that is looked at: steps,
and most to either side."""
_FASTEST = 0.004
"""Seconds by which it may grow in a second: film and NTSC differ by 0.001."""
_LEAST_GAIN = 0.03
"""Of correlation, by an offset that grows, for it to be believed."""
_GROWTHS_AGREED = 0.12
"""Seconds between the best growths by voice and by phones beyond which neither is believed."""
_HOP, _WINDOW = 80, 400
"""Samples between, and in, the windows of a spectrum."""
_SMOOTH = 0.04
"""Smoothing of the voice, seconds, standard deviation."""
_HEARD_BESIDE = 0.4
"""Seconds beyond the sought offsets in which phones are listened for too."""
_SLOW = 1.0
"""Seconds; slower changes (a smile, a louder voice) are removed."""
_APART = 0.16
"""Seconds from the best offset beyond which another one disproves it."""
_AGREED = 0.08
"""Seconds between the best offsets by voice and by phones beyond which neither is believed."""
_LEAST, _LEAST_LEAD = 0.25, 0.12
"""Least correlation at the best offset, and its least lead over any other."""
LEAST_SECONDS_SEEN = 7.5
"""Least seconds with a face: shorter stretches correlate by chance."""


@dataclass(frozen=True)
class Stretch:
    """The mouth in successive frames."""

    times: Float[np.ndarray, " t"]
    """Seconds after the first image."""
    aperture: Float[np.ndarray, " t"]
    """NaN where no face is seen."""


@dataclass(frozen=True)
class Offset:
    """The offset, and how well it is supported."""

    seconds: float
    """At the first image; positive: the sound comes after the images."""
    correlation: float
    elsewhere: float
    """The best correlation of offsets that lie well apart."""
    curve: Float[np.ndarray, " s"]
    """Correlation at every offset from −`RANGE` to `RANGE`."""
    agreed: bool = True
    """Whether voice and phones, where these were asked for, agree on it."""
    growth: float = 0.0
    """Seconds by which it grows in a second."""

    @property
    def believed(self) -> bool:
        """Whether one offset is clearly best."""
        return self.agreed and self.correlation > max(_LEAST, self.elsewhere + _LEAST_LEAD)


def estimate_offset(
    stretches: Sequence[Stretch], waveform: Float[np.ndarray, " n"], by_phones: bool = False
) -> Offset | None:
    """The offset at which mouth and voice agree best; None for too few frames, or no sound.

    Args:
        stretches: the mouth, at one rate.
        waveform: the sound at 16 kHz, from the first image on.
        by_phones: listen for phones about the stretches too (a tenth of their time on one core);
            without the recogniser the voice alone decides.
    """
    seen = [s for s in stretches if len(s.times) > 1 and np.isfinite(s.aperture).mean() > 0.5]
    rate = 1 / float(np.diff(seen[0].times).mean()) if seen else 0.0
    if not len(waveform) or not seen or sum(len(s.times) for s in seen) < LEAST_SECONDS_SEEN * rate:
        return None
    mouths = np.concatenate([_quick(_filled(s.aperture), rate) for s in seen])
    known = np.concatenate([np.isfinite(s.aperture) for s in seen])
    moments = np.concatenate([s.times for s in seen])
    span = moments[-1] - moments[0]
    steps = round(min(_MOST_GROWTH, _FASTEST * span) / _GROWTH)
    growths = np.arange(-steps, steps + 1) * _GROWTH
    lips = [_loud(waveform)]
    if by_phones and (heard := _heard(seen, waveform, RANGE + growths[-1])) is not None:
        lips.append(heard)
    else:
        growths, steps = np.zeros(1), 0
    place = (moments - moments[0]) / span
    curves = np.array([
        [[_agreement(mouths, known, x, moments + o + g * place) for o in OFFSETS] for g in growths]
        for x in lips
    ])  # fmt: skip
    best = _growing(curves, growths)
    if best != steps and (found := _best(curves[:, best])).believed:
        growth = growths[best] / span
        first = found.seconds - growth * moments[0]
        return replace(found, seconds=float(first), growth=float(growth))
    return _best(curves[:, steps])


def _growing(curves: Float[np.ndarray, "k g s"], growths: Float[np.ndarray, " g"]) -> int:
    """Index of the growth that voice and phones agree on, or of none, in the middle."""
    middle, mean = len(growths) // 2, curves.mean(0).max(1)
    best, apart = int(mean.argmax()), np.ptp(growths[curves.max(2).argmax(1)])
    told = abs(growths[best]) > NOTICEABLE and mean[best] - mean[middle] > _LEAST_GAIN
    inside = 0 < best < len(growths) - 1  # at an end it may be larger still
    return best if told and inside and apart <= _GROWTHS_AGREED else middle


def _best(curves: Float[np.ndarray, "k s"]) -> Offset:
    """By the mean of the curves by voice and by phones."""
    agreed = bool(np.ptp(OFFSETS[curves.argmax(1)]) <= _AGREED)
    curve = curves.mean(0)
    best = int(curve.argmax())
    elsewhere = curve[np.abs(OFFSETS - OFFSETS[best]) > _APART].max()
    return Offset(float(OFFSETS[best]), float(curve[best]), float(elsewhere), curve, agreed)


@dataclass(frozen=True)
class _Lips:
    """How the lips open and close by what is heard, without slow changes."""

    times: Float[np.ndarray, " n"]
    """Seconds."""
    opening: Float[np.ndarray, " n"]


def _agreement(
    mouths: Float[np.ndarray, " t"],
    known: Bool[np.ndarray, " t"],
    lips: _Lips,
    at: Float[np.ndarray, " t"],
) -> float:
    """Correlation of the mouth with lips at other moments."""
    inside = known & (at >= 0) & (at <= lips.times[-1])
    if inside.sum() < 2:
        return 0.0
    a, b = mouths[inside], np.interp(at[inside], lips.times, lips.opening)
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / norm if norm > 0 else 0.0


def _loud(waveform: Float[np.ndarray, " n"]) -> _Lips:
    """By the amplitude of the band."""
    n = max(1, len(waveform) // _HOP)
    padded = np.pad(waveform, (_WINDOW // 2, _WINDOW))
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[: n * _HOP : _HOP]
    amplitude = np.empty(n)
    for start in range(0, n, 4096):  # bounds the memory
        amplitude[start : start + 4096] = vowel_level(windows[start : start + 4096])
    return _lips(np.arange(n) * (_HOP / SAMPLE_RATE), amplitude)


def _heard(
    seen: Sequence[Stretch], waveform: Float[np.ndarray, " n"], farthest: float
) -> _Lips | None:
    """By the phones up to `farthest` seconds, and some more, beside the stretches; None where the
    recogniser does not load."""
    beside = farthest + _HEARD_BESIDE
    opening = np.zeros(-(-len(waveform) // WINDOW_STEP))
    for stretch in seen:
        first = max(0, int((stretch.times[0] - beside) * SAMPLE_RATE)) // WINDOW_STEP
        last = int((stretch.times[-1] + beside) * SAMPLE_RATE) // WINDOW_STEP
        last = min(last, len(opening))
        if last <= first:
            continue
        sound = waveform[first * WINDOW_STEP : last * WINDOW_STEP]
        try:
            opening[first:last] = lip_openings(Speech(sound))[: last - first]
        except SpeechError:
            return None
    times = (np.arange(len(opening)) + 0.5) * (WINDOW_STEP / SAMPLE_RATE) - OTHER_LEAD
    return _lips(times, opening)


def _lips(times: Float[np.ndarray, " n"], opening: Float[np.ndarray, " n"]) -> _Lips:
    rate = 1 / float(times[1] - times[0]) if len(times) > 1 else 1.0
    return _Lips(times, _quick(gaussian_filter1d(opening, _SMOOTH * rate), rate))


def _quick(signal: Float[np.ndarray, " t"], rate: float) -> Float[np.ndarray, " t"]:
    return signal - gaussian_filter1d(signal, _SLOW * rate, mode="nearest")


def _filled(signal: Float[np.ndarray, " t"]) -> Float[np.ndarray, " t"]:
    known = np.isfinite(signal)
    return np.interp(np.arange(len(signal)), np.flatnonzero(known), signal[known])
