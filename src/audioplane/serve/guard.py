"""The middleware in front of the application: access control and response headers."""

from collections.abc import Collection

from fastapi import Response, WebSocket
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from audioplane.serve.service import Service

_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; "
    "img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Guard:
    """ASGI middleware. Paths in `open_to_all` are public; all others need access."""

    def __init__(self, app: ASGIApp, service: Service, open_to_all: Collection[str]):
        self._app, self._service, self._open = app, service, open_to_all

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or pass it on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        refused = None
        if scope["path"] not in self._open:
            refused = self._service.refusal(HTTPConnection(scope))
        if refused is None:
            await self._app(scope, receive, send_with_headers)
            return
        if scope["type"] == "websocket":
            await WebSocket(scope, receive, send).close()  # 403: uvicorn logs other statuses
            return
        response = Response(refused[1], refused[0], media_type="text/plain; charset=utf-8")
        await response(scope, receive, send_with_headers)
