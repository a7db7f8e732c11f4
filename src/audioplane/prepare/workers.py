"""Work on many frames at once, with results in the order of the frames.

Threads, because OpenCV, NumPy and FFmpeg run in parallel. The results do not depend on their
number.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from audioplane.machine import cores

Item = TypeVar("Item")
Result = TypeVar("Result")

_END = object()
_AHEAD = 3
"""Most items that `ahead` holds."""
_MOST = 8
"""Most threads: more gain little and hold more images in memory."""


def in_order(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """`work` of every item, a few items ahead of the caller.

    Items are taken in the caller's thread, as many as threads are free: memory does not grow with
    their number. An error in `work` is raised in place of its result.
    """
    n = max(1, min(_MOST, cores()))
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(n) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > n:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def ahead(items: Iterable[Item]) -> Iterator[Item]:
    """The same items, taken in a thread of their own, a few ahead of the caller."""
    source = iter(items)
    waiting: deque[Future[Any]] = deque()
    with ThreadPoolExecutor(1) as pool:
        try:
            while True:
                while len(waiting) < _AHEAD:
                    waiting.append(pool.submit(next, source, _END))
                item = waiting.popleft().result()
                if item is _END:
                    return
                yield item
        finally:
            for future in waiting:
                future.cancel()
