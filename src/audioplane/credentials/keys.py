"""Which keys are used: those that an option names, the environment, or this installation's."""

import os
from pathlib import Path

from audioplane.cli.console import console
from audioplane.credentials import (
    Signer,
    installed_mark_key,
    load_signer,
    own_test_signer,
    read_mark_key,
)
from audioplane.errors import CredentialsError


def find_mark_key(given: Path | None, create: bool) -> bytes | None:
    """The key of marks' payloads; None if there is none and none is to be made.

    Raises `CredentialsError` if it cannot be read or made.
    """
    named = given or _from_environment("AUDIOPLANE_MARK_KEY")
    return read_mark_key(named) if named else installed_mark_key(create)


def find_signer(key: Path | None, certificate: Path | None) -> Signer:
    """Who signs credentials. Raises `CredentialsError` if that cannot be read or made."""
    key = key or _from_environment("AUDIOPLANE_SIGN_KEY")
    certificate = certificate or _from_environment("AUDIOPLANE_SIGN_CERT")
    if key is not None and certificate is not None:
        return load_signer(key, certificate)
    if key is not None or certificate is not None:
        raise CredentialsError("signing needs both, --sign-key and --sign-cert")
    console.print("credentials: signed with a test certificate; --sign-cert takes your own")
    return own_test_signer()


def _from_environment(name: str) -> Path | None:
    return Path(os.environ[name]) if os.environ.get(name) else None
