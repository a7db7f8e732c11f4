"""One training at a time in a run folder."""

import sys
from typing import IO

from audioplane.errors import TrainingError

_FAR = 1 << 30
"""Byte that is locked on Windows, where a lock hides what it covers: far beyond what is written."""


def lock(file: IO[str], folder: object) -> None:
    """Lock an open file until it is closed; the system frees the lock of a process that dies.

    Raises `TrainingError` where another process or training holds it. Where the file system knows
    no locks, nothing is locked.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(_FAR)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError) as e:
        raise TrainingError(
            f"another training is at work in {folder}: wait until it ends, or choose another folder"
        ) from e
    except OSError:
        pass
