"""Clients that send or request too much, or leave: the others continue."""

import json
import socket as sockets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed

from audioplane.media.audio import write_wav
from audioplane.serve.access import Access
from audioplane.serve.limits import Limits
from audioplane.serve.session import Session
from tests.serve.conftest import serving
from tests.serve.test_app import TOKEN, get, live, until

MANY = replace(Limits(), requests_a_minute=6000.0)


@pytest.fixture(scope="module")
def address(heads):
    with serving(heads, MANY) as address:
        yield address


@pytest.fixture(scope="module")
def tone(tmp_path_factory) -> bytes:
    """A loud WAV of 6 s."""
    path = tmp_path_factory.mktemp("tone") / "a.wav"
    write_wav(path, (np.sin(np.arange(16000 * 6) * 0.2) * 0.5).astype(np.float32))
    return path.read_bytes()


def loud(kind: int, _: int, content: bytes) -> bool:
    return kind == 1 and np.abs(np.frombuffer(content, "<i2")).max() > 8000


def facts(socket) -> dict:
    """The next ones."""
    while True:
        message = socket.recv(timeout=20)
        if isinstance(message, str) and json.loads(message)["type"] == "facts":
            return json.loads(message)


def ask(address: str, request: str) -> sockets.socket:
    """A connection that has asked for something."""
    host, port = address.split(":")
    connection = sockets.create_connection((host, int(port)))
    connection.sendall(f"{request}\r\nHost: {address}\r\n".encode())
    return connection


def is_closed(connection: sockets.socket) -> bool:
    connection.settimeout(0)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def test_stop_and_leaving_work_at_once_while_an_upload_speaks(heads, tone):
    with serving(heads, replace(MANY, clients=1)) as address:
        with live(address) as socket:
            hello = json.loads(socket.recv())
            for _ in range(30):  # 6 s ahead
                socket.send(bytes(6400))
            url = f"http://{address}/api/sessions/{hello['session']}/sound"
            assert get(url, tone)[0] == 200
            spoken = until(socket, loud)[-1][1]
            socket.send("stop")
            stopped = time.monotonic()
            last, index = spoken, spoken
            while index < spoken + 40:
                kind, index, content = until(socket, lambda kind, *_: kind == 1)[-1]
                if loud(kind, index, content):
                    last, received = index, time.monotonic()
            # What was fed before is still shown: the look-ahead.
            assert received - stopped < hello["look_ahead"] + 0.2
            assert last - spoken < 25 * (hello["look_ahead"] + 0.2)
            assert get(url, tone)[0] == 200
            until(socket, loud)
        left = time.monotonic()
        while time.monotonic() - left < 2:
            with live(address) as socket:
                try:
                    assert json.loads(socket.recv())["type"] == "hello"
                    break
                except ConnectionClosed:  # the place is still taken
                    time.sleep(0.01)
        assert time.monotonic() - left < 0.2 + 0.1  # of which a session takes some to begin


def test_an_hour_of_sound_as_fast_as_it_goes_keeps_the_session(address):
    piece = (np.sin(np.arange(32000) * 0.1) * 9000).astype("<i2").tobytes()
    with live(address, ping_interval=None) as socket:
        assert json.loads(socket.recv())["ahead_seconds"] == 180
        for _ in range(1800):
            socket.send(piece)
        asked = time.monotonic()
        assert socket.ping().wait(2) and time.monotonic() - asked < 2
        latest = facts(socket)
        while latest["dropped"] < 3400:  # of the 3600 s; all pieces have come by then
            latest = facts(socket)
        assert 170 < latest["waiting"] <= 180 and latest["dropped"] < 3430
        socket.send("stop")
        assert min(facts(socket)["waiting"], facts(socket)["waiting"]) == 0
        for _ in range(150):  # from now on it is a flood
            socket.send(piece)
        with pytest.raises(ConnectionClosed, match="more sound than can be spoken"):
            for _ in range(1000):
                socket.send(piece)
                socket.ping().wait(0.1)


def test_a_microphone_that_falls_behind_may_ask_for_less(address):
    with live(address, head="drawn&ahead=1") as socket:
        assert json.loads(socket.recv())["ahead_seconds"] == 1
        for _ in range(20):
            socket.send(bytes(6400))
        assert facts(socket)["dropped"] > 1.5


def test_empty_messages_are_counted_and_nothing_is_compressed(address):
    with live(address) as socket:
        assert socket.protocol.extensions == []
        with pytest.raises(ConnectionClosed, match="1008.*too many messages"):
            for _ in range(100):
                for _ in range(50):
                    socket.send(b"")
                until(socket, lambda kind, *_: kind == 1)


