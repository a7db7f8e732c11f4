import hashlib
import urllib.error
from pathlib import Path

import pooch
import pytest
import torch

from audioplane.assets import WeightFile
from audioplane.errors import CheckpointError
from audioplane.perceptual import LPIPS, weights
from audioplane.perceptual.weights import (
    FILES,
    WEIGHTS_VARIABLE,
    WeightPaths,
    find_weights,
)
from tests.perceptual.random_weights import RandomWeights

BACKBONE, HEADS = b"a backbone", b"heads"
SOURCE = "https://weights.example/"


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """Two small files as the published ones, an empty cache and an empty folder that is named."""
    names = {"net-1.pth": BACKBONE, "lin.pth": HEADS}
    files = (WeightFile(n, SOURCE, hashlib.sha256(c).hexdigest()) for n, c in names.items())
    monkeypatch.setattr(weights, "FILES", {"alex": tuple(files)})
    monkeypatch.setattr(weights, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path / "named"))
    for name in ("cache", "named", "given"):
        (tmp_path / name).mkdir()


@pytest.fixture
def network(monkeypatch):
    """What the network would answer by address. Addresses asked for are kept."""

    class Network:
        answers: dict[str, bytes] = {SOURCE + "net-1.pth": BACKBONE, SOURCE + "lin.pth": HEADS}
        asked: list[str] = []

    network = Network()
    network.answers, network.asked = dict(Network.answers), []

    def download(self, url, output_file, pooch, check_only=False):
        network.asked.append(url)
        if url not in network.answers:
            raise urllib.error.URLError("no route to host")
        Path(output_file).write_bytes(network.answers[url])

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", download)
    return network


def put(folder: Path, backbone: bytes = BACKBONE, heads: bytes = HEADS) -> WeightPaths:
    (folder / "net-1.pth").write_bytes(backbone)
    (folder / "lin.pth").write_bytes(heads)
    return WeightPaths(folder / "net-1.pth", folder / "lin.pth")


def fails(*words: str, folder: Path | None = None, download: bool = True) -> None:
    with pytest.raises(CheckpointError) as caught:
        find_weights("alex", folder, download)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_given_is_before_named_before_cache_before_network(tmp_path, network):
    fetched = find_weights("alex")
    assert fetched == WeightPaths(tmp_path / "cache/net-1.pth", tmp_path / "cache/lin.pth")
    assert sorted(network.asked) == [SOURCE + "lin.pth", SOURCE + "net-1.pth"]
    assert find_weights("alex") == fetched
    named = put(tmp_path / "named")
    assert find_weights("alex") == named
    given = put(tmp_path / "given", b"one's own weights need no digest")
    assert find_weights("alex", tmp_path / "given") == given
    assert len(network.asked) == 2


def test_each_file_is_looked_for_by_itself(tmp_path, network):
    (tmp_path / "named" / "lin.pth").write_bytes(HEADS)
    found = find_weights("alex")
    assert found == WeightPaths(tmp_path / "cache/net-1.pth", tmp_path / "named/lin.pth")
    assert network.asked == [SOURCE + "net-1.pth"]


def test_nothing_is_downloaded_where_that_is_forbidden(tmp_path, network, monkeypatch):
    urls = (SOURCE + "net-1.pth", SOURCE + "lin.pth")
    fails(*urls, str(tmp_path / "cache"), WEIGHTS_VARIABLE, download=False)
    monkeypatch.delenv(WEIGHTS_VARIABLE)
    fails(*urls, str(tmp_path / "cache"), download=False)
    assert not network.asked
    put(tmp_path / "cache")
    assert find_weights("alex", download=False).heads == tmp_path / "cache" / "lin.pth"


def test_a_given_folder_is_the_only_place(tmp_path, network):
    put(tmp_path / "cache")
    (tmp_path / "given" / "lin.pth").write_bytes(HEADS)
    fails("net-1.pth, not found", SOURCE, str(tmp_path / "given"), folder=tmp_path / "given")
    assert not network.asked


def test_without_network_the_error_names_file_address_and_place(tmp_path, network):
    del network.answers[SOURCE + "net-1.pth"]
    fails(SOURCE + "net-1.pth", "URLError", str(tmp_path / "cache"), WEIGHTS_VARIABLE)
    assert not list((tmp_path / "cache").iterdir())


def test_a_download_of_other_bytes_is_refused_and_not_kept(tmp_path, network):
    network.answers[SOURCE + "net-1.pth"] = b"a portal's login page"
    fails(SOURCE + "net-1.pth", "other bytes")
    assert not list((tmp_path / "cache").iterdir())


@pytest.mark.parametrize("place", ["named", "cache"])
def test_a_damaged_file_is_named_and_nothing_fetched(tmp_path, network, place):
    put(tmp_path / place, BACKBONE[:-1])
    fails(str(tmp_path / place / "net-1.pth"), "wrong sha256", "delete it")
    assert not network.asked


def test_published_files_are_pinned_as_torchvision_names_them():
    for backbone, heads in FILES.values():
        assert backbone.name.endswith(f"-{backbone.sha256[:8]}.pth")
        assert {len(backbone.sha256), len(heads.sha256)} == {64}


def test_the_published_files_are_what_load_asks_for(alex: RandomWeights, monkeypatch, network):
    """Random weights are other bytes: taken from a given folder only."""
    monkeypatch.setattr(weights, "FILES", FILES)
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(alex.folder))
    LPIPS.load("alex", alex.folder)
    with pytest.raises(CheckpointError, match="alexnet-owt-7be5be79.pth is damaged"):
        LPIPS.load("alex")
    assert not network.asked


def test_faults_of_a_backbone_are_named(alex: RandomWeights, monkeypatch):
    monkeypatch.setattr(weights, "FILES", FILES)
    del alex.backbone["features.3.bias"]
    alex.backbone["features.8.weight"] = torch.zeros(1)
    alex.backbone["features.12.weight"] = torch.zeros(1)
    alex.save()
    with pytest.raises(CheckpointError) as caught:
        LPIPS.load("alex", alex.folder)
    for word in ("alexnet-owt-7be5be79.pth", "features.3.bias is missing", "features.8.weight is"):
        assert word in str(caught.value)
    assert "features.12.weight is too much" in str(caught.value)
