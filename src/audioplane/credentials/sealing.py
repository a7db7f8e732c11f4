"""What a video or stream of a head is to say of itself, from options and files."""

from pathlib import Path

import pooch

from audioplane.credentials import Origin, Provenance
from audioplane.credentials.keys import find_mark_key, find_signer
from audioplane.credentials.options import ProvenanceOptions
from audioplane.credentials.provenance import new_session, utc_now
from audioplane.errors import CredentialsError
from audioplane.train import RunPaths, TrainedHead


def state_provenance(
    options: ProvenanceOptions, run: Path, trained: TrainedHead, speech_sha256: str
) -> Provenance:
    """What a video of this head that speaks this will say.

    Raises `CredentialsError` if nobody consented, or keys cannot be read or made.
    """
    consent = _consent(options.consent, RunPaths(run), trained.consent)
    origin = Origin(
        head=sha256_of(RunPaths(run).head),
        session=new_session(),
        marked=options.mark,
        speech=speech_sha256,
        consent=consent,
        date=utc_now(),
    )
    key = find_mark_key(options.mark_key, create=True) if options.mark else None
    signer = find_signer(options.sign_key, options.sign_cert) if options.credentials else None
    return Provenance(origin, key, signer)


def sha256_of(path: Path) -> str:
    """Digest of a file, hexadecimal. Raises `CredentialsError`."""
    try:
        return pooch.file_hash(str(path))
    except OSError as e:
        raise CredentialsError(f"{path} cannot be read ({e.strerror}): check the name") from e


def _consent(stated: str, paths: RunPaths, of_head: str) -> str:
    """Who agreed: what the head says, or else what is stated now or was once for its run."""
    if of_head:
        if stated and stated != of_head:
            raise CredentialsError(f"this head says itself who agreed to it ('{of_head}')")
        return of_head
    try:
        if stated:
            paths.consent.write_text(stated + "\n")
        elif paths.consent.exists():
            stated = paths.consent.read_text().strip()
    except OSError as e:
        raise CredentialsError(f"{paths.consent} cannot be used ({e.strerror})") from e
    if not stated:
        raise CredentialsError(
            "this head does not say who agreed to its making: state it once with --consent "
            '"WHO agreed to WHAT" (docs/ethics.md)'
        )
    return stated
