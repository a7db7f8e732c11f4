"""A sound with its level, activity and mel bands.

    speech = Speech.read(path)                   # or Speech(waveform), 16 kHz
    features = compute_features(speech, kind)    # float32 [T, W, F], T = speech.frames
    spoken = speech.spoken_frames()              # bool [T], for the running norm of another voice
    for warning in sound_warnings(speech, familiarity):
        print(warning)

Everything is computed at first use, and kept; mel bands of sounds longer than a minute are not
kept.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path
from weakref import ref

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64

from audioplane.clock import SAMPLE_RATE
from audioplane.errors import SpeechError
from audioplane.speech.bands import (
    BANDS,
    band_centres,
    band_decibels,
    band_span,
    power_spectra,
    typical_mean,
)
from audioplane.speech.level import (
    BLOCK,
    PAUSE,
    active_blocks,
    block_power,
    check_samples,
    power_gain,
)
from audioplane.speech.window import (
    STEPS_BEFORE,
    STEPS_PER_FRAME,
    frame_count,
    step_count,
)

CHUNK = 500
"""Steps analysed at a time: 4 MB of spectra."""
NARROW_DB = -28.0
"""Mean power in the bands above 4.3 kHz, against those from 500 to 3000 Hz, below which a sound is
narrow-band. Ten recordings have −4 to 7, one of 1961 −29; all of them on a telephone −40 to −50."""
KEPT = 60 * SAMPLE_RATE
"""Samples of the longest sound that is kept once decoded, with its mel bands: 5 MB."""
_PIECE = 3000 * BLOCK
"""Samples searched at a time for the peak: a minute."""
_PEAK = 0.999
"""Share of the active samples below the peak; the rest may be ripples of a codec."""


class Speech:
    """A sound at 16 kHz, mono, with its properties."""

    def __init__(
        self, sound: Float[np.ndarray, " n"] | Callable[[], Iterable[Float[np.ndarray, " _"]]]
    ):
        """A waveform in [−1, 1]; or, for a sound too long for memory, a function that opens it and
        gives its blocks, of any lengths. It is called several times.

        Raises `SpeechError` for another argument; for samples that are not finite or lie far
        outside [−1, 1], as soon as they are looked at.
        """
        if isinstance(sound, np.ndarray):
            self._open: Callable[[], Iterable[np.ndarray]] = lambda: (sound,)
        elif callable(sound):
            self._open = sound
        else:
            raise SpeechError(
                f"a sound is a waveform (an array) or a function that gives its blocks, not a "
                f"{type(sound).__name__}"
            )
        self.recognition: ref | None = None
        """One that `ipa` has begun and nobody has read from yet, while there is one."""

    @staticmethod
    def read(path: Path | str, audio_track: int | None = None) -> "Speech":
        """The sound of an audio or video file (`media.audio.read_audio`): in memory up to a minute,
        decoded for each use if longer. Raises `MediaError`."""
        # Imports the decoders, which not every use needs.
        from audioplane.media.audio import audio_blocks

        blocks: list[np.ndarray] = [np.zeros(0, np.float32)]
        for block in audio_blocks(Path(path), audio_track=audio_track):
            blocks.append(block)
            if sum(map(len, blocks)) > KEPT:
                return Speech(lambda: audio_blocks(Path(path), audio_track=audio_track))
        return Speech(np.concatenate(blocks))

    @cached_property
    def _measured(self) -> tuple[int, Float64[np.ndarray, " b"]]:
        """Number of samples, and `power`."""
        samples, rest, powers = 0, np.zeros(0, np.float32), [np.zeros(0)]
        for block in self._open():
            check_samples(block, samples)
            samples += len(block)
            rest = np.concatenate([rest, block]) if len(rest) else block
            powers.append(block_power(rest))
            rest = rest[len(rest) // BLOCK * BLOCK :]
        return samples, np.concatenate(powers)

    @property
    def samples(self) -> int:
        """Length at 16 kHz."""
        return self._measured[0]

    @property
    def frames(self) -> int:
        """Whole video frames (25 a second), at least 1."""
        return frame_count(self.samples)

    @property
    def power(self) -> Float64[np.ndarray, " b"]:
        """Mean power of every whole block of 20 ms."""
        return self._measured[1]

    @cached_property
    def active(self) -> Bool[np.ndarray, " b"]:
        """Which of these blocks hold speech rather than a pause."""
        return active_blocks(self.power)

    @property
    def level(self) -> float | None:
        """Mean power of the active blocks; None where there is none."""
        return float(self.power[self.active].mean()) if self.active.any() else None

    @property
    def gain(self) -> float:
        """Factor that brings the active blocks to `level.TARGET_DB`; 1 for silence."""
        return 1.0 if self.level is None else power_gain(self.level)

    def active_frames(self, frames: int | None = None) -> Bool[np.ndarray, " t"]:
        """Which video frames hold an active block; of the first `frames`, or of all."""
        frames = self.frames if frames is None else frames
        active = self.active[: frames * STEPS_PER_FRAME]
        padded = np.pad(active, (0, frames * STEPS_PER_FRAME - len(active)))
        return np.asarray(padded.reshape(frames, STEPS_PER_FRAME).any(1))

    def spoken_frames(self) -> Bool[np.ndarray, " t"]:
        """Which video frames belong to speech, with the pauses between words and sentences."""
        near = np.ones(2 * PAUSE + 1)
        return np.convolve(self.active_frames(), near)[PAUSE : PAUSE + self.frames] > 0

    @cached_property
    def crest(self) -> float | None:
        """Crest factor, the peak of the active blocks over their root mean square, dB; None for
        silence."""
        if self.level is None:
            return None
        count = int(self.active.sum()) * BLOCK
        rank = (count - 1) * _PEAK
        # The loudest samples, down to the one below the peak.
        loudest, keep = np.zeros(0, np.float32), count - int(rank)
        ends = range(0, len(self.power) * BLOCK, _PIECE)
        for start, piece in zip(ends, self.cut((i, i + _PIECE) for i in ends), strict=True):
            active = self.active[start // BLOCK : (start + _PIECE) // BLOCK]
            spoken = np.abs(piece.reshape(-1, BLOCK)[: len(active)][active]).ravel()
            loudest = np.concatenate([loudest, spoken])
            if len(loudest) > keep:
                loudest = np.partition(loudest, len(loudest) - keep)[-keep:]
        below, above = np.sort(loudest)[[0, min(1, keep - 1)]].astype(np.float64)
        peak = below + (above - below) * (rank - int(rank))
        return float(20 * np.log10(peak / np.sqrt(self.level)))

    def cut(self, spans: Iterable[tuple[int, int]]) -> Iterator[Float[np.ndarray, " _"]]:
        """The samples from … to of every span, zeros before and after the sound.

        No span may begin before the one before it. In memory are the blocks of one span.

        Raises `SpeechError` where the blocks end earlier than they did when it was measured.
        """
        blocks = iter(self._open())
        held: deque[np.ndarray] = deque()
        start = end = 0  # what is held covers [start, end)
        for first, last in spans:
            while True:
                while held and start + len(held[0]) <= first:
                    start += len(held.popleft())
                if end >= last or (block := next(blocks, None)) is None:
                    break
                held.append(block)
                end += len(block)
            if end < last and end < self.samples:
                raise SpeechError(
                    f"the sound ends after {end} samples, it had {self.samples} when it was opened "
                    "first: give a function that opens it anew each time"
                )
            sound = held[0] if len(held) == 1 else np.concatenate([np.zeros(0, np.float32), *held])
            inside = sound[max(0, first - start) : max(0, last - start)]
            before = max(0, min(start, last) - first)
            yield np.pad(inside, (before, last - first - before - len(inside)))

    def opening(self, samples: int) -> "Speech":
        """The first `samples` as a sound of its own, in memory."""
        return Speech(next(self.cut([(0, min(samples, self.samples))])))

    @cached_property
    def _band_total(self) -> tuple[Float64[np.ndarray, " 80"], int]:
        """Sum of `band_powers` over the active steps, and how many these are."""
        total, count, step = np.zeros(BANDS), 0, -STEPS_BEFORE
        for chunk in self.band_powers():
            first = max(0, step)
            active = self.active[first : step + len(chunk)]
            spoken = chunk[first - step :][: len(active)][active]
            total += spoken.sum(0, dtype=np.float64)
            count += len(spoken)
            step += len(chunk)
        return total, count

    @property
    def band_means(self) -> Float32[np.ndarray, " 80"]:
        """Mean power in every mel band while somebody speaks, dB at `level.TARGET_DB`; closer to
        typical speech the shorter that is."""
        return typical_mean(*self._band_total)

    @property
    def is_narrow(self) -> bool:
        """Whether there is hardly any power above 4.3 kHz, as on a telephone; False for silence."""
        total, count = self._band_total
        centres = band_centres()
        low, high = (centres > 500) & (centres < 3000), centres > 4300
        return count > 0 and float(total[high].mean() - total[low].mean()) < NARROW_DB * count

    def band_powers(self) -> Iterable[Float32[np.ndarray, "s 80"]]:
        """Power in every mel band, dB at `level.TARGET_DB`, in chunks of consecutive steps: those
        that the windows of the frames span, from step −`STEPS_BEFORE` on."""
        return self._kept if self.samples <= KEPT else self._band_powers()

    @cached_property
    def _kept(self) -> list[Float32[np.ndarray, "s 80"]]:
        return list(self._band_powers())

    def _band_powers(self) -> Iterator[Float32[np.ndarray, "s 80"]]:
        starts = range(-STEPS_BEFORE, step_count(self.frames) - STEPS_BEFORE, CHUNK)
        stop, gain = step_count(self.frames) - STEPS_BEFORE, self.gain
        spans = (band_span(first, min(first + CHUNK, stop)) for first in starts)
        for piece in self.cut(spans):
            yield band_decibels(power_spectra(piece) * gain**2).astype(np.float32)