def test_clips_of_clients_that_hang_up_are_abandoned(address, monkeypatch):
    draw, drawn = Session.image, []

    def slow(session, frame):
        drawn.append(session.id)
        time.sleep(0.05)
        return draw(session, frame)

    with live(address) as a, live(address) as b:
        first, second = (json.loads(s.recv())["session"] for s in (a, b))
        until(a, lambda kind, index, _: index >= 60)
        until(b, lambda kind, index, _: kind == 1 and index >= 10)
        monkeypatch.setattr(Session, "image", slow)
        path = f"GET /api/sessions/{first}/clip?first=0&last=60 HTTP/1.1"
        asked = [ask(address, path) for _ in range(4)]
        for connection in asked:
            connection.sendall(b"\r\n")
        time.sleep(0.3)
        started = time.monotonic()  # with A there: only in turns with its one clip
        assert get(f"http://{address}/api/sessions/{second}/clip?first=0&last=3")[0] == 200
        assert time.monotonic() - started < 3
        for connection in asked:
            connection.close()
        time.sleep(0.5)
        for s in (a, b):
            s.close()
        time.sleep(0.3)
        drawn.clear()
        time.sleep(0.3)
        assert not drawn  # nobody draws for A any more


def test_uploads_wait_for_their_own_client_only_and_end_with_it(address, tone, monkeypatch):
    from audioplane.serve import app, upload

    given_up = []

    async def decode(content, limits):
        if content != b"bomb":
            return await upload.decode_upload(content, limits)
        try:
            await app.asyncio.sleep(30)
        except app.asyncio.CancelledError:
            given_up.append(time.monotonic())
            raise

    monkeypatch.setattr(app, "decode_upload", decode)
    with live(address) as a, live(address) as b:
        first, second = (json.loads(s.recv())["session"] for s in (a, b))
        path = f"POST /api/sessions/{first}/sound HTTP/1.1"
        bombs = [ask(address, path) for _ in range(2)]
        for bomb in bombs:
            bomb.sendall(b"Content-Length: 4\r\n\r\nbomb")
        time.sleep(0.2)
        started = time.monotonic()
        assert get(f"http://{address}/api/sessions/{second}/sound", tone)[0] == 200
        assert time.monotonic() - started < 8 and not given_up
        bombs[0].close()
        time.sleep(0.4)
        assert len(given_up) == 1  # the other begins now
        a.close()
        time.sleep(0.4)
        assert len(given_up) == 2
        bombs[1].settimeout(2)
        assert b" 410 " in bombs[1].recv(1000)
        bombs[1].close()


def test_idle_connections_shut_nobody_out(heads):
    limits = replace(MANY, connections=20, connections_an_address=12, header_seconds=1.0)
    with serving(heads, limits) as address:
        idle = [ask(address, "GET /api/heads HTTP/1.1") for _ in range(60)]
        time.sleep(0.2)
        assert sum(is_closed(c) for c in idle) >= 48
        assert get(f"http://{address}/api/heads")[0] == 200
        with live(address) as socket:
            assert json.loads(socket.recv())["type"] == "hello"
            time.sleep(1.3)
            assert all(is_closed(c) for c in idle)
            until(socket, lambda kind, *_: kind == 2)  # which is not taken for idle
        for connection in idle:
            connection.close()


def test_wrong_tokens_do_not_lock_out_the_right_one(heads):
    with serving(heads, access=Access(TOKEN)) as address:
        heads = f"http://{address}/api/heads"
        statuses = [get(heads, Authorization="Bearer guess")[0] for _ in range(80)]
        assert statuses[0] == 401 and statuses[-1] == 429
        assert get(heads, Authorization=f"Bearer {TOKEN}")[0] == 200


def test_a_slow_upload_is_abandoned_only_when_it_stalls(heads, tone):
    limits = replace(MANY, stall_seconds=0.6)
    with serving(heads, limits) as address, live(address) as socket:
        path = f"POST /api/sessions/{json.loads(socket.recv())['session']}/sound HTTP/1.1"
        slow, halting = ask(address, path), ask(address, path)
        slow.sendall(b"Content-Length: %d\r\n\r\n" % len(tone))
        for i in range(5):  # 1.5 s
            time.sleep(0.3)
            slow.sendall(tone[i * len(tone) // 5 : (i + 1) * len(tone) // 5])
        slow.settimeout(10)
        assert b" 200 " in slow.recv(1000)
        halting.sendall(b"Content-Length: 100\r\n\r\nRIFF")
        halting.settimeout(5)
        assert b" 408 " in halting.recv(1000)
        slow.close(), halting.close()


def test_signing_a_clip_blocks_no_session(address, monkeypatch):
    from audioplane.credentials import Provenance

    monkeypatch.setattr(Provenance, "seal", lambda *_: time.sleep(1.5))
    with live(address) as socket, ThreadPoolExecutor(1) as pool:
        session = json.loads(socket.recv())["session"]
        until(socket, lambda kind, index, _: kind == 1 and index >= 20)
        url = f"http://{address}/api/sessions/{session}/clip?first=0&last=5"
        reply, gaps, before = pool.submit(get, url), [], time.monotonic()
        while not reply.done():
            until(socket, lambda kind, *_: kind == 1)
            now = time.monotonic()
            gaps.append(now - before)
            before = now
    assert reply.result()[0] == 200 and len(gaps) > 30 and max(gaps) < 0.5
    assert threading.active_count() < 40
