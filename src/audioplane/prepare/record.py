"""`prepare.json`: the video, options and state of a folder's preparation."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from audioplane.assets import try_lock, write_text
from audioplane.errors import PrepareError
from audioplane.face.finder import CropBox
from audioplane.preflight import PREFLIGHT_PAGE
from audioplane.subject.layout import SubjectPaths

_OWN_FOLDERS = ("ori_imgs", "gt_imgs", "torso_imgs", "parsing", "alpha")
_LOCK = ".prepare.lock"
LANDMARK_DEPTH, BLENDSHAPE_ROWS = "landmark_depth.npy", "blendshapes.npy"
"""Relative depth of the landmarks, a first guess that only the pose stage needs."""


@dataclass
class Record:
    """State of a preparation; written after every stage."""

    path: Path
    source_sha256: str
    options: dict[str, Any]
    """The options that affect the files: others need another folder."""
    done: dict[str, float] = field(default_factory=dict)
    """Seconds that each finished stage took."""
    crop: CropBox | None = None
    sound_late: float = 0.0
    """Seconds by which the sound comes after the first image; it is moved by as much."""
    sound_growth: float = 0.0
    """Seconds by which that grows in a second; the sound is played as much faster."""
    quarter_turns: int = 0
    """Counterclockwise, that bring the video's images upright."""
    speaker: tuple[float, float] | None = None
    """Centre of the face that speaks, pixels of the upright image; None: the largest is taken."""
    n_frames: int = 0
    focal: float = 0.0
    """Focal length of the frames, pixels; 0 until the poses are known."""
    cuts: list[int] = field(default_factory=list)
    """First frames of all shots but the first."""
    face_centres: dict[int, tuple[float, float]] = field(default_factory=dict)
    """Place of the face in sampled frames, pixels of the crop."""
    flags: dict[int, str] = field(default_factory=dict)
    """Frames that are left out, with the reason."""
    notes: dict[str, str] = field(default_factory=dict)
    """Findings of the stages."""

    def flag(self, img_id: int, reason: str) -> None:
        """Leave a frame out; the first reason stands."""
        self.flags.setdefault(img_id, reason)

    def usable(self) -> list[int]:
        """Frames that are not left out."""
        return [i for i in range(self.n_frames) if i not in self.flags]

    def save(self) -> None:
        """Write, through a temporary name."""
        text = {k: v for k, v in asdict(self).items() if k != "path"}
        write_text(self.path, json.dumps(text, indent=1))


def _load(path: Path) -> Record:
    try:
        data = json.loads(path.read_text())
        data["crop"] = CropBox(**data["crop"]) if data["crop"] else None
        data["flags"] = {int(k): v for k, v in data["flags"].items()}
        data["face_centres"] = {int(k): (v[0], v[1]) for k, v in data["face_centres"].items()}
        if data.get("speaker"):
            data["speaker"] = (data["speaker"][0], data["speaker"][1])
        return Record(path=path, **data)
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as e:
        raise PrepareError(
            f"{path} is damaged: choose another folder, or start again with force=True"
        ) from e


@contextmanager
def alone_in(out: Path) -> Iterator[None]:
    """Make a folder and hold it, so that no other preparation works in it.

    Raises `PrepareError` where it cannot be written or another one does.
    """
    file = out / _LOCK
    try:
        out.mkdir(parents=True, exist_ok=True)
        held = file.open("a")
    except OSError as e:
        raise PrepareError(f"{out} cannot be written ({e.strerror}): choose another folder") from e
    with held:
        if not try_lock(held):
            raise PrepareError(
                f"another preparation is at work in {out}: wait until it ends, or choose another "
                "folder"
            )
        try:
            yield
        finally:
            with suppress(OSError):  # Windows deletes no open file
                file.unlink()


def open_record(
    out: Path, source_sha256: str, options: dict[str, Any], force: bool, last: str
) -> Record:
    """Continue the record of a folder or begin one; a preparation without a finished stage, as
    one whose video was refused, is none.

    Args:
        out: the subject folder, which is held (`alone_in`).
        source_sha256: digest of the video.
        options: those that shape the files, as JSON values.
        force: start again whatever is there, unless it is the beginning of this preparation; only
            files of a subject are deleted.
        last: the stage that ends a preparation.

    Raises:
        PrepareError: the folder cannot be cleared, holds something else, or another preparation.
    """
    path = out / "prepare.json"
    try:
        if _is_begun(path) or (force and not _is_part(path, source_sha256, options, last)):
            _clear(out)
    except OSError as e:
        raise PrepareError(f"{out} cannot be written ({e.strerror}): choose another folder") from e
    if path.exists():
        record = _load(path)
        if record.source_sha256 != source_sha256:
            raise PrepareError(
                f"{out} was prepared from another video: choose another folder, or pass force=True"
            )
        if record.options != _as_read(options):
            raise PrepareError(
                f"{out} was prepared with other options: choose another folder, or pass force=True"
            )
        return record
    if not force and any(file.name != _LOCK for file in out.iterdir()):
        raise PrepareError(f"{out} is not empty: choose another folder, or pass force=True")
    record = Record(path, source_sha256, options)
    record.save()
    return record


def _as_read(options: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(options))


def _is_begun(path: Path) -> bool:
    """Whether no stage of a preparation is finished."""
    try:
        return path.exists() and not _load(path).done
    except PrepareError:
        return False


def _is_part(path: Path, source_sha256: str, options: dict[str, Any], last: str) -> bool:
    """Whether a preparation from this video with these options was interrupted."""
    try:
        record = _load(path)
    except PrepareError:
        return False
    same = (source_sha256, _as_read(options)) == (record.source_sha256, record.options)
    return same and last not in record.done


def _clear(out: Path) -> None:
    """Delete the files that a preparation writes, and nothing else."""
    paths = SubjectPaths(out)
    for name in _OWN_FOLDERS:
        shutil.rmtree(out / name, ignore_errors=True)
    single = [
        paths.info,
        paths.track,
        paths.body,
        paths.background,
        paths.audio,
        out / "prepare.json",
    ]
    single += [paths.transforms(s) for s in ("train", "val")]
    single += [out / "pose_report.json", out / LANDMARK_DEPTH, out / PREFLIGHT_PAGE]
    single += out.glob("aud_*.npy")
    for file in single:
        file.unlink(missing_ok=True)
