"""Limits on clients: sizes, lengths, numbers and rates."""

import time
from collections.abc import Callable
from dataclasses import dataclass

_KEPT = 10_000
"""Addresses that are kept before those that have long been quiet are forgotten."""


@dataclass(frozen=True)
class Limits:
    """Bounds of one server."""

    clients: int = 2
    """Most sessions at a time."""
    session_seconds: float = 3600.0
    """Length of a session."""
    upload_bytes: int = 20_000_000
    upload_seconds: float = 180.0
    """Length of the sound in an uploaded file; longer ones are refused."""
    stall_seconds: float = 20.0
    """Time without progress after which an upload or a download is abandoned."""
    decode_seconds: float = 20.0
    """Time to decode an upload before that is abandoned."""
    decode_memory: int = 2 << 30
    """Bytes of address space for decoding an upload."""
    message_bytes: int = 64_000
    """Size of a message of a session."""
    ahead_seconds: float = 180.0
    """Sound that may wait for the clock in a session; the excess is dropped."""
    excess_seconds: float = 3600.0
    """Dropped sound after which a session ends."""
    requests_a_minute: float = 120.0
    """Requests and sessions of one address; those without the token are counted separately."""
    clip_seconds: float = 180.0
    """The past that can be downloaded as a clip."""
    connections: int = 128
    """Open HTTP connections; if there are more, the one idle longest is closed."""
    connections_an_address: int = 32
    header_seconds: float = 10.0
    """Time for the head of a request."""


class Bucket:
    """A token bucket: tokens are used up and refilled over time."""

    def __init__(self, size: float, a_second: float, clock: Callable[[], float] = time.monotonic):
        self._size, self._a_second, self._clock = size, a_second, clock
        self._left, self._then = size, clock()

    @property
    def full(self) -> bool:
        """Whether it is full."""
        return self._left + (self._clock() - self._then) * self._a_second >= self._size

    def take(self, cost: float = 1.0) -> bool:
        """Use up `cost` tokens, if they are there."""
        now = self._clock()
        self._left = min(self._size, self._left + (now - self._then) * self._a_second)
        self._then = now
        enough = self._left >= cost
        self._left -= cost if enough else 0
        return enough


class Rate:
    """A limit a minute for each address; a third of it at once."""

    def __init__(self, a_minute: float, clock: Callable[[], float] = time.monotonic):
        self._a_minute, self._clock = a_minute, clock
        self._buckets: dict[str, Bucket] = {}
        self._room = _KEPT

    def allow(self, address: str) -> bool:
        """Whether this address is within its limit; counts one use."""
        if len(self._buckets) > self._room:
            self._buckets = {a: b for a, b in self._buckets.items() if not b.full}
            # Twice what is left: a flood of addresses must not have all looked at for each request.
            self._room = max(_KEPT, 2 * len(self._buckets))
        if address not in self._buckets:
            size = max(1.0, self._a_minute / 3)
            self._buckets[address] = Bucket(size, self._a_minute / 60, self._clock)
        return self._buckets[address].take()
