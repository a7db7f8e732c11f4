"""The store: a folder on any file system that fsspec knows, where readers see whole files only."""

import os
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from glob import has_magic
from pathlib import Path
from typing import Any

import fsspec
from fsspec.core import url_to_fs
from fsspec.implementations.memory import MemoryFileSystem

from audioplane.errors import InstallError, StoreError

_OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss", "r2"}
"""Protocols whose objects appear whole, once they are uploaded; elsewhere a file gets its name
when it is complete."""
_PARTIAL = ".partial"


def is_absolute(path: str) -> bool:
    """Whether a path or URL says where it starts."""
    return bool(re.match(r"[A-Za-z][\w+.-]*:", path)) or os.path.isabs(path)


def read_anywhere(path: str) -> bytes:
    """The bytes of a file. Raises `StoreError`, or `InstallError` for a protocol's package."""
    with _access(path), fsspec.open(path, "rb") as file:
        return file.read()  # pyright: ignore[reportAttributeAccessIssue]


@contextmanager
def _access(path: str) -> Iterator[None]:
    try:
        yield
    except (StoreError, InstallError):
        raise
    except ImportError as e:
        raise InstallError(f"{path} needs another package: {e}") from e
    except FileNotFoundError as e:
        raise StoreError(f"{path} is not there: check the name") from e
    except Exception as e:  # fsspec lets any exception of its file systems through
        raise StoreError(f"{path} cannot be read or written ({type(e).__name__}: {e})") from e


class Store:
    """Files by name below one URL.

    Every write appears whole or not at all; the last of several writers wins.
    """

    def __init__(self, url: str, options: Mapping[str, Any] | None = None):
        """Opens a folder, which need not exist.

        Args:
            url: A local folder, or a URL of fsspec: `s3://bucket/fleet`, `memory://fleet`.
            options: Arguments of its file system (fsspec's `storage_options`).

        Raises `InstallError` where the protocol's package is missing, `StoreError` where fsspec
        does not know it.
        """
        self.url, self.options = url, dict(options or {})
        with _access(url):
            given = {"use_listings_cache": False, **self.options}
            self._fs, root = url_to_fs(url, **given)
        self._root = self._fs._strip_protocol(root).rstrip("/")
        protocols = self._fs.protocol
        names = {protocols} if isinstance(protocols, str) else set(protocols)
        self._whole = bool(names & _OBJECT_STORES)
        # s3fs otherwise asks for each file's length first, to read large ones in parallel.
        self._reading = {"max_concurrency": 1} if names & {"s3", "s3a"} else {}

    def __reduce__(self):
        return Store, (self.url, self.options)

    @property
    def identity(self) -> str:
        """The same for every spelling of the URL."""
        return f"{self._fs.protocol} {self._root}"

    def place(self, name: str) -> str:
        """A file's path in its file system."""
        return f"{self._root}/{name}"

    def write(self, name: str, data: bytes) -> None:
        """Write a small file. Raises `StoreError`."""
        with self._named(name) as place:
            self._fs.pipe_file(place, data)

    def put(self, name: str, file: Path) -> None:
        """Copy a local file into the store. Raises `StoreError`."""
        with self._named(name) as place:
            self._fs.put_file(str(file), place)

    def put_folder(self, name: str, folder: Path) -> None:
        """Copy all files of a local folder, file by file. Raises `StoreError`."""
        for file in sorted(p for p in folder.rglob("*") if p.is_file()):
            self.put(f"{name}/{file.relative_to(folder).as_posix()}", file)

    @contextmanager
    def _named(self, name: str) -> Iterator[str]:
        """Where to write a file that then gets its name."""
        place = self.place(name)
        with _access(place):
            if self._whole:
                yield place
                return
            folder, _, last = place.rpartition("/")
            self._fs.makedirs(folder, exist_ok=True)
            partial = f"{folder}/.{last}.{uuid.uuid4().hex[:8]}{_PARTIAL}"
            try:
                yield partial
                self._fs.mv(partial, place)
            except BaseException:
                with suppress(Exception):
                    self._fs.rm_file(partial)
                raise

    def read(self, name: str) -> bytes | None:
        """The bytes of a file; None where there is none. Raises `StoreError`."""
        place = self.place(name)
        with _access(place):
            try:
                return self._fs.cat_file(place, **self._reading)
            except FileNotFoundError:
                return None

    def fetch(self, name: str, file: Path) -> bool:
        """Copy a file of the store to a local one; False where there is none.

        Raises `StoreError`.
        """
        place = self.place(name)
        with _access(place):
            file.parent.mkdir(parents=True, exist_ok=True)
            partial = file.with_name(f".{file.name}{_PARTIAL}")
            try:
                self._fs.get_file(place, str(partial))
            except FileNotFoundError:
                partial.unlink(missing_ok=True)
                return False
            partial.replace(file)
            return True

    def list(self, folder: str) -> list[str]:
        """Names of the files in a folder, without those that are being written.

        Raises `StoreError`.
        """
        place = self.place(folder)
        with _access(place):
            try:
                found = self._fs.ls(place, detail=False)
            except FileNotFoundError:
                return []
            except KeyError:
                if not isinstance(self._fs, MemoryFileSystem):
                    raise
                return self.list(folder)  # a file went while they were listed
        names = (path.rstrip("/").rpartition("/")[2] for path in found)
        return sorted(name for name in names if not name.endswith(_PARTIAL))

    def read_many(self, names: Sequence[str]) -> dict[str, bytes]:
        """The bytes of those files that are there, by name, many at once. Raises `StoreError`."""
        if has_magic(self._root):  # `cat` would take it for a pattern
            read = {name: self.read(name) for name in names}
            return {name: data for name, data in read.items() if data is not None}
        places = {self.place(name): name for name in names}
        if not places:
            return {}
        with _access(self._root):
            found = self._fs.cat(list(places), on_error="omit", **self._reading)
        return {places[place]: data for place, data in found.items()}

    def read_all(self, folder: str) -> dict[str, bytes]:
        """The bytes of all files in a folder by name, many at once. Raises `StoreError`."""
        found = self.read_many([f"{folder}/{name}" for name in self.list(folder)])
        return {name.rpartition("/")[2]: data for name, data in found.items()}

    def remove(self, name: str) -> None:
        """Remove a file or a folder, if it is there. Raises `StoreError`."""
        place = self.place(name)
        with _access(place), suppress(FileNotFoundError):
            self._fs.rm(place, recursive=True)


