"""A real server on loopback, and clients that try forbidden requests."""

import json
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from socket import SHUT_RDWR
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from audioplane.credentials import read_credentials
from audioplane.drive import Animator, DrivenFrame
from audioplane.errors import MediaError, SubjectError
from audioplane.mark import read_mark
from audioplane.media.audio import write_wav
from audioplane.serve.access import Access
from audioplane.serve.heads import Heads, LocalStream
from audioplane.serve.limits import Limits
from audioplane.serve.session import Session
from tests.mark.clips import disc_frames
from tests.serve.conftest import KEY, eventually, serving, sessions

TOKEN = "a token of some length"


@pytest.fixture(scope="module")
def address(heads):
    with serving(heads, replace(Limits(), requests_a_minute=6000.0)) as address:
        yield address


def get(url: str, data: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers)) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as e:
        with e:
            return e.code, e.read()


def until(socket, done) -> list[tuple[int, int, bytes]]:
    """Binary messages up to the first for which `done` holds."""
    messages = []
    while not messages or not done(*messages[-1]):
        message = socket.recv(timeout=20)
        if isinstance(message, bytes):
            kind, index, _ = struct.unpack_from("<BII", message)
            messages.append((kind, index, message[9:]))
    return messages


def decoded(jpeg: bytes) -> np.ndarray:
    """RGB."""
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert image is not None
    return image


def live(address: str, head: str = "drawn", **options):
    """A session. All messages are kept: a client that does not read cannot close."""
    return connect(f"ws://{address}/api/live?head={head}", **{"max_queue": None, **options})


def test_the_page_is_whole_and_loads_nothing_from_elsewhere(address):
    status, page = get(f"http://{address}/")
    assert status == 200 and b"<canvas" in page
    for name in ("app.js", "microphone.js", "style.css"):
        status, part = get(f"http://{address}/{name}")
        assert status == 200 and b"https://" not in part and b"https://" not in page
    assert json.loads(get(f"http://{address}/api/heads")[1]) == ["drawn"]


def test_a_query_changes_nothing_of_the_page(address):
    page = get(f"http://{address}/")
    assert get(f"http://{address}/?content=x&kind=text/plain&name=style.css&path=/") == page


def test_sound_and_images_come_without_end_and_every_sound_frame_comes(address):
    with live(address) as socket:
        hello = json.loads(socket.recv())
        assert (hello["width"], hello["fps"], hello["rate"]) == (64, 25, 16000)
        assert 0.1 < hello["look_ahead"] < 0.3
        messages = until(socket, lambda kind, index, _: kind == 2 and index >= 30)  # in silence
        assert not any(np.frombuffer(pcm, "<i2").any() for kind, _, pcm in messages if kind == 1)
        tone = (np.sin(np.arange(16000) * 0.1) * 8000).astype("<i2").tobytes()
        for i in range(0, len(tone), 1000):
            socket.send(tone[i : i + 1000])
        received = until(socket, lambda kind, index, _: kind == 1 and index >= 75)
    sounds = [index for kind, index, _ in messages + received if kind == 1]
    assert sounds == list(range(sounds[-1] + 1))
    joined = b"".join(pcm for kind, _, pcm in received if kind == 1)
    assert tone[2000:-2000] in joined  # no sample is lost, none stands twice
    shown = [index for kind, index, _ in messages + received if kind == 2]
    assert shown == sorted(set(shown))
    jpeg = next(content for kind, _, content in received if kind == 2)
    assert decoded(jpeg).shape == (64, 64, 3)


def test_sound_sent_faster_than_real_time_waits(address):
    with live(address) as socket:
        for _ in range(20):  # 4 s of sound at once
            socket.send(bytes(6400))
        first = until(socket, lambda kind, index, _: kind == 1)
        started = time.monotonic()
        messages = first + until(socket, lambda kind, index, _: kind == 1 and index >= 75)
        taken = time.monotonic() - started
    assert taken > 2.2  # 3 s of frames, half a second of lead
    shown = [index for kind, index, _ in messages if kind == 2 and index > 20]
    assert len(shown) > 30


def test_a_slow_machine_shows_the_newest_and_its_sound_goes_on(address, heads, monkeypatch):
    draw = Session.jpeg
    slow = lambda *a, **k: time.sleep(0.3) or draw(*a, **k)  # noqa: E731
    monkeypatch.setattr(Session, "jpeg", slow)
    with live(address) as socket:
        started = time.monotonic()
        messages = until(socket, lambda kind, index, _: kind == 1 and index >= 50)
        taken = time.monotonic() - started
    heads.drawing.submit(int).result()  # its last image is done: the next test draws otherwise
    shown = [index for kind, index, _ in messages if kind == 2]
    assert taken < 4 and 2 <= len(shown) < 15
    for at, (kind, index, _) in enumerate(messages):
        if kind == 2:  # not older than what was newest when it was begun, 0.3 s before
            newest = max(i for k, i, _ in messages[:at] if k == 1)
            assert newest - index < 20


