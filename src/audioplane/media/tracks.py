"""The sound tracks of a file: their content, the choice of the one with speech, its channel mix."""

import math
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from audioplane.errors import MediaError
from audioplane.media.container import (
    RESTART,
    clock_restarts,
    decode_all,
    first_image_time,
    open_input,
    require_file,
    start_time,
)

RATES = (1000, 768_000)
"""Samples a second that a header may claim; less or more is damage."""
_GAP = 0.1
"""Seconds that a time stamp may run ahead of the samples before silence is put in between."""
_LONGEST_GAP = 3600.0
"""Seconds; a time stamp further ahead than this is taken for damage and ignored."""
_LONGEST_BLOCK = 4096
"""Samples by which decoded sound may outlast its track because a block was padded."""
_SILENT = 1e-3
"""Power below that of the loudest channel, by which a channel counts as silent (30 dB)."""
_CANCELLED = 0.2
"""Power of a mix, over that of unrelated channels, below which they cancel each other."""
_BAND = (300.0, 3400.0)
"""Hertz; the band that distinguishes speech from other sound."""
_FLOOR = -60.0
"""dB of full scale below which a track counts as silent."""
_OVERSHOOT, _LOUDEST = 1.01, 16.0
"""Full scales; floating-point samples up to the one are cut off without being missed, those beyond
the other are on an integer's scale."""


@dataclass(frozen=True)
class SoundTrack:
    """One sound track of a file."""

    number: int
    """From 1, as it is chosen by."""
    name: str
    """Codec, channels, language and title."""
    begins: float
    """Second, after the first image where there is one, of its first sample."""
    ends: float
    """Second of its end."""
    level: float
    """Of its loudest channel, dB of full scale; -inf for silence."""
    movement: float
    """Variation of its level between 300 and 3400 Hz, dB: large in speech, small in a hum."""
    mix: tuple[float, ...]
    """Weight of each channel in the waveform that is read."""
    notes: tuple[str, ...] = ()
    """Corrections that its maker may not expect, a sentence each."""
    fault: str = ""
    """Why it cannot be read."""
    zero: Fraction | None = None
    """When the first image is shown on the container's clock, seconds."""
    restarts: tuple[float, ...] = ()
    """`clock_restarts` of the file."""

    def __str__(self) -> str:
        level = "silent" if self.level < _FLOOR else f"{self.level:.0f} dB"
        return f"{self.number} ({self.name}, {level})"


def sound_tracks(path: Path) -> tuple[SoundTrack, ...]:
    """The sound tracks of a file, each scanned from beginning to end; none without sound.

    Raises `MediaError` if the file cannot be read.
    """
    path = Path(path)
    require_file(path)
    status = path.stat()
    return _look(path.absolute(), status.st_mtime_ns, status.st_size)


def choose_track(path: Path, number: int | None = None) -> SoundTrack:
    """The track with speech, or the one of a number.

    Raises `MediaError`, naming the tracks, where there is none, or none of that number, or it
    cannot be read.
    """
    tracks = sound_tracks(path)
    if not tracks:
        raise MediaError(f"{path} has no sound track")
    names = ", ".join(map(str, tracks))
    if number is not None:
        if not 1 <= number <= len(tracks):
            raise MediaError(f"{path} has no sound track {number}; it has: {names}")
        chosen = tracks[number - 1]
    else:
        chosen = max(tracks, key=lambda t: (not t.fault, t.movement, t.level, -t.number))
        if len(tracks) > 1:
            note = f"{path.name} has {len(tracks)} sound tracks, {names}: {chosen.number} is taken"
            chosen = replace(chosen, notes=(note, *chosen.notes))
    if chosen.fault:
        raise MediaError(f"{path} {chosen.fault}")
    return chosen


@lru_cache(maxsize=16)
def _look(path: Path, mtime: int, size: int) -> tuple[SoundTrack, ...]:
    zero, restarts = first_image_time(path), clock_restarts(path)
    with open_input(path) as container:
        streams = list(container.streams.audio)
        known = [s for s in streams if s.codec_context is not None]
        looks = {s.index: _Look(ChannelTimeline(s, zero, restarts)) for s in known}
        for i, frame in decode_all(container, known) if known else ():
            looks[known[i].index].see(frame)
        return tuple(
            replace(looks[s.index].track(n, s), zero=zero, restarts=restarts)
            if s.index in looks
            else SoundTrack(n, "?", 0.0, 0.0, -math.inf, 0.0, (), (), _UNKNOWN)
            for n, s in enumerate(streams, 1)
        )


_UNKNOWN = "has a sound track of a codec that FFmpeg does not know"


