"""Sound: one mono waveform from any file that FFmpeg reads, and a WAV file from a waveform.

`audio_blocks` reads in blocks and constant memory, `read_audio` all at once; both read the track
that `media.tracks.choose_track` chooses.
"""

import math
import wave
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, Int64

from audioplane.assets import write_atomically
from audioplane.clock import SAMPLE_RATE
from audioplane.errors import MediaError
from audioplane.media.container import decode, open_input
from audioplane.media.tracks import ChannelTimeline, SoundTrack, choose_track

LONGEST = 6 * 3600
"""Most seconds of sound that are read at once."""
_LONGEST_PERIOD = 96_000
"""Samples after which two rates meet again, at most: every rate up to this one is exact, an odd one
above it to 10 ppm, since the weights of 767,999 Hz would take 1.6 GB."""
_TAPS = np.arange(-15, 17)
"""Samples that a sample at another speed is made of, about it."""


def read_audio(
    path: Path, rate: int = SAMPLE_RATE, audio_track: int | None = None
) -> Float32[np.ndarray, " n"]:
    """Read the sound of an audio or video file.

    Time zero is the first image where the file has images, so that sample `n` belongs to second
    `n / rate` of `read_frames`; else it is the first sample. Of several tracks the one with speech
    is read. Channels are averaged, silent ones left out; of channels that cancel each other the
    loudest is taken.

    Args:
        path: any container and codec that FFmpeg reads.
        rate: samples a second of the result.
        audio_track: number of the sound track, from 1; None for the one with speech.

    Returns:
        Mono waveform in [-1, 1].

    Raises:
        MediaError: there is no such sound track, nothing of it can be decoded, it is longer than
            six hours or holds a sample that is no number.
    """
    blocks: list[np.ndarray] = []
    for block in audio_blocks(path, rate, rate, audio_track):
        if len(blocks) >= LONGEST:
            raise MediaError(f"{path} is longer than {LONGEST // 3600} hours: cut it")
        blocks.append(block)
    return np.concatenate(blocks)


def audio_blocks(
    path: Path, rate: int = SAMPLE_RATE, block: int = SAMPLE_RATE, audio_track: int | None = None
) -> Iterator[Float32[np.ndarray, " n"]]:
    """The waveform of `read_audio` in blocks, in constant memory however long it is.

    Args:
        path: any container and codec that FFmpeg reads.
        rate: samples a second of the result.
        block: samples of each block; the last may be shorter.
        audio_track: number of the sound track, from 1; None for the one with speech.

    Raises:
        MediaError: as `read_audio`, before the first block, but of any length.
    """
    track = choose_track(path, audio_track)
    return _blocks(_resampled(_mono(path, track), rate), block)


def _blocks(
    pieces: Iterator[Float32[np.ndarray, " _"]], block: int
) -> Iterator[Float32[np.ndarray, " n"]]:
    """The same samples in pieces of one size."""
    kept: list[np.ndarray] = []
    held = 0
    for piece in pieces:
        kept.append(piece)
        held += len(piece)
        if held >= block:
            whole = np.concatenate(kept)
            for i in range(0, held - held % block, block):
                yield np.clip(whole[i : i + block], -1.0, 1.0)
            kept, held = [whole[held - held % block :]], held % block
    if held:
        yield np.clip(np.concatenate(kept), -1.0, 1.0)


def _mono(path: Path, track: SoundTrack) -> Iterator[tuple[Float32[np.ndarray, " n"], int]]:
    """Pieces of a track's mix with their rate, up to where the track ends."""
    mix = np.array(track.mix, np.float32)
    with open_input(path) as container:
        stream = container.streams.audio[track.number - 1]
        timeline = ChannelTimeline(stream, track.zero, track.restarts)
        left = math.inf
        for frame in decode(container, stream):
            for piece in timeline.pieces(frame):
                # A codec pads its last block; the scan of the track found where the sound ends.
                if math.isinf(left):
                    left = round(track.ends * timeline.rate)
                piece = piece[:, : int(left)]
                left -= piece.shape[1]
                yield mix @ piece, timeline.rate


def _resampled(
    pieces: Iterator[tuple[Float32[np.ndarray, " _"], int]], rate: int
) -> Iterator[Float32[np.ndarray, " _"]]:
    """Zero-phase resampling of a sound in pieces, as if it were whole."""
    resampler: _Resampler | None = None
    for piece, source_rate in pieces:
        if source_rate == rate:
            yield piece
            continue
        resampler = resampler or _Resampler(source_rate, rate)
        yield resampler.push(piece)
    if resampler is not None:
        yield resampler.finish()


