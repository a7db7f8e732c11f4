"""Clients that send or request too much, or leave: the others continue."""

import json
import os
import socket as sockets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from audioplane.errors import MediaError
from audioplane.media.audio import write_wav
from audioplane.serve.access import Access
from audioplane.serve.heads import Heads
from audioplane.serve.limits import Limits
from audioplane.serve.protocol import LimitedSocket
from audioplane.serve.session import Session
from tests.serve.conftest import eventually, serving
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


def rest(connection: sockets.socket) -> int:
    """Bytes that still come."""
    connection.settimeout(10)
    with connection, suppress(ConnectionError):
        return sum(len(piece) for piece in iter(lambda: connection.recv(1 << 20), b""))
    return 0


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


@pytest.mark.parametrize("opcode", [Opcode.PING, Opcode.CONT])
def test_frames_that_are_no_messages_are_counted(address, opcode):
    with live(address, close_timeout=0.1) as socket:
        socket.recv()
        start = [Frame(Opcode.BINARY, b"", fin=False)] * (opcode is Opcode.CONT)
        flood = [*start, *[Frame(opcode, b"", fin=opcode is Opcode.PING)] * 20_000]
        with suppress(OSError):
            socket.socket.sendall(b"".join(f.serialize(mask=True, extensions=[]) for f in flood))
        with pytest.raises(ConnectionClosed):
            for _ in range(1000):
                socket.recv(timeout=5)


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
        for s in (a, b):
            s.close()

        def still() -> bool:
            drawn.clear()
            time.sleep(0.3)
            return not drawn

        eventually(still, 3)  # nobody draws for A any more: its four clips take 12 s


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
        eventually(lambda: len(given_up) == 1)  # the other begins now
        a.close()
        eventually(lambda: len(given_up) == 2)
        bombs[1].settimeout(2)
        assert b" 410 " in bombs[1].recv(1000)
        bombs[1].close()


def test_idle_connections_shut_nobody_out(heads):
    limits = replace(MANY, connections=20, connections_an_address=12, header_seconds=1.0)
    with serving(heads, limits) as address:
        idle = [ask(address, "GET /api/heads HTTP/1.1") for _ in range(60)]
        eventually(lambda: sum(is_closed(c) for c in idle) >= 48)
        assert get(f"http://{address}/api/heads")[0] == 200
        with live(address) as socket:
            assert json.loads(socket.recv())["type"] == "hello"
            eventually(lambda: all(is_closed(c) for c in idle))
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


def test_an_upload_that_goes_on_ends_with_its_session(address):
    with live(address) as socket:
        path = f"POST /api/sessions/{json.loads(socket.recv())['session']}/sound HTTP/1.1"
        upload = ask(address, path)
        upload.sendall(b"Content-Length: 100\r\n\r\nRIFF")
        time.sleep(0.2)
    upload.settimeout(5)
    assert b" 410 " in upload.recv(1000)
    upload.close()


def test_a_slow_download_is_cut_off_only_when_it_stalls(served, tmp_path):
    size = 24 << 20  # more than the system holds
    (tmp_path / "head.bin").write_bytes(bytes(size))
    limits = replace(MANY, header_seconds=0.5, stall_seconds=1.0)
    with serving(Heads([replace(served, drawing=tmp_path)]), limits) as address:
        path = "GET /api/heads/drawn/head.bin HTTP/1.1"
        slow, halting = ask(address, path), ask(address, path)
        slow.sendall(b"\r\n"), halting.sendall(b"\r\n")
        taken = 0
        for _ in range(20):  # 2 s
            time.sleep(0.1)
            taken += len(slow.recv(1 << 20))
        assert taken + rest(slow) > size > rest(halting)


def test_the_connection_that_is_idle_longest_is_closed_for_another(heads):
    with serving(heads, replace(MANY, connections=3)) as address, ExitStack() as opened:

        def connect() -> sockets.socket:
            connection = opened.enter_context(ask(address, "GET /api/heads HTTP/1.1"))
            connection.settimeout(20)
            return connection

        used, unused, last = connect(), connect(), connect()
        for connection in (last, used):  # the server takes them in turn: so it has all three
            connection.sendall(b"\r\n")
            assert b" 200 " in connection.recv(1000)
        another = connect()
        assert rest(unused) == 0
        another.sendall(b"\r\n")
        assert b" 200 " in another.recv(1000)
        assert not is_closed(used) and not is_closed(last)


def test_the_connection_of_a_client_that_reads_nothing_is_cut(heads, monkeypatch):
    monkeypatch.setattr("audioplane.serve.sockets._SEND_SECONDS", 0.5)
    monkeypatch.setattr("audioplane.serve.protocol._CLOSE_SECONDS", 0.5)
    monkeypatch.setattr(Session, "jpeg", lambda *_, **__: bytes(500_000))
    lose, lost = LimitedSocket.connection_lost, threading.Event()

    def connection_lost(self, exc):
        lose(self, exc)
        lost.set()

    monkeypatch.setattr(LimitedSocket, "connection_lost", connection_lost)
    with serving(heads, MANY) as address:
        with live(address, max_queue=1, close_timeout=0.1):
            assert lost.wait(20)


def test_heads_that_take_long_to_open_keep_no_other_from_hearing(heads, served):
    opens = threading.Event()

    def stream(*_):
        opens.wait(20)
        raise MediaError("gone")

    facts = {"size": served.size, "provenance": served.provenance, "drawing": None}
    slow = SimpleNamespace(name="slow", stream=stream, **facts)
    count = min(32, (os.cpu_count() or 1) + 4)  # asyncio's threads
    with serving(Heads([served, slow]), replace(MANY, clients=count + 1)) as address:  # pyright: ignore[reportArgumentType]
        with live(address) as socket, ExitStack() as others:
            json.loads(socket.recv())
            for _ in range(count):
                others.enter_context(live(address, "slow"))
            began = time.monotonic()
            until(socket, lambda kind, *_: kind == 1 and time.monotonic() - began > 2)
            assert time.monotonic() - began < 10
            opens.set()


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
