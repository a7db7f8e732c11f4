"""Stores: whole files, whatever the file system."""

import copy
import os
import sys
import threading
import uuid
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem

from audioplane.errors import InstallError, StoreError
from audioplane.fleet.store import Store, fingerprints, is_absolute


@pytest.fixture(params=["folder", "memory"])
def store(request, tmp_path) -> Store:
    url = f"memory://{uuid.uuid4().hex}" if request.param == "memory" else str(tmp_path / "store")
    return Store(url)


def test_files_come_back_and_can_be_removed(store, tmp_path):
    assert store.read("a/b.json") is None
    assert store.list("a") == [] and store.read_all("a") == {}
    store.write("a/b.json", b"one")
    store.write("a/b.json", b"two")
    local = tmp_path / "local" / "x.bin"
    local.parent.mkdir()
    local.write_bytes(b"three")
    store.put("a/c.bin", local)
    store.put_folder("d", local.parent)
    assert store.read("a/b.json") == b"two"
    assert store.read_all("a") == {"b.json": b"two", "c.bin": b"three"}
    assert store.fetch("d/x.bin", tmp_path / "e" / "f.bin")
    assert (tmp_path / "e" / "f.bin").read_bytes() == b"three"
    assert not store.fetch("d/none.bin", tmp_path / "e" / "g.bin")
    assert [p.name for p in (tmp_path / "e").iterdir()] == ["f.bin"]
    assert copy.copy(store).read("d/x.bin") == b"three"
    store.remove("a")
    store.remove("a")
    assert store.list("a") == []


def test_a_store_whose_name_looks_like_a_pattern_is_read(tmp_path):
    store = Store(str(tmp_path / "take [1]*"))
    store.write("a/b", b"one")
    assert store.read_all("a") == {"b": b"one"} and store.read_many(["a/none"]) == {}


def test_a_reader_never_sees_half_a_file(store):
    """A writer replaces a file over and over; whoever reads gets one version or another."""
    versions = {bytes([i]) * 3_000_000 for i in range(4)}
    store.write("x/big", next(iter(versions)))
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            for data in versions:
                store.write("x/big", data)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(60):
            assert store.read("x/big") in versions
            assert store.list("x") == ["big"]
    finally:
        stop.set()
        writer.join()


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(store, tmp_path, monkeypatch):
    store.write("x/a", b"old")

    def broken(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(store._fs), "mv", broken)
    with pytest.raises(StoreError, match="No space left"):
        store.write("x/a", b"new")
    assert store.read("x/a") == b"old"
    names = [path.rpartition("/")[2] for path in store._fs.ls(store.place("x"), detail=False)]
    assert names == ["a"]


def test_a_protocol_without_its_package_names_it(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(InstallError, match="gcsfs"):
        Store("gs://bucket/x")
    with pytest.raises(StoreError, match="nonsense"):
        Store("nonsense://x")


def test_fingerprints_tell_files_apart_without_reading_them(tmp_path):
    paths = []
    for i, size in enumerate((3, 3, 5)):
        path = tmp_path / f"{i}.mp4"
        path.write_bytes(b"x" * size)
        paths.append(str(path))
    missing = str(tmp_path / "none.mp4")
    before = fingerprints([*paths, missing, "nonsense://a/b"])
    assert set(before) == set(paths)
    (tmp_path / "2.mp4").write_bytes(b"y" * 6)
    after = fingerprints(paths)
    assert [before[p] == after[p] for p in paths] == [True, True, False]
    assert fingerprints(paths[:1]) == {paths[0]: before[paths[0]]}


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_fingerprint_is_the_same_among_others_and_alone(tmp_path, monkeypatch):
    (tmp_path / "videos").mkdir()
    paths = [str(tmp_path / f"{i}.mp4") for i in range(3)]
    for path in paths[:2]:
        target = tmp_path / "videos" / Path(path).name
        target.write_bytes(b"x")
        os.utime(target, (1, 1))
        os.symlink(target, path)
    Path(paths[2]).write_bytes(b"y")
    alone = {path: fingerprints([path])[path] for path in paths}
    assert fingerprints(paths) == alone

    def lists_nothing(*_args, **_kwargs):
        raise NotImplementedError

    monkeypatch.setattr(LocalFileSystem, "ls", lists_nothing)
    assert fingerprints(paths) == alone


def test_absolute_paths():
    assert is_absolute("s3://a/b") and is_absolute("/a") and is_absolute("memory:///a")
    assert not is_absolute("a/b.mp4") and not is_absolute("../a.mp4")


def test_a_file_that_goes_while_memory_is_listed(monkeypatch):
    store = Store(f"memory://{uuid.uuid4().hex}")
    store.write("x/a", b"1")
    list_, gone = store._fs.ls, iter([True])

    def ls(*given, **options):
        if next(gone, False):
            raise KeyError("x/.a.partial")
        return list_(*given, **options)

    monkeypatch.setattr(store._fs, "ls", ls)
    assert store.list("x") == ["a"]
