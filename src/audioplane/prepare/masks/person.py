"""Soft masks of the person in single frames, by a network."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from audioplane.assets import find_model, require_model
from audioplane.prepare.masks.segmenter import (
    PERSON_NETWORK,
    SEGMENTER,
    Part,
    PartSegmenter,
    PersonNetwork,
    SelfieSegmenter,
)


@dataclass(frozen=True)
class PersonMask:
    """A network's masks of one frame, at the frame's size."""

    person: Float32[np.ndarray, "h w"]
    """0 to 1."""
    hair: Bool[np.ndarray, "h w"] | None = None
    clothes: Bool[np.ndarray, "h w"] | None = None
    """Known only to a part segmenter."""


class NetworkMasker:
    """Masks by a network that separates person and background."""

    name = "person network"
    """For `subject.json`."""

    def __init__(self, network: PersonNetwork) -> None:
        self._network = network

    def __call__(self, image: UInt8[np.ndarray, "h w 3"]) -> PersonMask:
        """The mask of one frame."""
        return PersonMask(fit_edge(self._network.person(image), image))


class PartMasker:
    """Masks by a network that also separates hair and clothes."""

    name = "part segmenter"

    def __init__(self, segmenter: PartSegmenter) -> None:
        self._segmenter = segmenter

    def __call__(self, image: UInt8[np.ndarray, "h w 3"]) -> PersonMask:
        """The mask of one frame."""
        parts = self._segmenter.segment(image)
        person = fit_edge((parts != Part.BACKGROUND).astype(np.float32), image)
        clothes = (parts == Part.CLOTHES) | (parts == Part.OTHERS)
        return PersonMask(person, parts == Part.HAIR, clothes)


PersonMasker = NetworkMasker | PartMasker
"""From a frame to its mask."""


@contextmanager
def open_masker(segmenter: Path | PartSegmenter | None) -> Iterator[PersonMasker]:
    """The part segmenter if it is given or on this machine, else the person network.

    Raises `ModelError`, naming file, address and place, if neither can be had.
    """
    if segmenter is not None and not isinstance(segmenter, str | Path):
        yield PartMasker(segmenter)
        return
    path = find_model(SEGMENTER, Path(segmenter) if segmenter else None)
    if path is None:
        yield NetworkMasker(PersonNetwork(require_model(PERSON_NETWORK)))
        return
    with SelfieSegmenter(path) as opened:
        yield PartMasker(opened)


def fit_edge(
    mask: Float32[np.ndarray, "s s"], image: UInt8[np.ndarray, "h w 3"]
) -> Float32[np.ndarray, "h w"]:
    """A mask of any size fitted to the edges of the image (guided filter, He et al. 2013)."""
    size = len(image)
    if len(mask) != size:
        mask = cv2.resize(mask, (size, size), interpolation=cv2.INTER_LINEAR)
    radius = max(2, round(size / 100))
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    fitted = cv2.ximgproc.guidedFilter(grey, mask, radius, (0.02 * 255) ** 2)
    return np.clip(fitted, 0, 1).astype(np.float32)
