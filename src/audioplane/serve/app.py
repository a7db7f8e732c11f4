"""The web service: the page, the sessions over WebSocket, uploads and clips."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict
from importlib import resources
from typing import Annotated

from fastapi import FastAPI, HTTPException, Query, Request, Response, WebSocket
from starlette.websockets import WebSocketDisconnect

from audioplane.errors import ServeError
from audioplane.serve.clip import render_clip
from audioplane.serve.heads import Gallery
from audioplane.serve.limits import Limits, Rate, authorised
from audioplane.serve.session import RATE, Session
from audioplane.serve.upload import decode_upload

_PAGE = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/app.js": ("app.js", "text/javascript; charset=utf-8"),
    "/microphone.js": ("microphone.js", "text/javascript; charset=utf-8"),
    "/style.css": ("style.css", "text/css; charset=utf-8"),
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_SEND_SECONDS = 5.0
"""A client that takes nothing for so long is gone."""
_REFUSED, _BUSY, _TOO_BIG = 1008, 1013, 1009
"""WebSocket's codes."""
_FRAMES = 10**9


class Service:
    """What all requests share."""

    def __init__(self, gallery: Gallery, token: str | None, limits: Limits):
        self.gallery, self._token, self.limits = gallery, token, limits
        self.rate = Rate(limits.requests_a_minute)
        self.sessions: dict[str, Session] = {}
        self.places = limits.clients
        self.decoding = asyncio.Semaphore(1)
        self.rendering = asyncio.Semaphore(1)

    def admits(self, connection: Request | WebSocket) -> int:
        """200, 401 without the token, 429 too often."""
        address = connection.client.host if connection.client else ""
        if not self.rate.allow(address):
            return 429
        known = authorised(self._token, connection.headers, connection.query_params)
        return 200 if known else 401

    def session(self, id: str) -> Session:
        """A session that runs. Raises `HTTPException` 404."""
        if id not in self.sessions:
            raise HTTPException(404, "no such session")
        return self.sessions[id]


def make_app(gallery: Gallery, token: str | None = None, limits: Limits | None = None) -> FastAPI:
    """The application. Without `token` it answers only to loopback names."""
    service = Service(gallery, token, limits or Limits())
    app = FastAPI(title="audioplane", docs_url=None, redoc_url=None, openapi_url=None)
    _add_page(app)
    _add_guard(app, service)

    @app.get("/api/heads")
    async def heads() -> list[str]:
        return list(gallery.heads)

    @app.post("/api/sessions/{id}/sound")
    async def sound(id: str, request: Request) -> dict[str, float]:
        session = service.session(id)
        content = await _receive(request, service.limits)
        async with service.decoding:
            try:
                speech = await asyncio.to_thread(decode_upload, content, service.limits)
            except ServeError as e:
                raise HTTPException(422, str(e)) from e
        session.say(speech)
        return {"seconds": len(speech) / RATE}

    @app.get("/api/sessions/{id}/clip")
    async def clip(
        id: str,
        first: Annotated[int, Query(ge=0, le=_FRAMES)],
        last: Annotated[int, Query(ge=0, le=_FRAMES)],
    ) -> Response:
        session = service.session(id)
        frames = [f for f in list(session.kept) if first <= f.index <= last]
        if not frames:
            raise HTTPException(404, "nothing was said there, or too long ago")
        async with service.rendering:
            film = await render_clip(session, frames, gallery.artist)
        name = 'attachment; filename="audioplane.mp4"'
        return Response(film, media_type="video/mp4", headers={"Content-Disposition": name})

    @app.websocket("/api/live")
    async def live(socket: WebSocket) -> None:
        await _serve_session(service, socket)

    return app


def _add_page(app: FastAPI) -> None:
    for path, (name, kind) in _PAGE.items():
        content = (resources.files("audioplane.serve") / "page" / name).read_bytes()
        app.add_api_route(path, _asset(content, kind), methods=["GET"], response_class=Response)


