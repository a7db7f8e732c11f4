"""Local scratch: a folder for each video on the machine that works on it."""

import contextlib
import hashlib
import shutil
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

from fsspec.core import url_to_fs

from audioplane.assets import try_lock
from audioplane.errors import InstallError, MediaError, StoreError
from audioplane.fleet.store import Store, fingerprints, read_anywhere

_WAIT = 30.0
"""Seconds that another process of this machine may go on after its work was given to this one."""


class Busy(StoreError):
    """Another process of this machine works on the video."""


@contextlib.contextmanager
def claimed(root: Path, store: Store, name: str, wait: float = _WAIT) -> Iterator[Path]:
    """A folder for one video of one store, which no other process of this machine uses.

    What an earlier process left there is kept.

    Raises `Busy` where another process still works on it after `wait` seconds, `StoreError` where
    the folder cannot be written.
    """
    where = hashlib.sha256(store.identity.encode()).hexdigest()[:12]
    folder, lock = root / where / "work" / name, root / where / "locks" / name
    with _writing(root):
        lock.parent.mkdir(parents=True, exist_ok=True)
        held = lock.open("a")
    with held:
        until = time.monotonic() + wait
        while not try_lock(held):
            if time.monotonic() > until:
                raise Busy(f"another process works on {name} in {folder}")
            time.sleep(0.2)
        with _writing(root):  # not before: whoever held the lock may have removed it
            folder.mkdir(parents=True, exist_ok=True)
        yield folder


@contextlib.contextmanager
def _writing(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as e:
        raise StoreError(f"scratch={root} cannot be written: {e.strerror}") from e


def local_video(video: str, scratch: Path) -> Path:
    """The video itself where it is on this machine, or a copy of it as it is now.

    Raises `StoreError` where it cannot be had, `MediaError` for a protocol that does not exist,
    `InstallError` for one whose package is missing.
    """
    try:
        fs, place = url_to_fs(video)
    except ValueError as e:
        raise MediaError(f"{video} cannot be opened ({e}): check its protocol") from e
    except ImportError as e:
        raise InstallError(f"{video} needs another package: {e}") from e
    if getattr(fs, "local_file", False):
        return Path(place)
    version = hashlib.sha256(fingerprints([video]).get(video, "").encode()).hexdigest()[:12]
    copy = scratch / f"video-{version}{Path(place).suffix}"
    if not copy.exists():
        parent, _, name = video.rpartition("/")
        if not Store(parent).fetch(name, copy):
            read_anywhere(video)  # says why
    return copy


def archive(folder: Path, file: Path) -> Path:
    """All files of a folder in one uncompressed tar file: images hardly shrink any more."""
    with tarfile.open(file, "w") as tar:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            tar.add(path, path.relative_to(folder).as_posix())
    return file


def unpack(file: Path, folder: Path) -> None:
    """The files of an archive; none of them lies outside the folder.

    Written out, because `extractall` has its safe filter from Python 3.11.4 on only.
    """
    fresh = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    with tarfile.open(file) as tar:
        for member in filter(tarfile.TarInfo.isfile, tar):
            target, content = fresh / member.name, tar.extractfile(member)
            if content is None or not target.resolve().is_relative_to(fresh.resolve()):
                raise StoreError(f"{file}: {member.name} lies outside its folder")
            target.parent.mkdir(parents=True, exist_ok=True)
            with content, target.open("wb") as copy:
                shutil.copyfileobj(content, copy)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.replace(folder)
