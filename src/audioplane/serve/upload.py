"""Uploaded sound files, decoded where they can do no harm: in a process with limits.

As a program (`python -m audioplane.serve.upload FILE SECONDS MEMORY`): a sound file becomes 16 kHz
PCM16 on standard output.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from audioplane.errors import AudioplaneError, ServeError
from audioplane.serve.limits import Limits

_RATE = 16000
_STARTS = (b"fLaC", b"OggS", b"ID3", b"FORM", b"\x1aE\xdf\xa3")
_CANNOT = "this file cannot be decoded: is it a sound file, and not too long?"


def is_sound(content: bytes) -> bool:
    """Whether a file begins as WAV, FLAC, Ogg, MP3, AAC, AIFF, MP4 or WebM do.

    FFmpeg knows formats that are lists of other files; none of these is.
    """
    if content[:4] == b"RIFF" and content[8:12] == b"WAVE":
        return True
    mpeg = len(content) > 2 and content[0] == 0xFF and content[1] & 0xE0 == 0xE0
    return mpeg or content[4:8] == b"ftyp" or content.startswith(_STARTS)


def decode_upload(content: bytes, limits: Limits) -> Float32[np.ndarray, " n"]:
    """The sound of an uploaded file, mono, 16 kHz, in [-1, 1].

    Raises `ServeError` where it is no sound, too long, or takes too much time or memory.
    """
    if not is_sound(content):
        raise ServeError("this is no sound file: bring WAV, FLAC, Ogg, MP3, M4A or WebM")
    with tempfile.TemporaryDirectory() as folder:  # here: the process may be killed
        path = Path(folder) / "sound"
        path.write_bytes(content)
        numbers = (str(int(limits.decode_seconds)), str(limits.decode_memory))
        command = [sys.executable, "-m", "audioplane.serve.upload", str(path), *numbers]
        try:
            done = subprocess.run(command, capture_output=True, timeout=limits.decode_seconds)
        except subprocess.TimeoutExpired:
            raise ServeError("this file takes too long to decode: bring a shorter one") from None
    if done.returncode or not done.stdout:
        raise ServeError(_CANNOT)
    if len(done.stdout) > limits.upload_seconds * _RATE * 2:
        raise ServeError(f"this sound is longer than {limits.upload_seconds:.0f} s: shorten it")
    return np.frombuffer(done.stdout, "<i2").astype(np.float32) / 32768


def _decode(path: Path, seconds: int, memory: int) -> int:
    """Decode a file to standard output within these limits; the exit status."""
    import resource  # not on Windows, where nothing is decoded then

    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    from audioplane.media.audio import read_audio

    try:
        sound = read_audio(path, _RATE)
    except (AudioplaneError, MemoryError):
        return 1
    sys.stdout.buffer.write(np.round(sound * 32767).astype("<i2").tobytes())
    return 0


if __name__ == "__main__":
    sys.exit(_decode(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