class ChannelTimeline:
    """Puts the decoded frames of one track in step with their time stamps.

    Time zero is `zero` on the container's clock, else the first sample. Silence is put in where
    time stamps run ahead, sound left out where they fall behind; where they start again, the sound
    goes on.
    """

    def __init__(self, stream: Any, zero: Fraction | None, restarts: tuple[float, ...] = ()):
        self.rate = 0
        """Samples a second, those of the first frame; 0 before it."""
        self.count = 0
        """Samples so far, with the silence put in."""
        self.begins = 0.0
        """Second of the first sample."""
        self.notes: tuple[str, ...] = ()
        """What was not followed, a sentence each."""
        self._stream, self._zero, self._skipped = stream, zero, 0.0
        self._restarts = list(restarts)
        self._channels = self._overlap = 0
        self._last = 0.0

    def pieces(self, frame: Any) -> Iterator[Float32[np.ndarray, "c n"]]:
        """The samples that a frame adds, with silence before them where there is a gap."""
        samples = self._as_the_first(frame)
        ahead = self._ahead(frame)
        if not self.count and -_LONGEST_GAP < ahead < 0:
            samples = samples[:, round(-ahead * self.rate) :]
        elif (_GAP if self.count else 0.5 / self.rate) < ahead < _LONGEST_GAP:
            silence = round(ahead * self.rate)
            self.begins = self.begins if self.count else ahead
            self.count += silence
            for begin in range(0, silence, self.rate):
                yield np.zeros((self._channels, min(self.rate, silence - begin)), np.float32)
        elif abs(ahead) >= _LONGEST_GAP:
            self._skipped += ahead
            self.notes += (f"its time stamps jump by {ahead:.0f} s, which is not followed",)
        samples, drop = samples[:, self._overlap :], min(self._overlap, samples.shape[1])
        self._overlap -= drop
        if samples.shape[1]:
            self.count += samples.shape[1]
            yield samples

    def _as_the_first(self, frame: Any) -> Float32[np.ndarray, "c n"]:
        """A frame's samples in the first frame's rate and channels."""
        samples = _channels(frame)
        self.rate = self.rate or self._checked(frame.sample_rate)
        if frame.sample_rate != self.rate:
            samples = _stretched(samples, self._checked(frame.sample_rate), self.rate)
        self._channels = self._channels or len(samples)
        if len(samples) != self._channels:
            samples = np.repeat(samples.mean(0, keepdims=True), self._channels, 0)
        return samples

    def _ahead(self, frame: Any) -> float:
        """Seconds by which a frame's time stamp runs ahead of the samples so far.

        Where it has fallen behind little by little, so much sound is left out.
        """
        if frame.pts is None or frame.time_base is None:
            return 0.0
        now = frame.pts * frame.time_base
        self._zero = now if self._zero is None else self._zero
        ahead = float(now - self._zero) - self._skipped - self.count / self.rate
        drifts, self._last = ahead > self._last - _GAP, ahead
        if self.count and ahead < -_GAP and not self._overlap:
            if drifts:
                self._overlap, ahead = round(-ahead * self.rate), 0.0
            elif ahead < -RESTART:
                ahead = self._restart(ahead)
        return ahead

    def _restart(self, ahead: float) -> float:
        """How far new time stamps run ahead: they start as the video's do, else without a gap."""
        if not self._restarts:
            self._skipped += ahead
            return 0.0
        before, self._skipped = self._skipped, self._restarts.pop(0)
        ahead += before - self._skipped
        self._overlap = max(0, round(-ahead * self.rate))
        return ahead

    def surplus(self) -> int:
        """Samples with which a codec padded its last block."""
        start, stream = start_time(self._stream), self._stream
        if stream.duration is None or start is None or not self.rate or self._skipped:
            return 0
        zero = start if self._zero is None else self._zero
        end = round(float(start + stream.duration * stream.time_base - zero) * self.rate)
        return self.count - end if 0 < end and 0 < self.count - end < _LONGEST_BLOCK else 0

    def _checked(self, rate: int) -> int:
        if not RATES[0] <= rate <= RATES[1]:
            raise MediaError(f"a sound track claims {rate} samples a second: it is damaged")
        return rate


