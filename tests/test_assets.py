import errno
import hashlib
import os
import subprocess
import sys
import urllib.error
from pathlib import Path

import pooch
import pytest
import torch

from audioplane import assets
from audioplane.assets import (
    ModelFile,
    cache_root,
    check_output,
    find_model,
    read_tensors,
    require_model,
    require_models,
    write_atomically,
)
from audioplane.errors import AudioplaneError, CheckpointError, MediaError, ModelError

CONTENT = {"net.task": b"a network", "lin.pth": b"heads"}
NET, HEADS = (
    ModelFile(name, f"https://models.example/{name}", hashlib.sha256(data).hexdigest(), "tiny")
    for name, data in CONTENT.items()
)
UNKNOWN = ModelFile("big.bin", "https://models.example/big.bin", None, "tiny")


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """An empty cache and an empty assets folder."""
    monkeypatch.setenv("AUDIOPLANE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AUDIOPLANE_ASSETS", str(tmp_path / "assets"))
    for name in ("home", "assets"):
        (tmp_path / name / "models" / "tiny").mkdir(parents=True)


@pytest.fixture
def network(monkeypatch):
    """Responses of the network by address. Requested addresses are kept."""

    class Network:
        answers: dict[str, bytes]
        asked: list[str]

    network = Network()
    network.answers = {f"https://models.example/{n}": data for n, data in CONTENT.items()}
    network.asked = []

    def download(self, url, output_file, pooch, check_only=False):
        network.asked.append(url)
        if url not in network.answers:
            raise urllib.error.URLError("no route to host")
        Path(output_file).write_bytes(network.answers[url])

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", download)
    return network


def fails(*words: str, given: Path | None = None, download: bool = True) -> None:
    with pytest.raises(ModelError) as caught:
        require_models([NET, HEADS], given, download)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def put(folder: Path, **content: bytes) -> list[Path]:
    folder.mkdir(exist_ok=True)
    for name, data in CONTENT.items():
        (folder / name).write_bytes(content.get(name.split(".")[0], data))
    return [folder / name for name in CONTENT]


def test_given_is_before_assets_before_cache_before_network(tmp_path, network):
    fetched = require_models([NET, HEADS])
    assert fetched == [tmp_path / "home/models/tiny" / name for name in CONTENT]
    assert sorted(network.asked) == [HEADS.url, NET.url]
    assert require_models([NET, HEADS]) == fetched
    in_assets = put(tmp_path / "assets/models/tiny")
    assert require_models([NET, HEADS]) == in_assets
    given = put(tmp_path / "given", net=b"one's own model needs no digest")
    assert require_models([NET, HEADS], tmp_path / "given") == given
    assert require_model(NET, given[0]) == given[0]
    assert len(network.asked) == 2


def test_each_file_is_looked_for_by_itself(tmp_path, network):
    (tmp_path / "assets/models/tiny/lin.pth").write_bytes(CONTENT["lin.pth"])
    assert require_models([NET, HEADS])[1] == tmp_path / "assets/models/tiny/lin.pth"
    assert network.asked == [NET.url]


def test_finding_asks_no_network(tmp_path, network):
    assert find_model(NET) is None
    put(tmp_path / "home/models/tiny")
    assert find_model(NET) == NET.cached
    assert not network.asked


def test_nothing_is_downloaded_where_that_is_forbidden(tmp_path, network):
    fails(NET.url, HEADS.url, str(tmp_path / "home"), "AUDIOPLANE_ASSETS", download=False)
    assert not network.asked


def test_what_has_no_known_digest_is_never_downloaded(network):
    with pytest.raises(ModelError, match="big.bin not found: get https://models.example/big"):
        require_model(UNKNOWN)
    UNKNOWN.cached.write_bytes(b"brought by hand")
    assert require_model(UNKNOWN) == UNKNOWN.cached
    assert not network.asked


