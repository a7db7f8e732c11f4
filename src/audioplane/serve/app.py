"""The web service: the page, the ways into a session, uploads and clips."""

import asyncio
from collections.abc import Awaitable, Callable
from importlib import resources
from typing import Annotated

from fastapi import FastAPI, HTTPException, Query, Request, Response, WebSocket

from audioplane.errors import ServeError
from audioplane.serve.clip import render_clip
from audioplane.serve.heads import Gallery
from audioplane.serve.limits import Limits
from audioplane.serve.service import BUSY, Service
from audioplane.serve.session import RATE
from audioplane.serve.sockets import serve_socket
from audioplane.serve.upload import decode_upload

_PAGE = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/app.js": ("app.js", "text/javascript; charset=utf-8"),
    "/call.js": ("call.js", "text/javascript; charset=utf-8"),
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
_FRAMES = 10**9


def make_app(
    gallery: Gallery,
    token: str | None = None,
    limits: Limits | None = None,
    webrtc: bool = False,
) -> FastAPI:
    """The application. Without `token` it answers only to loopback names.

    `webrtc`: also take calls, each of which opens a UDP port at every address of the machine.
    """
    service = Service(gallery, token, limits or Limits())
    app = FastAPI(
        title="audioplane", docs_url=None, redoc_url=None, openapi_url=None, lifespan=service.life
    )
    _add_page(app)
    _add_guard(app, service)
    if webrtc:
        _add_calls(app, service)

    @app.get("/api/ways")
    async def ways() -> list[str]:
        return ["webrtc", "websocket"] if webrtc else ["websocket"]

    @app.get("/api/heads")
    async def heads() -> list[str]:
        return list(gallery.heads)

    @app.post("/api/sessions/{id}/sound")
    async def sound(id: str, request: Request) -> dict[str, float]:
        session = service.session(id)
        content = await _receive(request, service.limits.upload_bytes, service.limits)
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
        await serve_socket(service, socket)

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


def _add_calls(app: FastAPI, service: Service) -> None:
    from audioplane.serve.calls import take_call

    @app.post("/api/offer")
    async def offer(head: str, request: Request) -> Response:
        limits = service.limits
        if head not in service.gallery.heads:
            raise HTTPException(404, "no such head")
        content = await _receive(request, limits.message_bytes, limits)
        if service.places < 1:
            raise HTTPException(503, BUSY)
        sdp = content.decode(errors="replace")
        try:
            answer = await take_call(service, service.gallery.heads[head], sdp)
        except ServeError as e:
            raise HTTPException(422, str(e)) from e
        return Response(answer, media_type="application/sdp")


async def _receive(request: Request, most: int, limits: Limits) -> bytes:
    """A body. Raises `HTTPException` where it has more than `most` bytes or takes too long."""
    content = bytearray()

    async def receive() -> None:
        async for piece in request.stream():
            content.extend(piece)
            if len(content) > most:
                raise HTTPException(413, f"this has more than {most / 1e6:g} MB: shorten it")

    try:
        await asyncio.wait_for(receive(), limits.decode_seconds)
    except asyncio.TimeoutError:
        raise HTTPException(408, "the upload took too long") from None
    return bytes(content)