def test_a_machine_too_slow_to_hear_leaves_sound_out_and_keeps_up(address, monkeypatch):
    hear = LocalStream.push

    def slow(self, sound):
        time.sleep(2 * len(sound) / 16000)
        return hear(self, sound)

    monkeypatch.setattr(LocalStream, "push", slow)
    sounds, facts = [0.0], {}
    with live(address) as socket:
        started, sent = time.monotonic(), 0
        while (now := time.monotonic() - started) < 9:
            if now > 0.02 * sent:  # as a microphone, 50 pieces a second
                socket.send(np.full(320, 900, "<i2").tobytes())
                sent += 1
            with suppress(TimeoutError):
                message = socket.recv(timeout=0.005)
                if isinstance(message, str):
                    facts = json.loads(message)
                elif message[0] == 1:
                    sounds.append(now)
    assert np.diff(sounds).max() < 3 and facts["dropped"] > 2


def test_frames_carry_a_mark_that_is_the_sessions_own(served, monkeypatch):
    """The images are a synthetic clip here: on 64 px no mark can be read."""
    frames = disc_frames(2.5, 256, 256)
    still = DrivenFrame(frames[0], np.zeros((256, 256), np.float32))
    monkeypatch.setattr(Animator, "draw_moment", lambda *_: replace(still, image=frames.pop(0)))
    monkeypatch.setattr(served.animator, "size", (256, 256))
    heads, images = Heads([served]), {}
    with serving(heads) as address, live(address) as socket:
        hello = json.loads(socket.recv())
        while len(images) < 55:
            for kind, index, jpeg in until(socket, lambda kind, *_: kind == 2):
                if kind == 2:
                    images[index] = decoded(jpeg)
    heads.drawing.shutdown()
    shown = [images[max(i for i in images if i <= n)] for n in range(min(images), 55)]
    reading = read_mark(shown, KEY)
    assert reading is not None and reading.payload is not None
    assert reading.payload.head == 0xB and f"{reading.payload.session:08x}" == hello["mark_session"]
    assert hello["marked"] and hello["ai_generated"]


def test_an_upload_is_spoken_and_can_be_downloaded(address, tmp_path):
    sound = (np.sin(np.arange(16000) * 0.2) * 0.3).astype(np.float32)
    write_wav(tmp_path / "a.wav", sound)
    with live(address) as socket:
        hello = json.loads(socket.recv())
        mark = hello["mark_session"]
        session = f"http://{address}/api/sessions/{hello['session']}"
        status, said = get(f"{session}/sound", (tmp_path / "a.wav").read_bytes())
        assert (status, json.loads(said)) == (200, {"seconds": 1.0})
        loud = lambda kind, _, pcm: kind == 1 and np.frombuffer(pcm, "<i2").max() > 5000  # noqa: E731
        first = until(socket, loud)[-1][1]
        until(socket, lambda kind, index, _: index >= first + 24)
        status, mp4 = get(f"{session}/clip?first={first}&last={first + 19}")
        assert status == 200
        assert get(f"{session}/clip?first=900000&last=900001")[0] == 404
        assert get(f"{session}/clip?first=-1&last=x")[0] == 422
        assert get(f"{session}/sound", b"no sound")[0] == 422
    (tmp_path / "clip.mp4").write_bytes(mp4)
    with av.open(str(tmp_path / "clip.mp4")) as file:
        assert sum(1 for _ in file.decode(video=0)) == 20
    said = read_credentials(tmp_path / "clip.mp4")
    assert said is not None and said.intact and said.ai_generated and said.origin is not None
    assert (said.origin.session, said.origin.consent) == (mark, "drawn; no person")
    assert get(f"{session}/clip?first=0&last=1")[0] == 404  # it ends with its session


def test_a_clip_that_cannot_be_written_says_so(address, monkeypatch, caplog):
    def full(*arguments, **options):
        raise MediaError("/tmp/clip.mp4 cannot be written: no space left")

    monkeypatch.setattr("audioplane.serve.clip.VideoWriter", full)
    with live(address) as socket:
        session = json.loads(socket.recv())["session"]
        until(socket, lambda kind, index, _: index >= 2)
        status, said = get(f"http://{address}/api/sessions/{session}/clip?first=0&last=1")
    assert status == 503 and b"/tmp" not in said
    assert "no space left" in caplog.text


@pytest.mark.parametrize("head", ["", "other", "../drawn", "drawn/../../etc", "%2Fetc%2Fpasswd"])
def test_no_head_but_the_named_ones(address, head):
    with pytest.raises(InvalidStatus):
        live(address, head).close()