def test_a_given_folder_is_the_only_place(tmp_path, network):
    put(tmp_path / "home/models/tiny")
    put(tmp_path / "given")[0].unlink()
    fails(NET.name, NET.url, str(tmp_path / "given"), given=tmp_path / "given")
    assert not network.asked


def test_without_network_the_error_names_file_address_and_place(network):
    del network.answers[NET.url]
    fails(NET.name, NET.url, "URLError", str(NET.cached.parent), "AUDIOPLANE_ASSETS")
    assert not list(NET.cached.parent.iterdir())


def test_a_download_of_other_bytes_is_refused_and_not_kept(network):
    network.answers[NET.url] = b"a portal's login page"
    fails(NET.url, "not the expected one")
    assert not list(NET.cached.parent.iterdir())


@pytest.mark.parametrize("place", ["assets", "home"])
def test_a_damaged_file_is_named_and_nothing_fetched(tmp_path, network, place):
    put(tmp_path / place / "models/tiny", net=b"half a net")
    fails(str(tmp_path / place / "models/tiny/net.task"), "wrong sha256", "delete it")
    assert not network.asked


def test_one_variable_moves_all_that_is_kept(tmp_path):
    assert cache_root() == tmp_path / "home"


def test_an_unknown_user_s_home_is_refused(monkeypatch):
    monkeypatch.setenv("AUDIOPLANE_HOME", "~nobody-of-this-name/audioplane")
    with pytest.raises(AudioplaneError, match="there is no such user"):
        cache_root()


