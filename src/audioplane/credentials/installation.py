"""This installation's secrets: files in the configuration folder that only the user can read.

<config>/mark.key                64 hexadecimal digits: the key of the marks' payloads
<config>/test_signer.pem         private key and certificates of the test signer (`signer.py`)

$AUDIOPLANE_HOME names another folder for all of audioplane's own files.
"""

import os
import secrets
from pathlib import Path

from platformdirs import user_config_path

from audioplane.assets import HOME_VARIABLE, write_atomically
from audioplane.errors import CredentialsError, MediaError

_KEY_BYTES = 32
_ELSEWHERE = (
    "pass mark_key= (or set AUDIOPLANE_MARK_KEY) to use a key from a file, "
    "or set AUDIOPLANE_HOME to a folder that can be written"
)


def config_folder() -> Path | None:
    """The folder of this user's configuration, not created here; None where no home is known."""
    home = from_environment(HOME_VARIABLE)
    if home is not None:
        return home
    try:
        folder = user_config_path("audioplane")
    except RuntimeError:  # a user id without an entry in the system's list
        return None
    return folder if folder.is_absolute() else None


def from_environment(name: str) -> Path | None:
    """The path that an environment variable holds, if any; `~` is expanded."""
    return Path(os.environ[name]).expanduser() if os.environ.get(name) else None


def write_secret(path: Path, content: bytes) -> None:
    """Write a file that only the user can read. Raises `MediaError`; no partial file stays."""
    with write_atomically(path, 0o600) as partial:
        partial.write_bytes(content)


def read_mark_key(path: Path) -> bytes:
    """The key in a file of 64 hexadecimal digits. Raises `CredentialsError`."""
    try:
        key = bytes.fromhex(path.read_text().strip())
    except (OSError, ValueError) as e:
        raise CredentialsError(f"{path} holds no readable key ({e})") from e
    if len(key) != _KEY_BYTES:
        raise CredentialsError(f"{path} holds no key: it should be {2 * _KEY_BYTES} hex digits")
    return key


def installed_mark_key(create: bool) -> bytes | None:
    """This installation's key, made at first use; None if there is none and none may be made.

    Raises `CredentialsError` if it cannot be read or written.
    """
    folder = config_folder()
    if folder is None:
        if create:
            raise CredentialsError(f"this user has no home folder for mark.key: {_ELSEWHERE}")
        return None
    path = folder / "mark.key"
    if not path.exists():
        if not create:
            return None
        try:
            write_secret(path, secrets.token_hex(_KEY_BYTES).encode() + b"\n")
        except MediaError as e:
            raise CredentialsError(f"{e}: {_ELSEWHERE}") from e
    return read_mark_key(path)


def find_mark_key(given: Path | str | None, create: bool) -> bytes | None:
    """The key of the marks' payloads: in the file `given`, in $AUDIOPLANE_MARK_KEY, or installed.

    None if there is none and none may be made. Raises `CredentialsError` if it cannot be read or
    made.
    """
    named = given or from_environment("AUDIOPLANE_MARK_KEY")
    return read_mark_key(Path(named)) if named else installed_mark_key(create)
