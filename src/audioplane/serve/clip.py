"""Clips of a session as video: every frame is rendered, also those skipped live."""

import asyncio
import hashlib
from collections.abc import Sequence
from concurrent.futures import CancelledError, Executor
from threading import Event

import numpy as np

from audioplane.drive.stream import StreamFrame
from audioplane.media.writer import VideoWriter
from audioplane.serve.scratch import scratch_folder
from audioplane.serve.session import Session, pcm_of


async def render_clip(
    session: Session, frames: Sequence[StreamFrame], drawing: Executor, writing: Executor
) -> bytes:
    """An MP4 of these frames, with its credentials; abandoned if cancelled.

    `drawing` renders, shared with other sessions; `writing` encodes and signs. The speech in the
    credentials is the PCM16 that the client was sent.
    """
    stopped = Event()
    work = (session, frames, drawing, stopped)
    try:
        return await asyncio.get_running_loop().run_in_executor(writing, _render, *work)
    finally:
        stopped.set()


def _render(
    session: Session, frames: Sequence[StreamFrame], drawing: Executor, stopped: Event
) -> bytes:
    sound = np.concatenate([frame.sound for frame in frames])
    stated = session.provenance.for_speech(hashlib.sha256(pcm_of(sound)).hexdigest())
    with scratch_folder() as folder:
        path = folder / "clip.mp4"
        size = session.head.size
        with VideoWriter(path, *size, audio=sound, seal=stated.seal) as video:
            for frame in frames:
                if stopped.is_set():
                    raise CancelledError
                video.write(drawing.submit(session.image, frame).result())
        return path.read_bytes()
