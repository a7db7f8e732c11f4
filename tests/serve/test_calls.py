"""WebRTC clients of aiortc on this machine."""

import asyncio
import json
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from audioplane.drive import Animator, DrivenFrame
from audioplane.errors import ServeError
from audioplane.mark import read_mark
from audioplane.media.audio import write_wav
from audioplane.media.frames import sound_frame
from audioplane.serve.access import Access
from audioplane.serve.heads import Heads, LocalStream
from audioplane.serve.limits import Limits
from tests.mark.clips import disc_frames
from tests.serve.conftest import KEY, eventually, serving, sessions
from tests.serve.test_app import TOKEN, get

aiortc = pytest.importorskip("aiortc", reason="needs the extra serve")
from aioice.ice import get_host_addresses  # noqa: E402

from audioplane.serve import calls  # noqa: E402

pytestmark = pytest.mark.skipif(
    not get_host_addresses(True, True), reason="needs a network interface besides loopback"
)
MANY = replace(Limits(), requests_a_minute=6000.0)


@pytest.fixture(scope="module")
def address(heads):
    with serving(heads, MANY, webrtc=True) as address:
        yield address


class Tone(aiortc.MediaStreamTrack):
    """A microphone with a tone of 440 Hz."""

    kind = "audio"

    def __init__(self):
        super().__init__()
        self._sent = 0

    async def recv(self):
        await asyncio.sleep(0.02)
        time = np.arange(self._sent, self._sent + 960) / 48000
        pcm = np.round(8000 * np.sin(2 * np.pi * 440 * time)).astype("<i2").tobytes()
        self._sent += 960
        return sound_frame(pcm, 48000, self._sent - 960)


@dataclass
class Caller:
    """Messages to a client on this machine."""

    hello: dict = field(default_factory=dict)
    facts: list[dict] = field(default_factory=list)
    left: list[tuple[int, int]] = field(default_factory=list)
    """Number and age in ms of the images that left."""
    images: list[np.ndarray] = field(default_factory=list)
    sounds: list[np.ndarray] = field(default_factory=list)
    stamps: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """By kind: second of the track and of the clock at which a frame came."""

    def take(self, message: bytes | str) -> None:
        if isinstance(message, bytes):
            self.left.append(struct.unpack("<xII", message))
            return
        fields = json.loads(message)
        if fields["type"] == "hello":
            self.hello = fields
        else:
            self.facts.append(fields)

    async def watch(self, track) -> None:
        while True:
            frame = await track.recv()
            taken = self.images if track.kind == "video" else self.sounds
            taken.append(frame.to_ndarray(**({"format": "rgb24"} if track.kind == "video" else {})))
            now = asyncio.get_running_loop().time()
            self.stamps.setdefault(track.kind, []).append((float(frame.pts * frame.time_base), now))

    async def until(self, done, seconds: float = 20) -> None:
        for _ in range(round(seconds / 0.02)):
            if done():
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"not within {seconds} s")


@asynccontextmanager
async def calling(address: str, microphone=None, video="recvonly") -> AsyncIterator[Caller]:
    peer, caller, tasks = aiortc.RTCPeerConnection(aiortc.RTCConfiguration([])), Caller(), []
    peer.createDataChannel("live").on("message", caller.take)
    peer.addTransceiver(microphone or "audio", "sendrecv")
    peer.addTransceiver("video", video)
    peer.on("track", lambda track: tasks.append(asyncio.create_task(caller.watch(track))))
    try:
        await peer.setLocalDescription()
        offer = peer.localDescription.sdp.encode()
        status, sdp = await asyncio.to_thread(get, f"http://{address}/api/offer?head=drawn", offer)
        assert status == 200, sdp
        await peer.setRemoteDescription(aiortc.RTCSessionDescription(sdp.decode(), "answer"))
        yield caller
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await peer.close()


def test_sound_and_images_come_in_step_and_the_microphone_is_received(address):
    async def call() -> Caller:
        async with calling(address, Tone()) as caller:
            await caller.until(lambda: caller.facts and len(caller.images) > 40)
        return caller

    caller = asyncio.run(call())
    hello = caller.hello
    assert (hello["width"], hello["fps"], hello["rate"]) == (64, 25, 16000)
    assert caller.images[0].shape == (64, 64, 3)
    assert caller.facts[-1]["drawn"] > 10
    numbers = [index for index, _ in caller.left]
    assert numbers == sorted(set(numbers)) and len(numbers) >= len(caller.images) - 1
    received = np.concatenate([s.ravel() for s in caller.sounds])[-48000:].reshape(-1, 2)[:, 0]
    assert np.argmax(np.abs(np.fft.rfft(received))) * 48000 / len(received) == pytest.approx(
        440, abs=5
    )
    # Second of the clock at which a track's own second 0 came: the same for both, since what is
    # played together was sent together. The client's images count from its first.
    began = {kind: np.median([now - at for at, now in s]) for kind, s in caller.stamps.items()}
    assert abs(began["video"] - numbers[0] / 25 - began["audio"]) < 0.12
    gaps = np.diff([at for at, _ in caller.stamps["audio"]])
    assert gaps == pytest.approx(0.02, abs=1e-6)  # no sound is left out


def test_a_client_whose_video_line_is_for_both_directions_is_heard(address):
    async def call() -> None:
        async with calling(address, Tone(), "sendrecv") as caller:
            await caller.until(lambda: caller.sounds and np.abs(caller.sounds[-1]).max() > 4000)

    asyncio.run(call())


