"""Secrets of this installation: files in the user's configuration folder that only they can read.

<config>/mark.key                64 hexadecimal digits: the key of the marks' payloads
<config>/test_signer.pem         private key and certificates of the test signer (`signer.py`)
"""

import os
import secrets
from pathlib import Path

from platformdirs import user_config_path

from audioplane.errors import CredentialsError

_KEY_BYTES = 32


def config_folder() -> Path:
    """The user's configuration folder; not made here."""
    return user_config_path("audioplane")


def write_secret(path: Path, content: bytes) -> None:
    """Write a file that only the user can read. Raises `CredentialsError`."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
        partial.replace(path)
    except OSError as e:
        raise CredentialsError(f"{path} cannot be written ({e.strerror})") from e


def read_mark_key(path: Path) -> bytes:
    """The key in a file of 64 hexadecimal digits. Raises `CredentialsError`."""
    try:
        key = bytes.fromhex(path.read_text().strip())
    except (OSError, ValueError) as e:
        raise CredentialsError(f"{path} holds no key that can be read ({e})") from e
    if len(key) != _KEY_BYTES:
        raise CredentialsError(f"{path} holds no key: it should be {2 * _KEY_BYTES} hex digits")
    return key


def installed_mark_key(create: bool) -> bytes | None:
    """This installation's key, made at first use; None if there is none and none is to be made.

    Raises `CredentialsError` if it cannot be read or written.
    """
    path = config_folder() / "mark.key"
    if not path.exists():
        if not create:
            return None
        write_secret(path, secrets.token_hex(_KEY_BYTES).encode() + b"\n")
    return read_mark_key(path)
