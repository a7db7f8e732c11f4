"""Conversion of sound and images to PyAV's frames and back, for WebRTC."""

from fractions import Fraction

import numpy as np
from av import AudioFrame, AudioResampler, VideoFrame
from jaxtyping import UInt8

__all__ = ["AudioFrame", "VideoFrame", "VoiceFrames", "image_frame", "sound_frame"]


def sound_frame(pcm: bytes, rate: int, at: int) -> AudioFrame:
    """A frame of mono PCM16 that begins with sample `at`."""
    frame = AudioFrame.from_ndarray(np.frombuffer(pcm, "<i2")[None], "s16", "mono")
    frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
    return frame


def image_frame(image: UInt8[np.ndarray, "h w 3"], at: int, rate: int) -> VideoFrame:
    """A frame of RGB that is shown from `at` / `rate` seconds on."""
    frame = VideoFrame.from_ndarray(image, "rgb24")
    frame.pts, frame.time_base = at, Fraction(1, rate)
    return frame


class VoiceFrames:
    """Decoded frames of a voice, of any rate and channels, as mono PCM16 of one rate."""

    def __init__(self, rate: int):
        self._resampler = AudioResampler("s16", "mono", rate)

    def pcm(self, frame: AudioFrame) -> bytes:
        """The sound of the next frame, little-endian, delayed by the resampling filter."""
        pieces = [f.to_ndarray() for f in self._resampler.resample(frame)]
        return b"".join(piece.astype("<i2").tobytes() for piece in pieces)
