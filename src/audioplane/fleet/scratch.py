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
from audioplane.errors import StoreError
from audioplane.fleet.store import Store, fingerprints, read_anywhere

_WAIT = 30.0
"""Seconds that another process of this machine may go on after its work was given to this one."""


@contextlib.contextmanager
def claimed(root: Path, store: Store, name: str, wait: float = _WAIT) -> Iterator[Path]:
    """A folder for one video of one store, which no other process of this machine uses.

    What an earlier process left there is kept.

    Raises `StoreError` where another process still works on it after `wait` seconds.
    """
    where = hashlib.sha256(store.url.encode()).hexdigest()[:12]
    folder, lock = root / where / "work" / name, root / where / "locks" / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.parent.mkdir(exist_ok=True)
        held = lock.open("a")
    except OSError as e:
        raise StoreError(f"scratch={root} cannot be written: {e.strerror}") from e
    with held:
        until = time.monotonic() + wait
        while not try_lock(held):
            if time.monotonic() > until:
                raise StoreError(f"another process works on {name} in {folder}")
            time.sleep(0.2)
        yield folder


def local_video(video: str, scratch: Path) -> Path:
    """The video itself where it is on this machine, or a copy of it as it is now.

    Raises `StoreError` where it cannot be had.
    """
    fs, place = url_to_fs(video)
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
    """The files of an archive; none of them lies outside the folder."""
    fresh = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(fresh, ignore_errors=True)
    with tarfile.open(file) as tar:
        tar.extractall(fresh, filter="data")
    shutil.rmtree(folder, ignore_errors=True)
    fresh.replace(folder)
