"""The provenance of one video or stream: its mark, its credentials, its consent."""

import re
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime
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
    """The provenance of one video."""

    origin: Origin
    key: bytes | None
    """Of the mark; None without one."""
    signer: Signer | None
    """None without credentials."""
    notes: tuple[str, ...] = ()
    """Notes for the maker: a test certificate signs, or the file cannot hold credentials."""

    def marker(self, width: int, height: int) -> Marker | None:
        """A marker of frames of `width` × `height` pixels, if they are to be marked."""
        return None if self.key is None else Marker(width, height, self.payload, self.key)

    @property
    def payload(self) -> MarkPayload:
        """Of the mark."""
        return MarkPayload(int(self.origin.head[:8], 16), int(self.origin.session, 16))

    def seal(self, path: Path) -> None:
        """Sign a finished video, if it is to have credentials and its container can hold them.

        Raises `CredentialsError`.
        """
        if self.signer is not None and can_hold_credentials(path):
            sign_video(path, self.origin, self.signer)

    def for_another(self) -> "Provenance":
        """The same for another stream, which has a session of its own."""
        return replace(self, origin=replace(self.origin, session=new_session()))

    def for_speech(self, speech_sha256: str) -> "Provenance":
        """The same for a clip of this stream in which `speech` is spoken."""
        return replace(self, origin=replace(self.origin, speech=speech_sha256, date=utc_now()))


def state(
    head: str,
    consent: str,
    speech: str = "",
    options: ProvenanceOptions = _DEFAULT,
    out: Path | None = None,
) -> Provenance:
    """The provenance of a video of a head.

    Args:
        head: SHA-256 of the head's file, hexadecimal.
        consent: who agreed to the head's making, as the head or its run states; "" if neither does.
        speech: SHA-256 of what the head speaks; "" for a stream.
        options: the settings; `options.consent` counts where `consent` is empty.
        out: the video to be written, whose container may hold no credentials.

    Raises:
        CredentialsError: nobody agreed, or keys cannot be read or made.
    """
    consent = who_agreed(options.consent, consent)
    origin = Origin(head, new_session(), options.mark, speech, consent, utc_now())
    key = find_mark_key(options.mark_key, create=True) if options.mark else None
    signer, notes = None, ()
    if options.credentials and out is not None and not can_hold_credentials(out):
        rest = (
            "its frames carry the mark only" if options.mark else "it states nothing of its making"
        )
        what = f"a {out.suffix} file" if out.suffix else "a folder of images"
        notes = (f"{what} cannot hold credentials: {rest}",)
    elif options.credentials:
        signer = find_signer(options.sign_key, options.sign_cert)
        notes = (_TEST_SIGNER,) if signer.is_test else ()
    return Provenance(origin, key, signer, notes)


def who_agreed(stated: str, recorded: str) -> str:
    """Who agreed to a head's making, as the head records or as is stated now.

    Either is taken on one line, without control characters. Raises `CredentialsError` where they
    contradict each other, or neither states it.
    """
    stated, recorded = _on_one_line(stated), _on_one_line(recorded)
    if recorded:
        if stated and stated != recorded:
            raise CredentialsError(f"this head already states who agreed to it ('{recorded}')")
        return recorded
    if not stated:
        raise CredentialsError(
            "this head does not state who agreed to its making: "
            'pass consent="WHO agreed to WHAT" once (docs/ethics.md)'
        )
    return stated


def _on_one_line(text: str) -> str:
    words = " ".join(text.split())
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f]", "", words).split())


def new_session() -> str:
    """The random part of a mark, 8 hex digits."""
    return f"{secrets.randbits(32):08x}"


def utc_now() -> str:
    """The date for an `Origin`."""
    return datetime.now(UTC).isoformat(timespec="seconds")
