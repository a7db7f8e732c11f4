"""LPIPS's weight files: where they lie, where they come from, and reading them.

They are other people's and not shipped. The heads are BSD-2-Clause; the backbones come with
torchvision (BSD-3-Clause), which says that terms of their training data, ImageNet, may apply.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from audioplane.errors import CheckpointError

Net = Literal["alex", "vgg"]
"""Backbone: AlexNet is what the authors score with, VGG16 what they advise as a loss."""

WEIGHTS_VARIABLE = "AUDIOPLANE_LPIPS"
"""Environment variable that names a folder holding the files."""

_TORCHVISION = "https://download.pytorch.org/models/"
_OFFICIAL_HEADS = (
    "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/"
    "082bb24f84c091ea94de2867d34c4544f68e0963/lpips/weights/v0.1/"
)


@dataclass(frozen=True)
class WeightFile:
    """A published file of weights."""

    name: str
    source: str
    """Official address without the name."""
    sha256: str


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
    """The files of a net, downloaded to the user's cache if need be.

    Looked for in the given folder and nowhere else, or in `$AUDIOPLANE_LPIPS`, then in the user's
    cache. What lies in a given folder is the user's choice; anywhere else it has to have the
    published digest.

    Raises `CheckpointError`, naming files, addresses and place, if they cannot be had.
    """
    found = {file: _local(file, folder) for file in FILES[net]}
    missing = [file for file, path in found.items() if path is None]
    if missing and (folder is not None or not download):
        raise CheckpointError(_wanted(missing, "not found", folder))
    backbone, heads = (path or _download(file) for file, path in found.items())
    return WeightPaths(backbone, heads)


def cache_folder() -> Path:
    """Where downloaded weights lie."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("audioplane")) / "models" / "lpips"


def _local(file: WeightFile, folder: Path | None) -> Path | None:
    import pooch

    if folder is not None:
        path = Path(folder) / file.name
        return path if path.is_file() else None
    named = os.environ.get(WEIGHTS_VARIABLE)
    folders = [Path(named), cache_folder()] if named else [cache_folder()]
    path = next((f / file.name for f in folders if (f / file.name).is_file()), None)
    if path and pooch.file_hash(str(path)) != file.sha256:
        raise CheckpointError(f"{path} is damaged (wrong sha256): delete it and try again")
    return path


def _download(file: WeightFile) -> Path:
    import pooch

    try:
        path = pooch.retrieve(
            file.source + file.name, f"sha256:{file.sha256}", file.name, cache_folder()
        )
    except Exception as e:  # pooch passes on whatever its transport raises
        # Of its own it raises ValueError, for a digest that does not match.
        why = "other bytes than expected came" if isinstance(e, ValueError) else type(e).__name__
        raise CheckpointError(_wanted([file], f"not downloaded ({why})")) from e
    return Path(path)


def _wanted(files: Iterable[WeightFile], why: str, folder: Path | None = None) -> str:
    names = " and ".join(file.name for file in files)
    urls = " and ".join(file.source + file.name for file in files)
    place = folder or f"{cache_folder()} or the folder that {WEIGHTS_VARIABLE} names"
    return f"LPIPS needs {names}, {why}: put {urls} into {place}"


def read_tensors(
    path: Path, shapes: Mapping[str, tuple[int, ...]], ignored: str | None = None
) -> dict[str, Tensor]:
    """Tensors of a PyTorch file, in float32 and under the names of `shapes`.

    Args:
        path: What `torch.save` wrote of a state dict. No code in it is run.
        shapes: Name and shape of all that has to be there.
        ignored: How names begin that may be there as well.

    Raises:
        CheckpointError: The file cannot be read, or something is missing, misshapen or too much.
    """
    try:
        contents = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as e:  # torch passes on whatever its readers raise
        raise CheckpointError(
            f"{path} is damaged or no file of weights ({type(e).__name__}): fetch it again"
        ) from e
    if not isinstance(contents, dict):
        raise CheckpointError(f"{path} holds no weights by name: fetch it again")
    faults = [f"{name} is missing" for name in shapes if name not in contents]
    for name, tensor in contents.items():
        shape = tuple(getattr(tensor, "shape", ()))
        if name not in shapes:
            if ignored is None or not str(name).startswith(ignored):
                faults.append(f"{name} is too much")
        elif shape != shapes[name]:
            faults.append(f"{name} is {shape} instead of {shapes[name]}")
    if faults:
        more = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
        raise CheckpointError(f"{path} holds other weights: {', '.join(faults[:3])}{more}")
    return {name: contents[name].float() for name in shapes}