def fingerprints(paths: list[str]) -> dict[str, str]:
    """What tells whether files have changed, without reading them: size, and ETag or time.

    Folders are listed; only what this does not tell of a file is asked for. A file that is not
    there, or that cannot be asked about, has none.
    """
    by_folder: dict[str, list[str]] = {}
    for path in paths:
        by_folder.setdefault(path.rpartition("/")[0], []).append(path)
    found: dict[str, str] = {}
    for folder, members in by_folder.items():
        with suppress(Exception):  # fsspec lets any exception of its file systems through
            found |= _of_folder(folder, members)
    return found


def _of_folder(folder: str, members: list[str]) -> dict[str, str]:
    fs, root = url_to_fs(folder or ".", use_listings_cache=False)
    listed = {}
    if len(members) > 1:
        with suppress(Exception):  # of servers that list no folder
            listed = {info["name"].rpartition("/")[2]: info for info in fs.ls(root, detail=True)}
    found = {}
    for path in members:
        info = listed.get(path.rpartition("/")[2])
        if info is None or info.get("islink") or info.get("size") is None:
            info = _asked(fs, path)  # a listing tells a link's own time, and no sizes over HTTP
        if info:
            version = next((info[k] for k in ("ETag", "etag", "md5", "mtime") if k in info), "")
            found[path] = f"{info.get('size')} {version}"
    return found


def _asked(fs: Any, path: str) -> Mapping[str, Any] | None:
    """What a file system says of one file, if it can."""
    with suppress(Exception):
        return fs.info(fs._strip_protocol(path))
    return None
