"""Small media files, made with PyAV as cameras and editors make them."""

from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest


@pytest.fixture
def make_video(tmp_path: Path) -> Callable[..., Path]:
    """Writes images at given time stamps (milliseconds)."""

    def make(
        images: Iterable[np.ndarray],
        stamps: Iterable[int],
        name: str = "clip.mp4",
        codec: str = "libx264",
        pix_fmt: str = "yuv420p",
        sound: np.ndarray | None = None,
        sound_codec: str = "aac",
        aspect: Fraction | None = None,
    ) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=25, options={"crf": "10", "g": "10"})
            stream.pix_fmt = pix_fmt
            if aspect is not None:
                stream.codec_context.sample_aspect_ratio = aspect
            stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
            track = (
                container.add_stream(sound_codec, rate=16000, layout="mono")
                if sound is not None
                else None
            )
            images = list(images)
            stream.height, stream.width = images[0].shape[:2]
            for image, stamp in zip(images, stamps, strict=True):
                frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(format=pix_fmt)
                frame.pts, frame.time_base = stamp, Fraction(1, 1000)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
            if track is not None and sound is not None:
                pcm = sound_codec.startswith("pcm")
                samples = (sound * 32767).astype(np.int16) if pcm else sound.astype(np.float32)
                piece = av.AudioFrame.from_ndarray(samples[None], "s16" if pcm else "fltp", "mono")
                piece.sample_rate = 16000
                container.mux(track.encode(piece))
                container.mux(track.encode(None))
        return path

    return make
