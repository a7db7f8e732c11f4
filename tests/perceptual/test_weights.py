import pytest
import torch

from audioplane.errors import CheckpointError, ModelError
from audioplane.perceptual import LPIPS
from audioplane.perceptual.weights import FILES
from tests.perceptual.random_weights import RandomWeights


def test_published_files_are_pinned_as_torchvision_names_them():
    for backbone, heads in FILES.values():
        assert backbone.sha256 and heads.sha256
        assert backbone.name.endswith(f"-{backbone.sha256[:8]}.pth")
        assert {len(backbone.sha256), len(heads.sha256)} == {64}


def test_random_weights_are_taken_from_a_given_folder_only(alex: RandomWeights, monkeypatch):
    monkeypatch.delenv("AUDIOPLANE_ASSETS", raising=False)
    monkeypatch.setattr("audioplane.assets.cache_root", lambda: alex.folder)
    LPIPS.load("alex", alex.folder)
    place = alex.folder / "models" / "lpips_v0.1"
    place.mkdir(parents=True)
    for file in FILES["alex"]:
        (alex.folder / file.name).rename(place / file.name)
    with pytest.raises(ModelError, match="alexnet-owt-7be5be79.pth is damaged"):
        LPIPS.load("alex")


def test_faults_of_a_backbone_are_named(alex: RandomWeights):
    del alex.backbone["features.3.bias"]
    alex.backbone["features.8.weight"] = torch.zeros(1)
    alex.backbone["features.12.weight"] = torch.zeros(1)
    alex.save()
    with pytest.raises(CheckpointError) as caught:
        LPIPS.load("alex", alex.folder)
    for word in ("alexnet-owt-7be5be79.pth", "features.3.bias is missing", "features.8.weight is"):
        assert word in str(caught.value)
    assert "unexpected features.12.weight" in str(caught.value)
