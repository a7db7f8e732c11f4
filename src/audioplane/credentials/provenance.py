"""What one made video or stream says of itself: its mark, its credentials, who consented."""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from audioplane.credentials.manifest import Origin, sign_video
from audioplane.credentials.signer import Signer
from audioplane.mark import Marker, MarkPayload


@dataclass(frozen=True)
class Provenance:
    """What one video says of its making."""

    origin: Origin
    key: bytes | None
    """Of the mark; None without one."""
    signer: Signer | None
    """None without credentials."""

    def marker(self, width: int, height: int) -> Marker | None:
        """What marks the frames, if they are to be marked."""
        if self.key is None:
            return None
        payload = MarkPayload(int(self.origin.head[:8], 16), int(self.origin.session, 16))
        return Marker(width, height, payload, self.key)

    def seal(self, path: Path) -> None:
        """Give the finished mp4 its credentials, if it is to have them."""
        if self.signer is not None:
            sign_video(path, self.origin, self.signer)

    def for_another(self) -> "Provenance":
        """The same of another stream: it has a session of its own."""
        return replace(self, origin=replace(self.origin, session=new_session()))

    def saying(self, speech_sha256: str) -> "Provenance":
        """The same of what is cut from this stream now, in which this is said."""
        return replace(self, origin=replace(self.origin, speech=speech_sha256, date=utc_now()))


def new_session() -> str:
    """The random part of a mark, 8 hex digits."""
    return f"{secrets.randbits(32):08x}"


def utc_now() -> str:
    """The date for an `Origin`."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
