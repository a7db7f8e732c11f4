"""Verification of a video by its mark and its credentials."""

from dataclasses import dataclass
from pathlib import Path

from audioplane.credentials.installation import find_mark_key
from audioplane.credentials.manifest import Credentials, Origin, read_credentials
from audioplane.errors import CredentialsError, MediaError
from audioplane.mark import MarkReading, read_mark
from audioplane.media.video import read_frames


@dataclass(frozen=True)
class Verification:
    """The findings in a video. Texts come from the file and may hold any character."""

    mark: MarkReading | None
    """None if the video is too short or too narrow to tell, or its frames cannot be read."""
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
        MediaError: the file is no video that can be read, and carries no credentials either.
        CredentialsError: the key cannot be read.
    """
    key = find_mark_key(mark_key, create=False)
    problems, credentials = [], None
    try:
        credentials = read_credentials(path)
    except CredentialsError as e:
        problems.append(str(e))
    mark = None
    try:
        mark = read_mark(read_frames(path), key)
    except MediaError as e:
        if credentials is None:
            raise
        problems.append(str(e))
    if credentials is not None:
        problems += credentials.problems
        if mark is not None and credentials.origin is not None:
            problems += _contradictions(mark, credentials.origin, credentials.intact)
    return Verification(mark, key is not None, credentials, tuple(problems))


def _contradictions(mark: MarkReading, origin: Origin, intact: bool) -> list[str]:
    """Where mark and credentials disagree; only frames as signed must carry what was stated."""
    found, payload = [], mark.payload
    if payload is not None:
        stated = (origin.head[:8], origin.session)
        if stated != (f"{payload.head:08x}", f"{payload.session:08x}"):
            found.append("mark and credentials name different heads or sessions")
    if intact and origin.marked and not mark.found:
        found.append(
            "the credentials state a mark in the frames, none was found: these are other frames, "
            "or strong compression wore it away"
        )
    if intact and mark.found and not origin.marked:
        found.append("the credentials state that the frames carry no mark, one was found")
    return found
