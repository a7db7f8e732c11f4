"""Decoding of uploaded sound files in a process with limits.

As a program (`python -m audioplane.serve.upload FILE SECONDS LENGTH MEMORY`): a sound file becomes
16 kHz PCM16 on standard output.
"""

import asyncio
import os
import sys
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from audioplane.clock import SAMPLE_RATE
from audioplane.errors import AudioplaneError, ServeError
from audioplane.serve.limits import Limits
from audioplane.serve.scratch import scratch_folder

_NICENESS = 10
"""Of the process: live sessions go first."""
_TOO_LONG = 3
"""Its exit status for a sound of more seconds than are allowed."""
_STARTS = (b"fLaC", b"OggS", b"ID3", b"FORM", b"\x1aE\xdf\xa3")
_CANNOT = "this file cannot be decoded: is it a sound file, and not too long?"


def is_sound(content: bytes) -> bool:
    """Whether a file begins as WAV, FLAC, Ogg, MP3, AAC, AIFF, MP4 or WebM do.

    FFmpeg also reads formats that refer to other files; none of these does.
    """
    if content[:4] == b"RIFF" and content[8:12] == b"WAVE":
        return True
    mpeg = len(content) > 2 and content[0] == 0xFF and content[1] & 0xE0 == 0xE0
    return mpeg or content[4:8] == b"ftyp" or content.startswith(_STARTS)


async def decode_upload(content: bytes, limits: Limits) -> Float32[np.ndarray, " n"]:
    """The sound of an uploaded file, mono, 16 kHz, in [-1, 1]; abandoned if cancelled.

    Raises `ServeError` where it is no sound, too long, or takes too much time or memory.
    """
    if not is_sound(content):
        raise ServeError("this is no sound file: bring WAV, FLAC, Ogg, MP3, M4A or WebM")
    numbers = (limits.decode_seconds, limits.upload_seconds, limits.decode_memory)
    with scratch_folder() as folder:
        path = folder / "sound"
        await asyncio.to_thread(path.write_bytes, content)
        arguments = ("-m", "audioplane.serve.upload", str(path), *map(str, numbers))
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            pcm, _ = await asyncio.wait_for(process.communicate(), limits.decode_seconds)
        except TimeoutError:
            raise ServeError("this file takes too long to decode: bring a shorter one") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    if process.returncode == _TOO_LONG:
        raise ServeError(f"this sound is longer than {limits.upload_seconds:.0f} s: shorten it")
    if process.returncode or not pcm:
        raise ServeError(_CANNOT)
    return np.frombuffer(pcm, "<i2").astype(np.float32) / 32768


def _decode(path: Path, seconds: int, length: float, memory: int) -> int:
    """Decode a file to standard output within these limits; the exit status."""
    import resource  # not on Windows, where nothing can be decoded

    os.nice(_NICENESS)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    from audioplane.media.audio import read_audio

    try:
        sound = read_audio(path, SAMPLE_RATE)
    except (AudioplaneError, MemoryError):
        return 1
    if len(sound) > length * SAMPLE_RATE:
        return _TOO_LONG
    sys.stdout.buffer.write(np.round(sound * 32767).astype("<i2").tobytes())
    return 0


if __name__ == "__main__":
    _path, _seconds, _length, _memory = sys.argv[1:]
    sys.exit(_decode(Path(_path), max(1, int(float(_seconds))), float(_length), int(_memory)))