def _asset(content: bytes, kind: str) -> Callable[[], Response]:
    """Answers with this. It takes no arguments: FastAPI would fill them from the query."""
    return lambda: Response(content, media_type=kind)


def _add_guard(app: FastAPI, service: Service) -> None:
    """The page itself is no secret; everything behind it is for those who may."""

    @app.middleware("http")
    async def guard(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        status = 200 if request.url.path in _PAGE else service.admits(request)
        words = {401: "the token is missing or wrong", 429: "too many requests: wait a minute"}
        refused = status != 200
        response = Response(words[status], status_code=status) if refused else await answer(request)
        for name, value in _HEADERS.items():
            response.headers[name] = value
        return response


async def _receive(request: Request, limits: Limits) -> bytes:
    """An upload. Raises `HTTPException` where it is too large or takes too long."""
    content = bytearray()

    async def receive() -> None:
        async for piece in request.stream():
            content.extend(piece)
            if len(content) > limits.upload_bytes:
                most = limits.upload_bytes / 1e6
                raise HTTPException(413, f"this file has more than {most:.0f} MB: shorten it")

    try:
        await asyncio.wait_for(receive(), limits.decode_seconds)
    except asyncio.TimeoutError:
        raise HTTPException(408, "the upload took too long") from None
    return bytes(content)


async def _serve_session(service: Service, socket: WebSocket) -> None:
    """A WebSocket from its request to its end."""
    head = service.gallery.heads.get(socket.query_params.get("head", ""))
    if service.admits(socket) != 200 or head is None:
        await socket.close(_REFUSED)
        return
    if service.places < 1:
        await socket.accept()
        await socket.close(_BUSY, "all places are taken: try again later")
        return
    service.places -= 1
    session = None
    try:
        await socket.accept()
        turn = asyncio.Lock()

        async def send(message: bytes | str) -> None:
            data = {"bytes": message} if isinstance(message, bytes) else {"text": message}
            async with turn:
                await asyncio.wait_for(
                    socket.send({"type": "websocket.send", **data}), _SEND_SECONDS
                )

        session = await asyncio.to_thread(Session, service.gallery, head, service.limits, send)
        service.sessions[session.id] = session
        width, height = head.animator.size
        hello = {
            "type": "hello",
            "session": session.id,
            "width": width,
            "height": height,
            "fps": 25,
            "rate": RATE,
            "look_ahead": session.live.look_ahead / RATE,
            "delay": head.delay,
            "clip_seconds": service.limits.clip_seconds,
            "ai_generated": True,
            "marked": session.provenance.key is not None,
            "mark_session": session.provenance.origin.session,
        }
        await send(json.dumps(hello))
        await _run_session(session, socket, send, service.limits)
    finally:
        service.places += 1
        if session is not None:
            del service.sessions[session.id]


async def _run_session(
    session: Session,
    socket: WebSocket,
    send: Callable[[bytes | str], Awaitable[None]],
    limits: Limits,
) -> None:
    async def take() -> None:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            content = message.get("bytes")
            if content is None:
                session.obey(message.get("text") or "")
            elif len(content) > limits.message_bytes:
                await socket.close(_TOO_BIG, "a message may hold two seconds of sound")
                return
            else:
                await session.hear(content)

    async def report() -> None:
        while True:
            await asyncio.sleep(1)
            await send(json.dumps({"type": "facts", **asdict(session.facts())}))

    tasks = [asyncio.create_task(work) for work in (take(), report(), *session.works())]
    try:
        done, _ = await asyncio.wait(
            tasks, timeout=limits.session_seconds, return_when=asyncio.FIRST_COMPLETED
        )
        for task in done:
            with suppress(WebSocketDisconnect, asyncio.TimeoutError):
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(RuntimeError, WebSocketDisconnect):
            await socket.close()
