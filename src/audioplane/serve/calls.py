"""Sessions over WebRTC: answers to offers, the microphone's sound in, sound and images out.

The server sends connectivity checks only to addresses from which a client's own check came: an
offer's candidates are ignored, so that nobody can make it contact other machines, and it uses no
STUN or TURN server.
"""

import asyncio
import logging
from contextlib import suppress

from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError

from audioplane.clock import SAMPLE_RATE
from audioplane.errors import AudioplaneError, ServeError
from audioplane.media.frames import AudioFrame, VoiceFrames
from audioplane.serve.heads import Source
from audioplane.serve.playout import Playout
from audioplane.serve.service import Service
from audioplane.serve.session import Session

CONNECT_SECONDS = 5.0
"""Seconds that a client has to connect after the answer."""
_AHEAD = 0.5
"""Seconds that a microphone may be ahead of the clock."""
_CLOSE_SECONDS = 2.0
"""Seconds to close a connection."""
_KINDS = ["application", "audio", "video"]
_LEFT_OUT = ("a=candidate:", "a=end-of-candidates")
_log = logging.getLogger("audioplane.serve")


class Call:
    """A client connected by WebRTC."""

    def __init__(self, service: Service, session: Session):
        self._service, self._session = service, session
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._playout = Playout(session)
        self._microphone: MediaStreamTrack | None = None
        self._ended = asyncio.Event()
        self._channel: asyncio.Future[RTCDataChannel] = asyncio.get_running_loop().create_future()
        self._peer.addTransceiver(self._playout.sounds, "sendrecv")
        self._peer.addTransceiver(self._playout.images, "sendonly")
        self._peer.on("track", self._on_track)
        self._peer.on("datachannel", self._on_channel)
        self._peer.on("connectionstatechange", self._look)

    def _on_track(self, track: MediaStreamTrack) -> None:
        if track.kind == "audio":  # an offer's video line may be for both directions
            self._microphone = track

    def _on_channel(self, channel: RTCDataChannel) -> None:
        if not self._channel.done():
            channel.on("message", self._on_message)
            channel.on("close", self._ended.set)
            self._channel.set_result(channel)

    def _on_message(self, message: bytes | str) -> None:
        if isinstance(message, str):
            self._session.command(message)

    def _look(self) -> None:
        if self._peer.connectionState in ("failed", "closed"):
            self._ended.set()

    async def answer(self, offer: str) -> str:
        """The answer to an offer, both SDP. Raises `ServeError` for one that cannot be answered."""
        lines = [line for line in offer.splitlines() if not line.startswith(_LEFT_OUT)]
        kinds = [line[2:].split(" ")[0] for line in lines if line.startswith("m=")]
        if sorted(kinds) != _KINDS:
            raise ServeError("an offer holds one audio, one video and one data channel")
        try:
            description = RTCSessionDescription("\r\n".join(lines) + "\r\n", "offer")
            await self._peer.setRemoteDescription(description)
            await self._peer.setLocalDescription()
        except Exception as e:  # the parser raises exceptions of any type
            raise ServeError("this offer cannot be read: is it the SDP of an offer?") from e
        return self._peer.localDescription.sdp

    async def run(self) -> None:
        """The session, from when the client has connected to its end."""
        with suppress(TimeoutError):
            channel = await asyncio.wait_for(self._channel, CONNECT_SECONDS)
            self._playout.channel = channel

            async def say(text: str) -> None:
                if channel.readyState == "open":
                    channel.send(text)

            works = self._session.works(self._playout, say)
            await self._service.run(self._session, self._end(), self._listen(), *works)

    async def _end(self) -> None:
        await self._ended.wait()

    async def _listen(self) -> None:
        """Pass on the microphone until the client ends its track."""
        if self._microphone is None:  # a client without a microphone
            await self._ended.wait()
            return
        voice = VoiceFrames(SAMPLE_RATE)
        with suppress(MediaStreamError):
            while True:
                frame = await self._microphone.recv()
                if isinstance(frame, AudioFrame):
                    self._session.feed(voice.pcm(frame))

    async def close(self) -> None:
        """Hang up."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._peer.close(), _CLOSE_SECONDS)


async def take_call(service: Service, head: Source, offer: str) -> str:
    """Answer an offer and run the call. Raises `ServeError`; a place must be free."""
    service.take()
    call = session = None
    try:
        session = await asyncio.to_thread(Session, service.heads, head, service.limits, _AHEAD)
        call = Call(service, session)
        answer = await call.answer(offer)
    except BaseException:
        service.give_back()
        if call is not None:
            await call.close()
        if session is not None:
            await session.close()
        raise
    task = asyncio.create_task(_keep(service, call, session))
    service.calls.add(task)
    task.add_done_callback(service.calls.discard)
    return answer


async def _keep(service: Service, call: Call, session: Session) -> None:
    try:
        await call.run()
    except AudioplaneError as e:  # its worker died
        _log.warning("a call ended: %s", e)
    finally:
        service.give_back()
        await call.close()
        await session.close()