@pytest.mark.parametrize(
    "path",
    ["/../pyproject.toml", "/%2e%2e/app.py", "/page/index.html", "/api/sessions/../x", "/docs"],
)
def test_no_path_reaches_a_file(address, path):
    assert get(f"http://{address}{path}")[0] in (404, 405)


def test_a_foreign_page_or_name_is_refused(address, caplog):
    heads = f"http://{address}/api/heads"
    for header in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
        status, said = get(heads, **header)
        assert status == 403 and b"Host" in said and b"--allow-host evil.example" in said
    assert get(heads, Origin="http://[")[0] == 403
    with pytest.raises(InvalidStatus, match="403"):
        live(address, origin="http://[").close()
    time.sleep(0.2)
    assert not caplog.records
    with pytest.raises(InvalidStatus):
        live(address, origin="https://evil.example").close()


def test_a_client_that_vanishes_leaves_nothing_behind(address, caplog):
    with live(address) as socket:
        until(socket, lambda kind, *_: kind == 2)
        socket.socket.shutdown(SHUT_RDWR)
    eventually(lambda: not sessions(address))
    with live(address) as first, live(address) as second:  # both places are free
        assert json.loads(first.recv())["type"] == json.loads(second.recv())["type"] == "hello"
    assert not [r for r in caplog.records if r.levelname == "ERROR"]


def test_too_large_a_message_ends_the_session_with_one_line_in_the_log(address, caplog):
    with live(address) as socket:
        socket.recv()
        socket.send(b"0" * 70_000)
        with pytest.raises(ConnectionClosed, match="1009"):
            until(socket, lambda *_: False)
    eventually(lambda: caplog.records)
    assert [r.getMessage() for r in caplog.records] == [
        "a client sent a message of more than 64000 bytes"
    ]


def test_a_head_that_cannot_be_opened_any_more_says_so(served, caplog):
    def stream(marker, drawn_there=False):
        raise SubjectError("/secret/subject is missing")

    facts = {"size": served.size, "provenance": served.provenance, "drawing": None}
    gone = Heads([SimpleNamespace(name="gone", stream=stream, **facts)])  # pyright: ignore[reportArgumentType]
    with serving(gone) as address, live(address, "gone") as socket:
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=20)
    assert closed.value.rcvd.code == 1011 and "cannot be shown now" in closed.value.rcvd.reason
    assert [record.getMessage() for record in caplog.records] == [
        "gone cannot be shown: /secret/subject is missing"
    ]


def test_only_clients_with_the_token(heads):
    limits = replace(Limits(), requests_a_minute=6000.0)
    with serving(heads, limits, Access(TOKEN)) as address:
        heads = f"http://{address}/api/heads"
        assert get(heads)[0] == get(heads, Authorization="Bearer guess")[0] == 401
        assert get(heads, Authorization=f"Bearer {TOKEN}")[0] == 200
        assert get(f"http://{address}/api/sessions/x/sound", b"RIFF")[0] == 401
        assert get(f"http://{address}/")[0] == 200
        with pytest.raises(InvalidStatus):
            live(address).close()
        with live(address, additional_headers={"Authorization": f"Bearer {TOKEN}"}) as socket:
            assert json.loads(socket.recv())["type"] == "hello"


def test_clients_uploads_and_requests_are_limited(heads):
    limits = Limits(clients=1, upload_bytes=1000, requests_a_minute=30.0, session_seconds=1.0)
    with serving(heads, limits) as address:
        with live(address) as socket:
            session = json.loads(socket.recv())["session"]
            with live(address) as other, pytest.raises(ConnectionClosed, match="too many sessions"):
                other.recv(timeout=5)
            assert get(f"http://{address}/api/sessions/{session}/sound", b"0" * 2000)[0] == 413
            with pytest.raises(ConnectionClosed):  # a session's length is limited too
                until(socket, lambda *_: False)
        statuses = [get(f"http://{address}/api/heads")[0] for _ in range(12)]
        assert statuses[0] == 200 and statuses[-1] == 429


def test_the_example_keeps_the_images_of_a_file(address, tmp_path):
    write_wav(tmp_path / "a.wav", np.zeros(16000, np.float32))
    example = Path(__file__).parents[2] / "examples" / "live_client.py"
    arguments = [str(tmp_path / "a.wav"), "drawn", str(tmp_path / "out"), f"ws://{address}"]
    subprocess.run([sys.executable, str(example), *arguments], check=True, timeout=60)
    images = sorted((tmp_path / "out").glob("*.jpg"))
    assert len(images) > 3 and decoded(images[-1].read_bytes()).shape == (64, 64, 3)
    write_wav(tmp_path / "a.wav", np.zeros(8000, np.float32), 8000)
    refused = subprocess.run([sys.executable, str(example), *arguments], capture_output=True)
    assert refused.returncode == 1 and b"a.wav is not 16 kHz" in refused.stderr
