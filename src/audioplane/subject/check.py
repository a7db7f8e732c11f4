"""Checks of a subject's files before long work depends on them."""

from dataclasses import dataclass
from pathlib import Path

from audioplane.errors import AudioplaneError, SubjectError
from audioplane.media.image import stored_size
from audioplane.subject.subject import Subject, frame_files, list_names

_TAIL = 4096
"""Bytes at the end of an image that are searched for its end marker."""
_ENDS = {b"\xff\xd8": b"\xff\xd9", b"\x89PNG\r\n\x1a\n": b"IEND\xaeB`\x82"}
"""How JPEG and PNG files start and end."""


@dataclass(frozen=True)
class SubjectReport:
    """Usable frames of a subject, and what is wrong with the rest."""

    folder: Path
    train: int
    """Training frames that can be used."""
    held_out: int
    """Held-out frames that can be used."""
    left_out: int
    """Frames with a pose that lack another file."""
    without_pose: int
    """Frames of the video that have no pose and are not flagged in `subject.json` either."""
    missing: dict[str, tuple[str, ...]]
    """Missing files of the frames in `left_out`, by content; names relative to `folder`."""
    damaged: dict[str, str]
    """Files that cannot be used, and why; names relative to `folder`."""
    bridged: int
    """Rows of `au.csv` without a number, whose blinks were interpolated."""

    def warnings(self) -> list[str]:
        """What is missing, a sentence each; empty for a complete subject."""
        said = []
        posed = self.train + self.held_out + self.left_out
        for what, names in self.missing.items():
            said.append(
                f"{len(names)} of {posed} frames are left out, they lack their {what}: "
                f"{list_names(names)} in {self.folder}"
            )
        if self.without_pose:
            said.append(f"{self.without_pose} frames of the video have no pose: they are left out")
        if self.bridged:
            said.append(f"{self.bridged} rows of au.csv hold no blink: interpolated")
        return said

    def require_whole(self) -> None:
        """Raise `SubjectError`, with the first names, where files are damaged."""
        if self.damaged:
            named = [f"{name} ({why})" for name, why in self.damaged.items()]
            raise SubjectError(
                f"{len(named)} files of {self.folder} are damaged: {list_names(named)}; copy them "
                "again, or delete them, then their frames are left out"
            )


def check_subject(subject: Subject) -> SubjectReport:
    """Check all files of a subject's frames, in about a second per 2,000 frames.

    Landmarks are read; of images the header and the end marker. The blinks are read too.

    Raises `SubjectError` where the file of the blinks is damaged or too short.
    """
    damaged = {}
    for ref in (*subject.train, *subject.val):
        files = frame_files(subject.paths, ref.img_id)
        may_lack = subject.paths.torso(ref.img_id), subject.paths.alpha(ref.img_id)
        images = [files["image"], files["mask"], *may_lack]
        for path in images:
            if fault := _image_fault(path, subject.background.shape[:2]):
                damaged[str(path.relative_to(subject.paths.root))] = fault
        try:
            subject.landmarks(ref)
        except AudioplaneError:
            path = files["landmarks"]
            damaged[str(path.relative_to(subject.paths.root))] = "not 68 finite points"
    tracked = subject.track is not None
    table = None if tracked else subject.blink_table
    usable = len(subject.train) + len(subject.val)
    return SubjectReport(
        folder=subject.paths.root,
        train=len(subject.train),
        held_out=len(subject.val),
        left_out=subject.posed - usable,
        without_pose=max(0, subject.rows - len(subject.info.flags) - subject.posed),
        missing=dict(subject.missing),
        damaged=damaged,
        bridged=len(table.unusable) if table else 0,
    )


def _image_fault(path: Path, size: tuple[int, int]) -> str:
    """What is wrong with an image, judged by its first and last bytes; some may be missing."""
    try:
        with path.open("rb") as file:
            head = file.read(_TAIL)
            file.seek(max(0, file.seek(0, 2) - _TAIL))
            tail = file.read()
    except FileNotFoundError:
        return ""
    except OSError as e:
        return e.strerror or "cannot be read"
    if not head:
        return "empty"
    end = next((end for start, end in _ENDS.items() if head.startswith(start)), None)
    if end is None:
        return "neither JPEG nor PNG"
    if end not in tail:
        return "cut short"
    found = stored_size(head)
    if found and found != size:
        return f"{found[1]} x {found[0]} pixels instead of {size[1]} x {size[0]}"
    return ""
