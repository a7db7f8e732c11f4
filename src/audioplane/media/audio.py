"""Sound: any file that FFmpeg knows to one mono waveform, and a waveform to a WAV file."""

import math
import wave
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from audioplane.assets import write_atomically
from audioplane.errors import MediaError
from audioplane.media.container import decode, first_picture_time, open_input, start_time

SPEECH_RATE = 16000
"""Samples a second that speech features are computed from."""

_GAP = 0.1
"""Seconds that a time stamp may run ahead of the samples before silence is put in between."""
_LONGEST_GAP = 60.0
"""Seconds; a time stamp further ahead than this is taken for damage and not believed."""


_LONGEST_BLOCK = 4096
"""Samples by which decoded sound may outlast its track because a block was filled up."""


def read_audio(path: Path, rate: int = SPEECH_RATE) -> Float32[np.ndarray, " n"]:
    """Read the sound of an audio or video file.

    Channels are averaged. Time zero is the first picture where the file has pictures, so that
    sample `n` belongs to second `n / rate` of `read_frames`; else it is the first sample.

    Args:
        path: any container and codec that FFmpeg reads.
        rate: samples a second of the result.

    Returns:
        Mono waveform in [-1, 1].

    Raises:
        MediaError: there is no sound track, or nothing of it can be decoded.
    """
    with open_input(path) as container:
        if not container.streams.audio:
            raise MediaError(f"{path} has no sound track")
        stream = container.streams.audio[0]
        zero = first_picture_time(path)
        end = _end_time(stream, zero)
        pieces, source_rate = _decode_mono(decode(container, stream), zero)
    if not pieces:
        raise MediaError(f"{path} has a sound track, but nothing of it can be decoded")
    waveform = np.concatenate(pieces)
    # A codec's last block is filled up; its track says where the sound really ends.
    if end is not None and 0 < len(waveform) - end * source_rate < _LONGEST_BLOCK:
        waveform = waveform[: round(end * source_rate)]
    return _resample(waveform, source_rate, rate)


def _end_time(stream: Any, zero: Any) -> float | None:
    """When the track says that its sound ends, seconds after time zero."""
    start = start_time(stream)
    if stream.duration is None or start is None:
        return None
    return float(start + stream.duration * stream.time_base - (start if zero is None else zero))


def _decode_mono(frames: Any, zero: Any) -> tuple[list[np.ndarray], int]:
    """Mono pieces at the rate of the first frame, in step with the time stamps."""
    pieces: list[np.ndarray] = []
    rate, count = 0, 0
    for frame in frames:
        samples = _channel_mean(frame)
        rate = rate or frame.sample_rate
        if frame.sample_rate != rate:
            samples = _resample(samples, frame.sample_rate, rate)
        if frame.pts is not None and frame.time_base is not None:
            now = float(frame.pts * frame.time_base)
            zero = now if zero is None else zero
            behind = now - float(zero) - count / rate
            if not pieces and -_LONGEST_GAP < behind < 0:
                samples = samples[round(-behind * rate) :]
                if not len(samples):
                    continue
            elif (_GAP if pieces else 0.5 / rate) < behind < _LONGEST_GAP:
                pieces.append(np.zeros(round(behind * rate), np.float32))
                count += len(pieces[-1])
        pieces.append(samples)
        count += len(samples)
    return pieces, rate


def _channel_mean(frame: Any) -> Float32[np.ndarray, " n"]:
    """One decoded frame as the mean of its channels, full scale = 1."""
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    mean = samples.mean(0, dtype=np.float64)
    if samples.dtype.kind == "u":
        mean = mean / 128.0 - 1.0
    elif samples.dtype.kind == "i":
        mean = mean / -float(np.iinfo(samples.dtype).min)
    return np.nan_to_num(mean).astype(np.float32)


def _resample(
    waveform: Float32[np.ndarray, " n"], source_rate: int, rate: int
) -> Float32[np.ndarray, " m"]:
    """Zero-phase resampling, clipped to [-1, 1]."""
    if source_rate != rate:
        # Half a second of import that a sound of the right rate does not need.
        from scipy.signal import resample_poly

        common = math.gcd(source_rate, rate)
        waveform = resample_poly(waveform, rate // common, source_rate // common)
    return np.clip(waveform, -1.0, 1.0).astype(np.float32)


def write_wav(path: Path, waveform: Float32[np.ndarray, " n"], rate: int = SPEECH_RATE) -> None:
    """Write a mono waveform in [-1, 1] as 16-bit PCM. Raises `MediaError`."""
    path = Path(path)
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
