import pytest
import torch

from audioplane.errors import CheckpointError, ModelError
from audioplane.evaluate.syncnet.network import WEIGHTS, SyncNet

# The authors' layers by their index: weights of convolutions and matrices, channels of norms.
LAYERS = {
    "netcnnaud": {
        0: (64, 1, 3, 3),
        4: (192, 64, 3, 3),
        8: (384, 192, 3, 3),
        11: (256, 384, 3, 3),
        14: (256, 256, 3, 3),
        18: (512, 256, 5, 4),
    },
    "netcnnlip": {
        0: (96, 3, 5, 7, 7),
        4: (256, 96, 1, 5, 5),
        8: (256, 256, 1, 3, 3),
        11: (256, 256, 1, 3, 3),
        14: (256, 256, 1, 3, 3),
        18: (512, 256, 1, 6, 6),
    },
}


@pytest.fixture(scope="module")
def random_network() -> SyncNet:
    torch.manual_seed(0)
    return SyncNet()


@pytest.fixture(autouse=True)
def nothing_cached(monkeypatch, tmp_path):
    monkeypatch.delenv("AUDIOPLANE_ASSETS", raising=False)
    monkeypatch.setattr("audioplane.assets.cache_root", lambda: tmp_path / "cache")


def test_names_and_shapes_are_the_authors(random_network):
    expected = {}
    for part, layers in LAYERS.items():
        for index, shape in layers.items():
            expected[f"{part}.{index}.weight"] = shape
            expected[f"{part}.{index}.bias"] = shape[:1]
            for value in ("weight", "bias", "running_mean", "running_var"):
                expected[f"{part}.{index + 1}.{value}"] = shape[:1]
    for part in ("netfcaud", "netfclip"):
        expected |= {f"{part}.0.weight": (512, 512), f"{part}.0.bias": (512,)}
        expected |= {f"{part}.3.weight": (1024, 512), f"{part}.3.bias": (1024,)}
        for value in ("weight", "bias", "running_mean", "running_var"):
            expected[f"{part}.1.{value}"] = (512,)
    found = {name: tuple(value.shape) for name, value in random_network.state_dict().items()}
    assert {n: s for n, s in found.items() if "num_batches" not in n} == expected


def test_a_clip_at_once_is_its_windows_one_by_one(random_network):
    clip = torch.rand(3, 7, 224, 224) * 255
    one_by_one = torch.cat([random_network.embed_images(clip[:, i : i + 5]) for i in range(3)])
    seen = random_network.embed_images(clip)
    assert seen.shape == (3, 1024)
    torch.testing.assert_close(seen, one_by_one, rtol=1e-4, atol=1e-4)
    assert (seen[0] - seen[1]).abs().max() > 1e-3


def test_windows_of_sound_do_not_mix(random_network):
    cepstra = torch.randn(4, 13, 20)
    together = random_network.embed_sound(cepstra)
    assert together.shape == (4, 1024)
    torch.testing.assert_close(random_network.embed_sound(cepstra[2:3])[0], together[2])


@pytest.mark.parametrize("counters", [True, False])
def test_a_weights_file_is_loaded(random_network, tmp_path, counters):
    kept = {k: v for k, v in random_network.state_dict().items() if counters or "num_b" not in k}
    # The published file is of PyTorch's older format.
    torch.save(kept, tmp_path / WEIGHTS.name, _use_new_zipfile_serialization=False)
    cepstra = torch.randn(2, 13, 20)
    for given in (tmp_path / WEIGHTS.name, tmp_path):
        loaded = SyncNet.load(given)
        assert torch.equal(loaded.embed_sound(cepstra), random_network.embed_sound(cepstra))


def test_other_weights_are_refused(random_network, tmp_path):
    path = tmp_path / WEIGHTS.name
    kept = random_network.state_dict()
    torch.save({k: v for k, v in kept.items() if k != "netfclip.3.bias"}, path)
    with pytest.raises(CheckpointError, match="netfclip.3.bias is missing"):
        SyncNet.load(path)
    path.write_bytes(b"<html>moved</html>")
    with pytest.raises(CheckpointError, match="damaged"):
        SyncNet.load(tmp_path)


def test_missing_weights_say_where_to_get_them(tmp_path, monkeypatch):
    with pytest.raises(ModelError) as caught:
        SyncNet.load()
    message = str(caught.value)
    assert "\n" not in message
    for word in (WEIGHTS.url, str(tmp_path / "cache")):
        assert word in message
    monkeypatch.setenv("AUDIOPLANE_ASSETS", str(tmp_path))
    place = tmp_path / "models" / "syncnet"
    place.mkdir(parents=True)
    (place / WEIGHTS.name).write_bytes(b"not what was published")
    with pytest.raises(ModelError, match="wrong sha256"):
        SyncNet.load()
