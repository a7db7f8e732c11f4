"""Temporary folders for the duration of a request."""

import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

_PREFIX = "audioplane-serve-"
_STALE_SECONDS = 3600.0
"""Longer than any request: older folders were left by a server that was killed."""


def scratch_folder() -> tempfile.TemporaryDirectory:
    """A folder that is removed when its context is left."""
    return tempfile.TemporaryDirectory(prefix=_PREFIX)


def remove_stale_folders() -> None:
    """Remove folders that killed servers left behind."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(folder)
