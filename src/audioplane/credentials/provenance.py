"""What one video or stream says of its making: its mark, its credentials, who agreed."""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from audioplane.credentials.installation import find_mark_key
from audioplane.credentials.manifest import Origin, can_hold_credentials, sign_video
from audioplane.credentials.options import ProvenanceOptions
from audioplane.credentials.signer import Signer, find_signer
from audioplane.errors import CredentialsError
from audioplane.mark import Marker, MarkPayload

_DEFAULT = ProvenanceOptions()
_TEST_SIGNER = "credentials: signed with a test certificate; pass sign_key= and sign_cert= to sign"
_TEST_SIGNER += " with your own"


@dataclass(frozen=True)
class Provenance:
    """What one video says of its making."""

    origin: Origin
    key: bytes | None
    """Of the mark; None without one."""
    signer: Signer | None
    """None without credentials."""
    notes: tuple[str, ...] = ()
    """What the maker should be told: a test certificate signs, the file cannot hold credentials."""

    def marker(self, width: int, height: int) -> Marker | None:
        """What marks frames of `width` × `height` pixels, if they are to be marked."""
        if self.key is None:
            return None
        payload = MarkPayload(int(self.origin.head[:8], 16), int(self.origin.session, 16))
        return Marker(width, height, payload, self.key)

    def seal(self, path: Path) -> None:
        """Sign a finished video, if it is to have credentials and its container can hold them.

        Raises `CredentialsError`.
        """
        if self.signer is not None and can_hold_credentials(path):
            sign_video(path, self.origin, self.signer)

    def for_another(self) -> "Provenance":
        """The same for another stream, which has a session of its own."""
        return replace(self, origin=replace(self.origin, session=new_session()))

    def saying(self, speech_sha256: str) -> "Provenance":
        """The same for a video that is cut from this stream now, in which this is said."""
        return replace(self, origin=replace(self.origin, speech=speech_sha256, date=utc_now()))


def state(
    head: str,
    consent: str,
    speech: str = "",
    options: ProvenanceOptions = _DEFAULT,
    out: Path | None = None,
) -> Provenance:
    """What a video of a head will say of its making.

    Args:
        head: SHA-256 of the head's file, hexadecimal.
        consent: who agreed to the head's making, as the head or its run says; "" if neither does.
        speech: SHA-256 of what the head speaks; "" for a stream.
        options: what is asked for; `options.consent` counts where `consent` is empty.
        out: the video to be written, whose container may hold no credentials.

    Raises:
        CredentialsError: nobody agreed, or keys cannot be read or made.
    """
    consent = who_agreed(options.consent, consent)
    origin = Origin(head, new_session(), options.mark, speech, consent, utc_now())
    key = find_mark_key(options.mark_key, create=True) if options.mark else None
    signer, notes = None, ()
    if options.credentials and out is not None and not can_hold_credentials(out):
        rest = "its frames carry the mark only" if options.mark else "it says nothing of its making"
        notes = (f"a {out.suffix} file cannot hold credentials: {rest}",)
    elif options.credentials:
        signer = find_signer(options.sign_key, options.sign_cert)
        notes = (_TEST_SIGNER,) if signer.is_test else ()
    return Provenance(origin, key, signer, notes)


def who_agreed(stated: str, recorded: str) -> str:
    """Who agreed to a head's making: what the head itself records, or what is stated now.

    Raises `CredentialsError` where they contradict each other, or neither says anything.
    """
    if recorded:
        if stated and stated != recorded:
            raise CredentialsError(f"this head says itself who agreed to it ('{recorded}')")
        return recorded
    if not stated:
        raise CredentialsError(
            "this head does not say who agreed to its making: "
            'pass consent="WHO agreed to WHAT" once (docs/ethics.md)'
        )
    return stated


def new_session() -> str:
    """The random part of a mark, 8 hex digits."""
    return f"{secrets.randbits(32):08x}"


def utc_now() -> str:
    """The date for an `Origin`."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
