import pytest
import torch

from audioplane.errors import CheckpointError, ModelError
from audioplane.perceptual import LPIPS
from audioplane.perceptual.weights import BACKBONE, HEADS
from tests.perceptual.random_weights import RandomWeights


def test_published_files_are_pinned_as_torchvision_names_them():
    assert BACKBONE.sha256 and HEADS.sha256
    assert BACKBONE.name.endswith(f"-{BACKBONE.sha256[:8]}.pth")
    assert {len(BACKBONE.sha256), len(HEADS.sha256)} == {64}


def test_random_weights_are_taken_from_a_given_folder_only(own_weights: RandomWeights, monkeypatch):
    monkeypatch.delenv("AUDIOPLANE_ASSETS", raising=False)
    monkeypatch.setattr("audioplane.assets.cache_root", lambda: own_weights.folder)
    LPIPS.load(own_weights.folder)
    place = own_weights.folder / "models" / "lpips_v0.1"
    place.mkdir(parents=True)
    for file in (BACKBONE, HEADS):
        (own_weights.folder / file.name).rename(place / file.name)
    with pytest.raises(ModelError, match="alexnet-owt-7be5be79.pth is damaged"):
        LPIPS.load()


def test_nothing_is_downloaded_unless_asked_for(tmp_path, monkeypatch):
    monkeypatch.delenv("AUDIOPLANE_ASSETS", raising=False)
    monkeypatch.setattr("audioplane.assets.cache_root", lambda: tmp_path)
    monkeypatch.setattr("audioplane.assets._download", lambda model: pytest.fail(model.name))
    with pytest.raises(ModelError, match="alexnet-owt-7be5be79.pth and alex.pth not found"):
        LPIPS.load()


def test_faults_of_a_backbone_are_named(own_weights: RandomWeights):
    del own_weights.backbone["features.3.bias"]
    own_weights.backbone["features.8.weight"] = torch.zeros(1)
    own_weights.backbone["features.12.weight"] = torch.zeros(1)
    own_weights.save()
    with pytest.raises(CheckpointError) as caught:
        LPIPS.load(own_weights.folder)
    for word in ("alexnet-owt-7be5be79.pth", "features.3.bias is missing", "features.8.weight is"):
        assert word in str(caught.value)
    assert "unexpected features.12.weight" in str(caught.value)
