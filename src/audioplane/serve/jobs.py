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
    return await _before(work, _hung_up(request), session.ended.wait())


async def while_at_work(session: Session, work: Coroutine[Any, Any, T]) -> T:
    """The same for a request whose body is being received, which notices that the client hangs
    up."""
    return await _before(work, session.ended.wait())


async def _before(work: Coroutine[Any, Any, T], *ends: Coroutine[Any, Any, object]) -> T:
    """The result of some work that is done before any of `ends`."""
    task = asyncio.create_task(work)
    ended = [asyncio.create_task(end) for end in ends]
    try:
        await asyncio.wait([task, *ended], return_when=asyncio.FIRST_COMPLETED)
    finally:
        unfinished = not task.done()
        for waiting in (task, *ended):
            waiting.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await asyncio.gather(*ended, *([task] if unfinished else []), return_exceptions=True)
    if unfinished:
        raise HTTPException(410, "the session has ended")
    return task.result()


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