@dataclass
class _Look:
    """The state of the scan of one track."""

    timeline: ChannelTimeline
    gram: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    """Sums of the products of two channels' samples."""
    levels: list[array] = field(default_factory=list)
    """Of each channel its dB between 300 and 3400 Hz, a number for each frame."""
    peak: float = 0.0
    fault: str = ""

    def see(self, frame: Any) -> None:
        before = self.timeline.count
        try:
            for piece in self.timeline.pieces(frame):
                self._add(piece, before)
                before = self.timeline.count
        except MediaError as e:
            self.fault = self.fault or f"cannot be read: {e}"

    def _add(self, piece: Float32[np.ndarray, "c n"], at: int) -> None:
        finite = np.isfinite(piece).all(0)
        if not finite.all() and not self.fault:
            place = at + int(np.argmin(finite))
            self.fault = (
                f"holds a sample that is no number ({piece[:, place - at].max()}) at second "
                f"{place / self.timeline.rate:.3f} (sample {place}): cut it out or export it again"
            )
        piece = np.where(finite, piece, 0).astype(np.float64)
        if not len(self.gram):
            self.gram = np.zeros((len(piece), len(piece)))
        self.gram += piece @ piece.T
        self.peak = max(self.peak, float(np.abs(piece).max(initial=0)))
        if piece.shape[1] >= 64:
            self.levels = self.levels or [array("d") for _ in piece]
            for levels, level in zip(
                self.levels, _band_levels(piece, self.timeline.rate), strict=True
            ):
                levels.append(level)

    def track(self, number: int, stream: Any) -> SoundTrack:
        """The result of the scan."""
        timeline = self.timeline
        name = _name(stream)
        count = timeline.count - timeline.surplus()
        if not count or not len(self.gram):
            fault = self.fault or "has a sound track, but nothing of it can be decoded"
            return SoundTrack(number, name, 0.0, 0.0, -math.inf, 0.0, (), (), fault)
        scale, notes = _scale(self.peak)
        power = np.diag(self.gram) / count * scale**2
        weights, said = _mix(self.gram)
        loudest = int(power.argmax())
        moving = np.array(self.levels[loudest] if self.levels else ()) + 20 * math.log10(scale)
        fault = self.fault
        if not scale > 1e-10:
            fault = fault or f"holds samples up to {self.peak:.0e}: it is damaged"
        return SoundTrack(
            number=number,
            name=name,
            begins=timeline.begins,
            ends=count / timeline.rate,
            level=10 * math.log10(power.max()) if power.max() > 0 else -math.inf,
            movement=float(np.maximum(moving, _FLOOR).std()) if len(moving) else 0.0,
            mix=tuple(float(w * scale) for w in weights),
            notes=(*timeline.notes, *notes, *said),
            fault=fault,
        )


def _scale(peak: float) -> tuple[float, tuple[str, ...]]:
    """Factor that brings samples to full scale 1, and a note on it."""
    if peak <= _OVERSHOOT:
        return 1.0, ()
    if peak <= _LOUDEST:
        return 1 / peak, (
            f"its samples reach {peak:.2f} times full scale: it is read "
            f"{20 * math.log10(peak):.1f} dB quieter, so that none is cut off",
        )
    bits = next((b for b in (16, 24, 32) if peak <= 2.0 ** (b - 1) * 1.01), None)
    if bits is None:
        return 1e-12, ()
    return 2.0 ** (1 - bits), (
        f"floating-point samples up to {peak:.0f} are taken for {bits}-bit ones and scaled",
    )


def _mix(gram: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Weights of the channels: silent ones do not count; of those that cancel, the loudest."""
    power = np.diag(gram)
    loud = power > power.max() * _SILENT if power.max() > 0 else np.ones(len(power), bool)
    weights = loud / loud.sum()
    if weights @ gram @ weights < _CANCELLED * (weights**2 @ power):
        weights = np.eye(len(power))[power.argmax()]
        return weights, (
            f"the channels cancel each other (one of them is inverted): channel "
            f"{int(power.argmax()) + 1} alone is taken",
        )
    return weights, ()


def _band_levels(piece: np.ndarray, rate: int) -> np.ndarray:
    """dB of each channel between 300 and 3400 Hz."""
    n = piece.shape[1]
    low, high = (math.ceil(hertz * n / rate) for hertz in _BAND)
    power = (np.abs(np.fft.rfft(piece)[:, low : high + 1]) ** 2).sum(-1) * 2 / n**2
    return 10 * np.log10(power + 1e-12)


def _name(stream: Any) -> str:
    context = stream.codec_context
    said = [context.name, context.layout.name if context.layout else ""]
    said += [stream.metadata.get(key, "") for key in ("language", "title")]
    return ", ".join(word for word in said if word and word != "und")


def _channels(frame: Any) -> Float32[np.ndarray, "c n"]:
    """One decoded frame, full scale = 1. Raises `MediaError` for samples of a kind that PyAV does
    not give."""
    try:
        samples = frame.to_ndarray()
    except ValueError as e:
        raise MediaError(
            f"its samples are of a kind that is not read ({frame.format.name}): save it with 16, "
            "24 or 32 bits"
        ) from e
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    if samples.dtype.kind == "u":
        return (samples / np.float32(128) - 1).astype(np.float32)
    if samples.dtype.kind == "i":
        return (samples / -float(np.iinfo(samples.dtype).min)).astype(np.float32)
    with np.errstate(over="ignore"):
        return samples.astype(np.float32)


def _stretched(
    samples: Float32[np.ndarray, "c n"], rate: int, wanted: int
) -> Float32[np.ndarray, "c m"]:
    """Samples of a track that changes its rate on the way, at the rate that it began with."""
    n = samples.shape[1]
    if not n:
        return samples
    at = np.arange(round(n * wanted / rate)) * (rate / wanted)
    return np.stack([np.interp(at, np.arange(n), c) for c in samples]).astype(np.float32)