def test_a_call_whose_worker_dies_ends_with_one_line_in_the_log(address, monkeypatch, caplog):
    def push(*_):
        raise ServeError("the process that rendered this session has died")

    async def call() -> None:
        async with calling(address) as caller:
            await caller.until(lambda: caller.hello)
            monkeypatch.setattr(LocalStream, "push", push)
            await caller.until(lambda: caplog.records)

    asyncio.run(call())
    said = "a call ended: the process that rendered this session has died"
    assert [record.getMessage() for record in caplog.records] == [said]


def test_frames_carry_the_mark_through_the_encoder(served, monkeypatch):
    """The images are a synthetic clip here: on 64 px no mark can be read."""
    frames = disc_frames(4.0, 256, 256)
    still = DrivenFrame(frames[0], np.zeros((256, 256), np.float32))
    drawn = iter(frames * 3)
    monkeypatch.setattr(Animator, "draw_moment", lambda *_: replace(still, image=next(drawn)))
    monkeypatch.setattr(served.animator, "size", (256, 256))
    heads = Heads([served])

    async def call(address: str) -> Caller:
        async with calling(address) as caller:
            await caller.until(lambda: len(caller.images) > 54)
        return caller

    with serving(heads, webrtc=True) as address:
        caller = asyncio.run(call(address))
    heads.drawing.shutdown()
    numbers = [round(25 * at) for at, _ in caller.stamps["video"]]
    images = dict(zip(numbers, caller.images, strict=True))
    every = range(numbers[0], numbers[-1])
    reading = read_mark([images[max(i for i in numbers if i <= n)] for n in every], KEY)
    assert reading is not None and reading.payload is not None
    assert f"{reading.payload.session:08x}" == caller.hello["mark_session"]


def test_an_upload_is_spoken_and_can_be_downloaded(address, tmp_path):
    write_wav(tmp_path / "a.wav", (np.sin(np.arange(8000) * 0.2) * 0.3).astype(np.float32))
    content = (tmp_path / "a.wav").read_bytes()

    async def call() -> None:
        async with calling(address) as caller:
            await caller.until(lambda: caller.hello)
            session = f"http://{address}/api/sessions/{caller.hello['session']}"
            assert (await asyncio.to_thread(get, f"{session}/sound", content))[0] == 200
            await caller.until(lambda: caller.sounds and np.abs(caller.sounds[-1]).max() > 4000)
            last = caller.left[-1][0]
            clip = await asyncio.to_thread(get, f"{session}/clip?first={last - 5}&last={last}")
            assert clip[0] == 200

    asyncio.run(call())


def test_a_call_that_ends_or_never_connects_frees_its_place(heads, monkeypatch):
    monkeypatch.setattr(calls, "CONNECT_SECONDS", 0.5)
    limits = replace(MANY, clients=1)
    with serving(heads, limits, webrtc=True) as address:

        async def call() -> None:
            peer = aiortc.RTCPeerConnection(aiortc.RTCConfiguration([]))
            peer.createDataChannel("live")
            peer.addTransceiver("audio", "sendrecv")
            peer.addTransceiver("video", "recvonly")
            await peer.setLocalDescription()
            offer, url = (
                peer.localDescription.sdp.encode(),
                f"http://{address}/api/offer?head=drawn",
            )
            await peer.close()
            assert (await asyncio.to_thread(get, url, offer))[0] == 200  # and stays away
            status, why = await asyncio.to_thread(get, url, offer)
            assert status == 503 and b"too many sessions" in why
            for _ in range(2):
                await asyncio.to_thread(eventually, lambda: not sessions(address))
                async with calling(address) as caller:
                    await caller.until(lambda c=caller: c.hello)

        asyncio.run(call())


def test_the_end_of_the_server_ends_its_calls(heads):
    async def call() -> float:
        server = serving(heads, webrtc=True)
        async with calling(server.__enter__()) as caller:
            await caller.until(lambda: len(caller.images) > 3)
            started = asyncio.get_running_loop().time()
            await asyncio.to_thread(server.__exit__, None, None, None)
            return asyncio.get_running_loop().time() - started

    assert asyncio.run(call()) < 1.5


@pytest.mark.parametrize(
    ("head", "offer", "status"),
    [
        ("other", b"v=0", 404),
        ("../drawn", b"v=0", 404),
        ("drawn", b"", 422),
        ("drawn", b"\xff\x00", 422),
        ("drawn", b"m=audio\r\nm=video\r\nm=application\r\n", 422),
        ("drawn", b"v=0\r\n" + b"m=audio 9 UDP/TLS/RTP/SAVPF 96\r\n" * 9, 422),
        ("drawn", b"0" * 70_000, 413),
    ],
)
def test_what_is_no_offer_is_refused(address, head, offer, status):
    assert get(f"http://{address}/api/offer?head={head}", offer)[0] == status
    assert get(f"http://{address}/api/heads")[0] == 200


def test_only_clients_with_the_token_and_only_where_it_is_offered(heads, address):
    with serving(heads, MANY, Access(TOKEN), webrtc=True) as guarded:
        assert get(f"http://{guarded}/api/offer?head=drawn", b"v=0")[0] == 401
    with serving(heads, MANY) as without:
        assert get(f"http://{without}/api/offer?head=drawn", b"v=0")[0] == 404
        assert json.loads(get(f"http://{without}/api/ways")[1]) == ["websocket"]
    assert json.loads(get(f"http://{address}/api/ways")[1]) == ["webrtc", "websocket"]
