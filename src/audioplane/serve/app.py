"""The web service: page, session endpoints, uploads and clips."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import asdict
from importlib import resources
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Request, Response, WebSocket
from starlette.requests import ClientDisconnect

from audioplane.clock import SAMPLE_RATE
from audioplane.errors import AudioplaneError, ServeError
from audioplane.serve.access import Access
from audioplane.serve.clip import render_clip
from audioplane.serve.guard import Guard
from audioplane.serve.heads import Heads
from audioplane.serve.jobs import while_at_work, while_there
from audioplane.serve.limits import Limits
from audioplane.serve.service import BUSY, UNREADABLE, Service
from audioplane.serve.sockets import serve_socket
from audioplane.serve.upload import decode_upload
from audioplane.serve.workers import Workers
from audioplane.web.drawing import DRAWING

_JAVASCRIPT = "text/javascript; charset=utf-8"
_PAGE = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/app.js": ("app.js", _JAVASCRIPT),
    "/call.js": ("call.js", _JAVASCRIPT),
    "/images.js": ("images.js", _JAVASCRIPT),
    "/microphone.js": ("microphone.js", _JAVASCRIPT),
    "/drawing.js": ("drawing.js", _JAVASCRIPT),
    "/style.css": ("style.css", "text/css; charset=utf-8"),
}
_DRAWING = "/drawing/"
"""Where the modules of a page without a server lie: clients draw with some of them."""
_FRAMES = 10**9
_log = logging.getLogger("audioplane.serve")


def make_app(
    heads: Heads,
    access: Access | None = None,
    limits: Limits | None = None,
    webrtc: bool = False,
    workers: Workers | None = None,
) -> FastAPI:
    """The application; `app.state.service` is its `Service`.

    `webrtc`: also accept calls, each of which opens a UDP port on every interface of the machine.
    `workers`: the processes that render, if any do; they tell how many sessions they can have.
    """
    service = Service(heads, access or Access(), limits or Limits(), workers)
    app = FastAPI(
        title="audioplane", docs_url=None, redoc_url=None, openapi_url=None, lifespan=service.life
    )
    app.state.service = service
    files = _page_files()
    app.add_middleware(Guard, service=service, open_to_all=files.keys())
    for path, file in files.items():
        app.add_api_route(path, _asset(*file), methods=["GET"], response_class=Response)
    _add_facts(app, service, webrtc)
    if webrtc:
        _add_calls(app, service)

    @app.post("/api/sessions/{id}/sound")
    async def sound(id: str, request: Request) -> dict[str, float]:
        session, limits = service.session(id), service.limits
        async with session.uploading:
            body = _body(request, limits.upload_bytes, limits)
            content = await while_at_work(session, body)
            try:
                speech = await while_there(request, session, decode_upload(content, limits))
            except ServeError as e:
                raise HTTPException(422, str(e)) from e
        session.speak(speech)
        return {"seconds": len(speech) / SAMPLE_RATE}

    @app.get("/api/sessions/{id}/clip")
    async def clip(
        id: str,
        first: Annotated[int, Query(ge=0, le=_FRAMES)],
        last: Annotated[int, Query(ge=0, le=_FRAMES)],
        request: Request,
    ) -> Response:
        session = service.session(id)
        frames = [f for f in list(session.kept) if first <= f.index <= last]
        if not frames:
            raise HTTPException(404, "no frames there, or too long ago")

        async def render() -> bytes:
            async with session.rendering:
                return await render_clip(session, frames, heads.drawing, service.writing)

        try:
            video = await while_there(request, session, render())
        except AudioplaneError as e:  # its worker died, or it cannot be written or signed
            _log.warning("a clip cannot be made: %s", e)
            raise HTTPException(503, "no clip: the server's log says why") from e
        name = 'attachment; filename="audioplane.mp4"'
        return Response(video, media_type="video/mp4", headers={"Content-Disposition": name})

    @app.websocket("/api/live")
    async def live(socket: WebSocket) -> None:
        await serve_socket(service, socket)

    return app


def _add_facts(app: FastAPI, service: Service, webrtc: bool) -> None:
    @app.get("/api/ways")
    async def ways() -> list[str]:
        drawn_there = any(head.drawing is not None for head in service.heads.by_name.values())
        return ["drawing"] * drawn_there + ["webrtc"] * webrtc + ["websocket"]

    @app.get("/api/heads/{name}/{file}")
    async def drawing(name: str, file: str) -> Response:
        head = service.heads.by_name.get(name)
        if head is None or head.drawing is None or file not in DRAWING:
            raise HTTPException(404, "no such file")
        content = await asyncio.to_thread((head.drawing / file).read_bytes)
        return Response(content, media_type="application/octet-stream")

    @app.get("/api/heads")
    async def names() -> list[str]:
        return list(service.heads.by_name)

    @app.get("/api/capacity")
    async def capacity() -> dict[str, Any]:
        return asdict(service.capacity())


def _page_files() -> dict[str, tuple[bytes, str]]:
    """The page's files and their types, by path."""
    own, web = (resources.files(f"audioplane.{room}") / "page" for room in ("serve", "web"))
    files = {path: (own / name, kind) for path, (name, kind) in _PAGE.items()}
    modules = (file for file in web.iterdir() if file.name.endswith(".js"))
    files |= {_DRAWING + module.name: (module, _JAVASCRIPT) for module in modules}
    return {path: (file.read_bytes(), kind) for path, (file, kind) in files.items()}


def _asset(content: bytes, kind: str) -> Callable[[], Response]:
    """An endpoint for `content`, without arguments: FastAPI would fill them from the query."""
    return lambda: Response(content, media_type=kind)


def _add_calls(app: FastAPI, service: Service) -> None:
    from audioplane.serve.calls import take_call

    @app.post("/api/offer")
    async def offer(head: str, request: Request) -> Response:
        limits = service.limits
        if head not in service.heads.by_name:
            raise HTTPException(404, "no such head")
        content = await _body(request, limits.message_bytes, limits)
        if service.free() < 1:
            raise HTTPException(503, BUSY)
        sdp = content.decode(errors="replace")
        try:
            answer = await take_call(service, service.heads.by_name[head], sdp)
        except ServeError as e:
            raise HTTPException(422, str(e)) from e
        except AudioplaneError as e:
            _log.warning("%s cannot be shown: %s", head, e)
            raise HTTPException(503, UNREADABLE) from e
        return Response(answer, media_type="application/sdp")


async def _body(request: Request, most: int, limits: Limits) -> bytes:
    """A request's body. Raises `HTTPException` if it has more than `most` bytes or stalls."""
    content, pieces = bytearray(), request.stream()
    try:
        while True:
            piece = await asyncio.wait_for(anext(pieces, None), limits.stall_seconds)
            if piece is None:
                return bytes(content)
            content.extend(piece)
            if len(content) > most:
                raise HTTPException(413, f"this has more than {most / 1e6:g} MB: shorten it")
    except TimeoutError:
        raise HTTPException(408, "the upload stalled") from None
    except ClientDisconnect:
        raise HTTPException(400, "the upload broke off") from None
