"""LPIPS's weight files.

The heads are BSD-2-Clause; the backbones come with torchvision (BSD-3-Clause), which says that
terms of their training data, ImageNet, may apply.
"""

from typing import Literal

from audioplane.assets import ModelFile

Net = Literal["alex", "vgg"]
"""Backbone: AlexNet is what the authors score with, VGG16 what they advise as a loss."""

_TORCHVISION = "https://download.pytorch.org/models/"
_OFFICIAL_HEADS = (
    "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/"
    "082bb24f84c091ea94de2867d34c4544f68e0963/lpips/weights/v0.1/"
)
_GROUP = "lpips_v0.1"


def _backbone(name: str, sha256: str) -> ModelFile:
    return ModelFile(name, _TORCHVISION + name, sha256, _GROUP)


def _heads(name: str, sha256: str) -> ModelFile:
    return ModelFile(name, _OFFICIAL_HEADS + name, sha256, _GROUP)


FILES: dict[str, tuple[ModelFile, ModelFile]] = {
    "alex": (
        _backbone(
            "alexnet-owt-7be5be79.pth",
            "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        ),
        _heads("alex.pth", "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0"),
    ),
    "vgg": (
        _backbone(
            "vgg16-397923af.pth",
            "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        ),
        _heads("vgg.pth", "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868"),
    ),
}
"""Backbone (233 and 528 MB) and heads (6 and 7 kB) of each net."""
