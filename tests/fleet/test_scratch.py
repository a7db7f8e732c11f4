"""Scratch: a folder for each video, copies of videos that lie elsewhere."""

import io
import tarfile
import uuid

import pytest

from audioplane.assets import try_lock
from audioplane.errors import StoreError
from audioplane.fleet.scratch import archive, claimed, local_video, unpack
from audioplane.fleet.store import Store


def test_a_video_that_changed_is_copied_anew(tmp_path):
    store = Store(f"memory://{uuid.uuid4().hex}")
    video = f"{store.url}/a.mp4"
    store.write("a.mp4", b"one")
    first = local_video(video, tmp_path)
    assert first.read_bytes() == b"one"
    first.write_bytes(b"kept")
    assert local_video(video, tmp_path).read_bytes() == b"kept"
    store.write("a.mp4", b"longer")
    assert local_video(video, tmp_path).read_bytes() == b"longer"


def test_a_video_of_this_machine_is_not_copied(tmp_path):
    file = tmp_path / "a.mp4"
    file.write_bytes(b"one")
    assert local_video(str(file), tmp_path / "scratch") == file


def test_a_video_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StoreError, match="none.mp4 is not there"):
        local_video(f"memory://{uuid.uuid4().hex}/none.mp4", tmp_path)


def test_videos_whose_names_are_alike_have_scratch_of_their_own(tmp_path):
    store = Store("memory://alike")
    with claimed(tmp_path, store, "x") as one, claimed(tmp_path, store, "x.lock") as other:
        assert one.is_dir() and other.is_dir() and one != other
        with pytest.raises(StoreError, match="another process"), claimed(tmp_path, store, "x", 0.0):
            pass


def test_scratch_goes_by_the_store_and_not_by_how_it_is_spelled(tmp_path, monkeypatch):
    folders = []
    for here, url in (("p", "heads"), ("p", f"{tmp_path}/p/heads/"), ("q", "heads")):
        (tmp_path / here).mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / here)
        with claimed(tmp_path / "scratch", Store(url), "x") as folder:
            folders.append(folder)
    assert folders[0] == folders[1] != folders[2]


def test_whoever_waited_has_a_folder_though_another_process_removed_it(tmp_path, monkeypatch):
    def removes(held):
        for place in tmp_path.rglob("x"):
            if place.is_dir():
                place.rmdir()
        return try_lock(held)

    monkeypatch.setattr("audioplane.fleet.scratch.try_lock", removes)
    with claimed(tmp_path, Store("memory://waits"), "x") as folder:
        assert folder.is_dir()


def test_what_an_archive_holds_replaces_the_folder(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    (here / "deep").mkdir(parents=True)
    (here / "deep/a.txt").write_text("new")
    there.mkdir()
    (there / "old.txt").write_text("old")
    unpack(archive(here, tmp_path / "a.tar"), there)
    assert [p.relative_to(there).as_posix() for p in there.rglob("*.txt")] == ["deep/a.txt"]
    assert (there / "deep/a.txt").read_text() == "new"


@pytest.mark.parametrize("name", ["../b.txt", "{tmp}/b.txt"])
def test_an_archive_writes_nothing_outside_its_folder(tmp_path, name):
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        member = tarfile.TarInfo(name.format(tmp=tmp_path))
        member.size = 1
        tar.addfile(member, io.BytesIO(b"b"))
    with pytest.raises(StoreError, match="outside"):
        unpack(tmp_path / "a.tar", tmp_path / "folder")
    assert not list(tmp_path.rglob("b.txt"))
