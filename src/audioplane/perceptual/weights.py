"""LPIPS's weight files.

The heads are BSD-2-Clause; the backbones come with torchvision (BSD-3-Clause), which says that
terms of their training data, ImageNet, may apply.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from audioplane.assets import Shelf, WeightFile

Net = Literal["alex", "vgg"]
"""Backbone: AlexNet is what the authors score with, VGG16 what they advise as a loss."""

WEIGHTS_VARIABLE = "AUDIOPLANE_LPIPS"
"""Environment variable that names a folder holding the files."""

_TORCHVISION = "https://download.pytorch.org/models/"
_OFFICIAL_HEADS = (
    "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/"
    "082bb24f84c091ea94de2867d34c4544f68e0963/lpips/weights/v0.1/"
)


FILES: dict[str, tuple[WeightFile, WeightFile]] = {
    "alex": (
        WeightFile(
            "alexnet-owt-7be5be79.pth",
            _TORCHVISION,
            "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        ),
        WeightFile(
            "alex.pth",
            _OFFICIAL_HEADS,
            "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
        ),
    ),
    "vgg": (
        WeightFile(
            "vgg16-397923af.pth",
            _TORCHVISION,
            "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        ),
        WeightFile(
            "vgg.pth",
            _OFFICIAL_HEADS,
            "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
        ),
    ),
}
"""Backbone (233 and 528 MB) and heads (6 and 7 kB) of each net."""


@dataclass(frozen=True)
class WeightPaths:
    """Where the files of one net lie."""

    backbone: Path
    heads: Path


def find_weights(net: Net, folder: Path | None = None, download: bool = True) -> WeightPaths:
    """The files of a net, downloaded to the user's cache if need be; see `Shelf.find`.

    Raises `CheckpointError`, naming files, addresses and place, if they cannot be had.
    """
    shelf = Shelf("LPIPS", WEIGHTS_VARIABLE, cache_folder())
    return WeightPaths(*shelf.find(FILES[net], folder, download))


def cache_folder() -> Path:
    """Where downloaded weights lie."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("audioplane")) / "models" / "lpips"