def test_an_unknown_user_without_home_gets_a_private_place(tmp_path, monkeypatch):
    """As under `docker run --user 12345`: the home folder was once a folder named `~`."""
    for name in ("HOME", "AUDIOPLANE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert cache_root() == tmp_path / f"audioplane-{os.getuid()}"
    assert cache_root().stat().st_mode & 0o777 == 0o700
    cache_root().chmod(0o777)
    with pytest.raises(AudioplaneError, match="set AUDIOPLANE_HOME"):
        cache_root()


def test_importing_assets_loads_no_torch():
    code = "import sys, audioplane.assets; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_file_is_whole_or_not_there(tmp_path):
    path = tmp_path / "new" / "folder" / "file.txt"
    with write_atomically(path) as partial:
        partial.write_text("half")
        assert not path.exists() and partial.parent == path.parent
    assert path.read_text() == "half" and list(path.parent.iterdir()) == [path]
    with pytest.raises(KeyboardInterrupt), write_atomically(path) as partial:
        partial.write_text("other")
        raise KeyboardInterrupt
    assert path.read_text() == "half" and list(path.parent.iterdir()) == [path]


def test_what_a_killed_process_left_is_overwritten(tmp_path):
    (tmp_path / ".file.partial").write_text("of somebody who was killed")
    with write_atomically(tmp_path / "file") as partial:
        assert partial.read_text() == ""
        partial.write_text("x")
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["file"]


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    with write_atomically(tmp_path / "file") as partial:
        partial.write_text("first")
        busy = pytest.raises(MediaError, match="written by another process")
        with busy, write_atomically(tmp_path / "file"):
            pass
        assert partial.read_text() == "first"
    assert (tmp_path / "file").read_text() == "first"


def test_what_cannot_be_written_is_one_line(tmp_path):
    full = pytest.raises(MediaError, match=r"file cannot be written: No space left on device$")
    with full, write_atomically(tmp_path / "file"):
        raise OSError(errno.ENOSPC, "No space left on device")
    (tmp_path / "plain").touch()
    with (
        pytest.raises(MediaError, match="cannot be written"),
        write_atomically(tmp_path / "plain" / "file"),
    ):
        pass


def test_a_read_only_file_system_is_one_line_though_nothing_can_be_removed(tmp_path, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    with pytest.raises(MediaError, match="cannot be written: Read-only file system"):
        with write_atomically(tmp_path / "file"), monkeypatch.context() as patch:
            patch.setattr(Path, "unlink", refuse)
            refuse()


@pytest.mark.parametrize("check", [check_output, lambda p: write_atomically(p).__enter__()])
def test_folders_and_devices_are_refused(tmp_path, check):
    """`--out /dev/null` once put a plain file in its place."""
    with pytest.raises(MediaError, match="it is a folder"):
        check(tmp_path)
    with pytest.raises(MediaError, match="it is a device"):
        check(Path("/dev/null"))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(MediaError, match="it is a device"):
        check(tmp_path / "pipe")


def test_a_link_is_written_through(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    with write_atomically(tmp_path / "link") as partial:
        partial.write_text("new")
    assert (tmp_path / "real").read_text() == "new" and (tmp_path / "link").is_symlink()


def test_an_output_is_checked_before_any_work(tmp_path, monkeypatch):
    check_output(tmp_path / "new" / "folder" / "x.mp4")
    assert not list(p for p in tmp_path.iterdir() if p.name == "new")
    (tmp_path / "speech.wav").touch()
    with pytest.raises(MediaError, match="would be overwritten"):
        check_output(tmp_path / "speech.wav", tmp_path / "." / "speech.wav")
    with pytest.raises(MediaError, match="is not a folder"):
        check_output(tmp_path / "speech.wav" / "x.mp4")
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(MediaError, match="is read-only"):
        check_output(tmp_path / "x.mp4")


def test_secrets_are_only_for_their_owner(tmp_path):
    with write_atomically(tmp_path / "key", mode=0o600) as partial:
        partial.write_text("secret")
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_digests_are_those_of_hashlib(tmp_path):
    (tmp_path / "file").write_bytes(bytes(range(256)) * 9999)
    expected = hashlib.sha256((tmp_path / "file").read_bytes()).hexdigest()
    assert assets.sha256_of(tmp_path / "file") == expected
    with pytest.raises(MediaError, match="cannot be read"):
        assets.sha256_of(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ({"a": torch.zeros(2, 3)}, "b is missing"),
        ({"a": torch.zeros(2, 3), "b": torch.zeros(1), "c": torch.zeros(1)}, "unexpected c"),
        ({"a": torch.zeros(3, 2), "b": torch.zeros(1)}, r"a is \(3, 2\) instead of \(2, 3\)"),
        ({"a": 1.0, "b": torch.zeros(1)}, r"a is \(\) instead of"),
        ({f"x{i}": torch.zeros(1) for i in range(9)}, "and 8 more"),
        ([torch.zeros(2, 3)], "no weights by name"),
        ({"a": print}, "damaged or no file of weights"),
    ],
)
def test_other_weights_are_refused_by_name(tmp_path, content, fault):
    path = tmp_path / "some.pth"
    torch.save(content, path)
    with pytest.raises(CheckpointError, match=rf"some\.pth.*{fault}"):
        read_tensors(path, {"a": (2, 3), "b": (1,)})


@pytest.mark.parametrize("content", [b"", b"a portal's login page", None])
def test_files_that_are_not_weights_are_refused(tmp_path, content):
    path = tmp_path / "some.pth"
    torch.save({"a": torch.zeros(99)}, path)
    path.write_bytes(path.read_bytes()[:-50] if content is None else content)
    with pytest.raises(CheckpointError, match=r"some\.pth is damaged"):
        read_tensors(path, {"a": (99,)})


def test_what_may_be_there_as_well(tmp_path):
    path = tmp_path / "some.pth"
    kept = {"a": torch.ones(2, dtype=torch.float64), "b.counter": torch.tensor(3)}
    torch.save(kept, path)
    tensors = read_tensors(path, {"a": (2,)}, ignored=r".*\.counter")
    assert tensors.keys() == {"a"} and tensors["a"].dtype == torch.float32
    with pytest.raises(CheckpointError, match="unexpected b.counter"):
        read_tensors(path, {"a": (2,)}, ignored="counter")
