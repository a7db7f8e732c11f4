"""Work for a client, cancelled when the client leaves."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from fastapi import HTTPException, Request

from audioplane.serve.session import Session

T = TypeVar("T")


async def while_there(request: Request, session: Session, work: Coroutine[Any, Any, T]) -> T:
    """The result of some work for a request whose body has been received.

    The work is cancelled when the client hangs up or its session ends: `HTTPException` 410.
    """
    task = asyncio.create_task(work)
    ends = [asyncio.create_task(c) for c in (_hung_up(request), session.ended.wait())]
    try:
        await asyncio.wait([task, *ends], return_when=asyncio.FIRST_COMPLETED)
    finally:
        unfinished = not task.done()
        for waiting in (task, *ends):
            waiting.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await asyncio.gather(*ends, *([task] if unfinished else []), return_exceptions=True)
    if unfinished:
        raise HTTPException(410, "the session has ended")
    return task.result()


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
