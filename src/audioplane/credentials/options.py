"""Settings of what a video says of its making."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ProvenanceOptions:
    """What a video says of its making."""

    consent: str = ""
    """Who agreed to the making of this head, and to what; needed once if the head does not say."""
    mark: bool = True
    """The invisible mark in every frame (docs/marking.md)."""
    credentials: bool = True
    """The signed C2PA manifest that says that the video is AI-generated."""
    mark_key: Path | None = None
    """Key of the mark's payload, 64 hex digits; this installation's (or $AUDIOPLANE_MARK_KEY) if
    not given."""
    sign_key: Path | None = None
    """Your private key, PEM (or $AUDIOPLANE_SIGN_KEY); without one, a test certificate made here
    signs, and says that it is one."""
    sign_cert: Path | None = None
    """Its certificates, PEM, yours first (or $AUDIOPLANE_SIGN_CERT)."""
