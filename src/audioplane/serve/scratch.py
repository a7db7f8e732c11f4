"""Temporary folders of a server: of its own, and of single requests."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from audioplane.assets import try_lock

_PREFIX = "audioplane-serve-"
_LOCK = ".lock"
"""A file in each of them, locked while it is in use."""
_STALE_SECONDS = 3600.0
"""Age from which folders that are not in use were left by a server that was killed."""


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder that is removed when its context is left."""
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as name:
        folder = Path(name)
        with (folder / _LOCK).open("w") as held:
            try_lock(held)
            yield folder


def remove_stale_folders() -> None:
    """Remove folders that killed servers left behind."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > _STALE_SECONDS and not _in_use(folder):
                shutil.rmtree(folder)


def _in_use(folder: Path) -> bool:
    """Whether another server, or this one, works in it."""
    with (folder / _LOCK).open("a") as held:
        return not try_lock(held)
