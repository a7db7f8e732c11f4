"""What a head said in a session, as a film: every frame is drawn, also those left out live."""

import asyncio
import tempfile
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path

import numpy as np

from audioplane.drive.stream import HeardFrame, LiveHead
from audioplane.media.video import VideoWriter
from audioplane.serve.heads import ServedHead


async def render_clip(
    head: ServedHead, live: LiveHead, frames: Sequence[HeardFrame], artist: Executor
) -> bytes:
    """An MP4 of these frames. The artist draws for others in between."""
    loop = asyncio.get_running_loop()
    sound = np.concatenate([frame.sound for frame in frames])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        with VideoWriter(path, *head.animator.size, audio=sound) as film:
            for frame in frames:
                picture = await loop.run_in_executor(artist, head.picture, live, frame)
                await asyncio.to_thread(film.write, picture)
        return path.read_bytes()
