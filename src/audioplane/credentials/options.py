"""Settings of a video's provenance."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ProvenanceOptions:
    """A video's provenance: consent, mark and credentials."""

    consent: str = ""
    """Who agreed to the making of this head, and to what; needed if it has none: once for a
    run folder, which keeps it, each time for a pack."""
    mark: bool = True
    """The invisible mark in every frame (docs/marking.md)."""
    credentials: bool = True
    """The signed C2PA manifest that states that the video is AI-generated."""
    mark_key: Path | None = None
    """Key of the mark's payload, 64 hex digits; this installation's (or $AUDIOPLANE_MARK_KEY) if
    not given."""
    sign_key: Path | None = None
    """Your private key, PEM (or $AUDIOPLANE_SIGN_KEY); without one, a test
    certificate made here signs, which is marked as such."""
    sign_cert: Path | None = None
    """Its certificates, PEM, yours first (or $AUDIOPLANE_SIGN_CERT)."""
