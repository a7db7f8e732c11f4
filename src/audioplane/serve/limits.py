"""What a client may ask for: sizes, lengths, numbers, rates, and who it has to be."""

import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Limits:
    """Bounds of one server."""

    clients: int = 2
    """Sessions at a time."""
    session_seconds: float = 3600.0
    """Length of a session."""
    upload_bytes: int = 20_000_000
    upload_seconds: float = 180.0
    """Length of the sound in an uploaded file; longer ones are refused."""
    decode_seconds: float = 20.0
    """Time to receive an upload, and then to decode it, before that is given up."""
    decode_memory: int = 2 << 30
    """Bytes of address space for decoding an upload."""
    message_bytes: int = 64_000
    """Size of a message of a session."""
    requests_a_minute: float = 120.0
    """Requests and sessions of one address."""
    clip_seconds: float = 180.0
    """How far back a clip can be downloaded."""


class Rate:
    """At most so many things a minute for each address; a third of them at once."""

    def __init__(self, a_minute: float, clock: Callable[[], float] = time.monotonic):
        self._a_minute, self._clock = a_minute, clock
        self._left: dict[str, tuple[float, float]] = {}

    def allow(self, address: str) -> bool:
        """Whether this address may do one more now."""
        now, most = self._clock(), max(1.0, self._a_minute / 3)
        if len(self._left) > 10_000:  # forget those whose allowance is full again
            self._left = {a: x for a, x in self._left.items() if now - x[1] < 60}
        left, then = self._left.get(address, (most, now))
        left = min(most, left + (now - then) * self._a_minute / 60)
        self._left[address] = (left - (left >= 1), now)
        return left >= 1


def authorised(token: str | None, headers: Mapping[str, str], query: Mapping[str, str]) -> bool:
    """Whether a request may be answered.

    With a token: only with that token, as `Authorization: Bearer …` or `?token=…`. Without: only by
    the names of this machine, so that no foreign name can be made to point here. And never for a
    page of another origin.
    """
    host = headers.get("host", "")
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != host:
        return False
    if token is None:
        try:
            return urlsplit(f"//{host}").hostname in LOOPBACK
        except ValueError:
            return False
    given = headers.get("authorization", "").removeprefix("Bearer ") or query.get("token", "")
    return hmac.compare_digest(given.encode(), token.encode())
