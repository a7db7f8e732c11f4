"""What a running preparation tells whoever watches it."""

from collections.abc import Callable
from dataclasses import dataclass

STAGES = ("preflight", "crop", "frames", "landmarks", "pose", "parsing", "plates", "splits")
"""The stages of a preparation in their order."""


@dataclass(frozen=True)
class StageProgress:
    """One report of progress."""

    stage: str
    """One of `STAGES`."""
    done: int
    """Frames of this stage that are finished."""
    total: int
    """Frames of this stage; 0 where not yet known."""
    message: str = ""
    """A finding that the user should see; mostly empty."""


Report = Callable[[StageProgress], None]
"""Receives every `StageProgress`."""
Tell = Callable[[int, int, str], None]
"""A stage's own end of `Report`: done, total, message."""