class _Resampler:
    """`scipy.signal.resample_poly` of a sound that comes in pieces: the same samples."""

    _CHUNK = 1 << 16
    """Samples, at least, that are filtered at once."""

    def __init__(self, source_rate: int, rate: int):
        ratio = Fraction(rate, source_rate).limit_denominator(_LONGEST_PERIOD)
        self._up, self._down = ratio.numerator, ratio.denominator
        reach = 10 * max(self._up, self._down)
        self._phases = _phases(reach, self._up, self._down)
        # Whole periods of the two rates, so that pieces begin where a sample of each falls.
        self._margin = math.ceil(reach / self._up / self._down) * self._down
        self._held = np.zeros(0, np.float32)
        self._before = 0  # held samples that were already returned

    def push(self, piece: Float32[np.ndarray, " _"]) -> Float32[np.ndarray, " _"]:
        """The samples that are settled once this piece has come."""
        self._held = np.concatenate([self._held, piece])
        ready = (len(self._held) - self._before - self._margin) // self._down * self._down
        if ready < self._CHUNK:
            return np.zeros(0, np.float32)
        out = self._filtered(self._before, self._before + ready)
        drop = max(0, self._before + ready - self._margin)
        self._held, self._before = self._held[drop:], self._before + ready - drop
        return out

    def finish(self) -> Float32[np.ndarray, " _"]:
        """The rest."""
        return self._filtered(self._before, len(self._held))

    def _filtered(self, first: int, end: int) -> Float32[np.ndarray, " _"]:
        """Samples for the held ones from `first`, where a period of the rates begins, to `end`."""
        weights, last = self._phases
        behind, periods = len(weights) - 1, -(-(end - first) // self._down)
        known = self._held[: end + self._margin].astype(np.float64)
        known = np.pad(known, (behind, self._margin + self._down))[first:]
        # One row for each sample of a period, of which an odd rate has thousands; of each sample,
        # the oldest known one counts first.
        out = np.zeros((len(last), periods))
        places = last[:, None] + self._down * np.arange(periods)
        for lag, of_lag in enumerate(weights):
            out += of_lag[:, None] * known[places + lag]
        count = math.ceil((end - first) * self._up / self._down)
        return out.T.reshape(-1)[:count].astype(np.float32)


def _phases(
    reach: int, up: int, down: int
) -> tuple[Float64[np.ndarray, "lags up"], Int64[np.ndarray, " up"]]:
    """The low-pass of a resampling by up / down, 2 `reach` + 1 weights, by the samples of a period.

    Returns the weights of known samples, the oldest first, and which is the last with a weight.
    """
    # As scipy.signal, whose import takes half a second and 60 MB.
    place, cutoff = np.arange(-reach, reach + 1.0), 1 / max(up, down)
    low_pass = cutoff * np.sinc(cutoff * place) * np.kaiser(len(place), 5.0)
    low_pass *= up / low_pass.sum()
    lags = -(-len(low_pass) // up)
    by_phase = np.pad(low_pass, (0, lags * up - len(low_pass))).reshape(lags, up)
    last, phase = np.divmod(np.arange(up) * down + reach, up)
    return by_phase[::-1, phase], last


def at_speed(waveform: Float32[np.ndarray, " n"], factor: float) -> Float32[np.ndarray, " m"]:
    """A sound `factor` times as fast, and as much shorter and higher. For factors near 1, any of
    them: no low-pass. By windowed sinc."""
    padded = np.pad(waveform, (-_TAPS[0], _TAPS[-1]))
    out = np.empty(math.ceil(len(waveform) / factor), np.float32)
    for start in range(0, len(out), _Resampler._CHUNK):  # bounds the memory
        at = factor * np.arange(start, min(len(out), start + _Resampler._CHUNK))
        first = at.astype(np.int64)
        away = (at - first)[:, None] - _TAPS
        weights = np.sinc(away) * np.cos(away * (np.pi / len(_TAPS))) ** 2
        out[start : start + len(at)] = (padded[first[:, None] + _TAPS - _TAPS[0]] * weights).sum(1)
    return out


def check_finite(waveform: Float32[np.ndarray, " n"]) -> None:
    """Refuse a sound with samples that are no number. Raises `MediaError`."""
    finite = np.isfinite(waveform)
    if not finite.all():
        value = waveform[np.argmin(finite)]
        raise MediaError(f"a sound that holds a sample that is no number ({value}) is not written")


def write_wav(path: Path, waveform: Float32[np.ndarray, " n"], rate: int = SAMPLE_RATE) -> None:
    """Write a mono waveform in [-1, 1] as 16-bit PCM. Raises `MediaError`."""
    path = Path(path)
    check_finite(waveform)
    pcm = np.round(np.clip(waveform, -1.0, 1.0) * 32767.0).astype("<i2")
    with (
        write_atomically(path) as partial,
        partial.open("wb") as raw,
        wave.open(raw, "wb") as file,
    ):
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm.tobytes())
