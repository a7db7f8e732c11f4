import asyncio
import time
from dataclasses import replace

import numpy as np
import pytest

from audioplane.errors import ServeError
from audioplane.media.audio import write_wav
from audioplane.serve import upload
from audioplane.serve.limits import Limits
from audioplane.serve.upload import decode_upload, is_sound


def decode(content: bytes, limits: Limits) -> np.ndarray:
    return asyncio.run(decode_upload(content, limits))


@pytest.fixture
def wav(tmp_path):
    sound = np.sin(np.arange(8000) * 0.1).astype(np.float32) * 0.3
    write_wav(tmp_path / "tone.wav", sound, 8000)
    return (tmp_path / "tone.wav").read_bytes()


def test_a_file_of_another_rate_becomes_16_khz(wav):
    sound = decode(wav, Limits())
    assert len(sound) == 16000 and 0.29 < np.abs(sound[100:-100]).max() < 0.32


def test_a_long_sound_is_refused(wav):
    with pytest.raises(ServeError, match="longer than 0 s"):
        decode(wav, replace(Limits(), upload_seconds=0.4))


def test_a_damaged_file_is_refused(wav):
    with pytest.raises(ServeError, match="cannot be decoded"):
        decode(wav[:30], Limits())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"#EXTM3U\n#EXTINF:1\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"RIFF\x00\x00\x00\x00AVI ",
        b"<?xml version='1.0'?><MPD/>",
    ],
)
def test_lists_of_other_files_never_reach_the_decoder(content, monkeypatch):
    monkeypatch.setattr(upload.asyncio, "create_subprocess_exec", None)
    assert not is_sound(content)
    with pytest.raises(ServeError, match="no sound file"):
        decode(content, Limits())


def test_decoding_with_too_much_memory_is_abandoned(wav):
    with pytest.raises(ServeError, match="cannot be decoded"):
        decode(wav, replace(Limits(), decode_memory=60 << 20))


def test_what_takes_too_long_is_killed(wav):
    started = time.monotonic()
    with pytest.raises(ServeError, match="too long to decode"):
        decode(wav, replace(Limits(), decode_seconds=0.01))
    assert time.monotonic() - started < 5
