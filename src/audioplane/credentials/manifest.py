"""Content credentials: a C2PA manifest in a video file that states how it was made."""

import errno
import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path

import c2pa

from audioplane import __version__
from audioplane.credentials.signer import TEST_ISSUER, Signer
from audioplane.errors import CredentialsError

_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
_ORIGIN = "org.audioplane.origin"
_OFFLINE = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}
_UNTRUSTED = ".untrusted"
"""End of the codes of what no trust list holds, signer or time stamp: none is asked."""
_DIGITS = {"head": 64, "session": 8}
"""Hexadecimal digits of an `Origin`'s numbers."""


@dataclass(frozen=True)
class Origin:
    """The origin of a video, as its maker states it."""

    head: str
    """SHA-256 of the head's file."""
    session: str
    """8 random hex digits of every video; the mark carries them too."""
    marked: bool
    """Whether the frames carry the invisible mark."""
    speech: str
    """SHA-256 of the file that the head speaks."""
    consent: str
    """Who agreed to the making of the head, as the user stated it."""
    date: str
    """When it was made, ISO 8601, UTC."""


@dataclass(frozen=True)
class Credentials:
    """The credentials in a file, and how far they can be trusted."""

    intact: bool
    """The signature holds, and the file is the one that was signed."""
    test_certificate: bool
    """Signed by a test certificate: nobody has checked who signed."""
    signer: str
    """The certificate's name, which is not checked against any trust list."""
    origin: Origin | None
    """What audioplane stated; None in a manifest that something else made."""
    generator: str
    """What made the manifest."""
    ai_generated: bool
    """It states that a trained model made the images."""
    problems: tuple[str, ...]
    """Checks that failed."""


def can_hold_credentials(path: Path) -> bool:
    """Whether the container of a file's suffix can hold a manifest.

    mp4, m4v, mov and avi can; webm and mkv cannot.
    """
    return path.suffix.lower().removeprefix(".") in c2pa.Builder.get_supported_mime_types()


def sign_video(path: Path, origin: Origin, signer: Signer) -> None:
    """Put signed credentials into a video file, in place, without the network.

    Raises `CredentialsError` if the certificate does not suit, nothing can be written, or the
    container holds none.
    """
    if not can_hold_credentials(path):
        raise CredentialsError(f"{path}: a {path.suffix} file cannot hold credentials")
    info = c2pa.C2paSignerInfo(signer.algorithm, signer.certificates, signer.private_key, None)
    signed = path.with_name(f"{path.stem}.signed{path.suffix}")
    try:
        with (
            c2pa.Context.from_dict(_OFFLINE) as context,
            c2pa.Signer.from_info(info) as using,
            c2pa.Builder(_manifest(origin), context) as builder,
        ):
            builder.sign_file(path, signed, using)
        signed.replace(path)
    except (c2pa.C2paError, OSError) as e:
        signed.unlink(missing_ok=True)
        raise CredentialsError(f"{path} cannot be given its credentials: {_advice(e)}") from e


def _advice(error: Exception) -> str:
    """The cause and the remedy; a full disk is told apart from a wrong certificate."""
    number = error.errno if isinstance(error, OSError) else None
    said = re.search(r"(?:os error|Errno) (\d+)", str(error))  # as Rust and Python word it
    number = int(said[1]) if said else number
    if number == errno.ENOSPC:
        return "no room left on the disk"
    if number is not None:
        return os.strerror(number)
    return f"{error}; check sign_key= and sign_cert=, or pass credentials=False"


def _manifest(origin: Origin) -> dict:
    agent = {"name": "audioplane", "version": __version__}
    created = {
        "action": "c2pa.created",
        "digitalSourceType": _SOURCE_TYPE,
        "softwareAgent": agent,
        "when": origin.date,
    }
    return {
        "claim_generator_info": [agent],
        "title": "a video made with audioplane",
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [created]}},
            {"label": _ORIGIN, "data": asdict(origin)},
        ],
    }


def read_credentials(path: Path) -> Credentials | None:
    """The credentials in a file; None if it has no manifest.

    Nothing is fetched: a manifest on a server counts as none. Raises `CredentialsError`
    if a manifest cannot be read.
    """
    try:
        with c2pa.Context.from_dict(_OFFLINE) as context:
            reader = c2pa.Reader.try_create(path, context=context)
            if reader is None:
                return None
            with reader:
                return _credentials(json.loads(reader.json()))
    except c2pa.C2paError.NotSupported:  # pyright: ignore[reportAttributeAccessIssue]
        return None
    except (c2pa.C2paError, OSError, LookupError, ValueError, TypeError, AttributeError) as e:
        raise CredentialsError(f"{path} carries credentials that cannot be read ({e})") from e


def _credentials(store: dict) -> Credentials:
    manifest = store["manifests"][store["active_manifest"]]
    assertions = {a["label"]: a["data"] for a in manifest.get("assertions", [])}
    signature = manifest.get("signature_info", {})
    issuer = signature.get("issuer", "")
    problems = [
        f"{status['code']}: {status.get('explanation', '')}"
        for status in store.get("validation_status", [])
        if not status["code"].endswith(_UNTRUSTED)
    ]
    generators = manifest.get("claim_generator_info") or [{}]
    actions = assertions.get("c2pa.actions.v2", {}).get("actions", [])
    origin = assertions.get(_ORIGIN)
    return Credentials(
        intact=store.get("validation_state") in ("Valid", "Trusted"),
        test_certificate=issuer == TEST_ISSUER,
        signer=", ".join(n for n in (signature.get("common_name", ""), issuer) if n),
        origin=None if origin is None else _origin(origin),
        generator=" ".join(str(generators[0].get(k, "")) for k in ("name", "version")).strip(),
        ai_generated=any(a.get("digitalSourceType") == _SOURCE_TYPE for a in actions),
        problems=tuple(problems),
    )


def _origin(stated: dict) -> Origin:
    """Raises `TypeError` for missing or unknown fields and wrong types, `ValueError` for numbers
    that are none: anyone may sign."""
    for name, value in stated.items():
        if not isinstance(value, bool if name == "marked" else str):
            raise TypeError(f"'{name}' is no {'boolean' if name == 'marked' else 'text'}")
        digits = _DIGITS.get(name)
        if digits and not re.fullmatch(f"[0-9a-f]{{{digits}}}", str(value)):
            raise ValueError(f"'{name}' is not {digits} hexadecimal digits")
    return Origin(**stated)
