"""Published files of network weights: where they lie, where they come from, and reading them.

They are other people's and not shipped.
"""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from audioplane.errors import CheckpointError


@dataclass(frozen=True)
class WeightFile:
    """A published file of weights."""

    name: str
    source: str
    """Official address without the name."""
    sha256: str


@dataclass(frozen=True)
class Shelf:
    """Where the files of one network are kept."""

    purpose: str
    """What needs them, for messages."""
    variable: str
    """Environment variable that names a folder holding them."""
    cache: Path
    """The user's cache, where they are downloaded to."""

    def find(
        self, files: Sequence[WeightFile], folder: Path | None = None, download: bool = True
    ) -> list[Path]:
        """The files in their order, downloaded if need be.

        Looked for in the given folder and nowhere else, or in the folder that the variable names,
        then in the cache. What lies in a given folder is the user's choice; anywhere else it has
        to have the published digest.

        Raises `CheckpointError`, naming files, addresses and place, if they cannot be had.
        """
        found = [self._local(file, folder) for file in files]
        missing = [file for file, path in zip(files, found, strict=True) if path is None]
        if missing and (folder is not None or not download):
            raise CheckpointError(self._wanted(missing, "not found", folder))
        return [path or self._download(f) for f, path in zip(files, found, strict=True)]

    def _local(self, file: WeightFile, folder: Path | None) -> Path | None:
        import pooch

        if folder is not None:
            path = Path(folder) / file.name
            return path if path.is_file() else None
        named = os.environ.get(self.variable)
        folders = [Path(named), self.cache] if named else [self.cache]
        path = next((f / file.name for f in folders if (f / file.name).is_file()), None)
        if path and pooch.file_hash(str(path)) != file.sha256:
            raise CheckpointError(f"{path} is damaged (wrong sha256): delete it and try again")
        return path

    def _download(self, file: WeightFile) -> Path:
        import pooch

        try:
            address = file.source + file.name
            return Path(pooch.retrieve(address, f"sha256:{file.sha256}", file.name, self.cache))
        except Exception as e:  # pooch passes on whatever its transport raises
            # Of its own it raises ValueError, for a digest that does not match.
            why = "other bytes than expected came" if isinstance(e, ValueError) else None
            why = why or type(e).__name__
            raise CheckpointError(self._wanted([file], f"not downloaded ({why})")) from e

    def _wanted(self, files: Iterable[WeightFile], why: str, folder: Path | None = None) -> str:
        names = " and ".join(file.name for file in files)
        urls = " and ".join(file.source + file.name for file in files)
        place = folder or f"{self.cache} or the folder that {self.variable} names"
        return f"{self.purpose} needs {names}, {why}: put {urls} into {place}"


def read_tensors(
    path: Path, shapes: Mapping[str, tuple[int, ...]], ignored: str | None = None
) -> dict[str, Tensor]:
    """Tensors of a PyTorch file, in float32 and under the names of `shapes`.

    Args:
        path: What `torch.save` wrote of a state dict. No code in it is run.
        shapes: Name and shape of all that has to be there.
        ignored: Regular expression of the names that may be there as well.

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
            if ignored is None or not re.fullmatch(ignored, str(name)):
                faults.append(f"{name} is too much")
        elif shape != shapes[name]:
            faults.append(f"{name} is {shape} instead of {shapes[name]}")
    if faults:
        more = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
        raise CheckpointError(f"{path} holds other weights: {', '.join(faults[:3])}{more}")
    return {name: contents[name].float() for name in shapes}
