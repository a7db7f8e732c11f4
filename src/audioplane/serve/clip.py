"""What a head said in a session, as a film: every frame is drawn, also those left out live."""

import asyncio
import hashlib
import tempfile
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path

import numpy as np

from audioplane.drive.stream import HeardFrame
from audioplane.media.video import VideoWriter
from audioplane.serve.session import Session, pcm_of


async def render_clip(session: Session, frames: Sequence[HeardFrame], artist: Executor) -> bytes:
    """An MP4 of these frames, with its credentials. The artist draws for others in between.

    The speech that the credentials name is the PCM16 that the client was sent.
    """
    loop = asyncio.get_running_loop()
    sound = np.concatenate([frame.sound for frame in frames])
    stated = session.provenance.saying(hashlib.sha256(pcm_of(sound)).hexdigest())
    size = session.head.animator.size
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        film = VideoWriter(path, *size, audio=sound, seal=stated.seal)
        with film:
            for frame in frames:
                picture = await loop.run_in_executor(artist, session.picture, frame)
                await asyncio.to_thread(film.write, picture)
        return path.read_bytes()
