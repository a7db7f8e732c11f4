"""LPIPS's weight files, of the net that its authors score with.

The heads are BSD-2-Clause; the backbone comes with torchvision (BSD-3-Clause), which says that
terms of their training data, ImageNet, may apply.
"""

from audioplane.assets import ModelFile

_TORCHVISION = "https://download.pytorch.org/models/"
_OFFICIAL_HEADS = (
    "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/"
    "082bb24f84c091ea94de2867d34c4544f68e0963/lpips/weights/v0.1/"
)
_GROUP = "lpips_v0.1"


BACKBONE = ModelFile(
    "alexnet-owt-7be5be79.pth",
    _TORCHVISION + "alexnet-owt-7be5be79.pth",
    "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
    _GROUP,
)
"""AlexNet, 233 MB."""
HEADS = ModelFile(
    "alex.pth",
    _OFFICIAL_HEADS + "alex.pth",
    "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
    _GROUP,
)
"""The linear heads, 6 kB."""
