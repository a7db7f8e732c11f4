"""One training at a time in a run folder."""

from typing import IO

from audioplane.assets import try_lock
from audioplane.errors import TrainingError


def lock(file: IO[str], folder: object) -> None:
    """Lock an open file until it is closed (`assets.try_lock`).

    Raises `TrainingError` where another process or training holds it.
    """
    if not try_lock(file):
        raise TrainingError(
            f"another training is at work in {folder}: wait until it ends, or choose another folder"
        )
