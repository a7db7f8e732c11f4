"""Verification of a video by its mark and its credentials."""

from dataclasses import dataclass
from pathlib import Path

from audioplane.credentials.installation import find_mark_key
from audioplane.credentials.manifest import Credentials, read_credentials
from audioplane.errors import CredentialsError
from audioplane.mark import MarkReading, read_mark
from audioplane.media.video import read_frames


@dataclass(frozen=True)
class Verification:
    """The findings in a video. Texts come from the file and may hold any character."""

    mark: MarkReading | None
    """None if the video is too short or too narrow to tell."""
    with_key: bool
    """Whether there was a key to read the mark's payload with."""
    credentials: Credentials | None
    """None if it carries none."""
    problems: tuple[str, ...]
    """What is damaged, contradicts or cannot be read."""

    @property
    def made_here(self) -> bool:
        """Mark or credentials state that audioplane made it, and nothing contradicts them."""
        stated = self.credentials is not None and self.credentials.origin is not None
        return not self.problems and (stated or (self.mark is not None and self.mark.found))


def verify(path: Path, mark_key: Path | str | None = None) -> Verification:
    """Look for audioplane's mark and for credentials in a video; nothing is fetched.

    Args:
        path: a video in any format. Its first 64 s are looked at, 2 s at least are needed.
        mark_key: file of the key of the mark's payload; without one, $AUDIOPLANE_MARK_KEY or this
            installation's, if there is one.

    Returns:
        The findings, also where there are none, or they contradict each other.

    Raises:
        MediaError: the file is no video that can be read.
        CredentialsError: the key cannot be read.
    """
    key = find_mark_key(mark_key, create=False)
    problems, credentials = [], None
    try:
        credentials = read_credentials(path)
    except CredentialsError as e:
        problems.append(str(e))
    mark = read_mark(read_frames(path), key)
    if credentials is not None:
        problems += credentials.problems
        origin, payload = credentials.origin, mark and mark.payload
        if origin is not None and payload is not None:
            stated = (origin.head[:8], origin.session)
            if stated != (f"{payload.head:08x}", f"{payload.session:08x}"):
                problems.append("mark and credentials name different heads or sessions")
    return Verification(mark, key is not None, credentials, tuple(problems))
