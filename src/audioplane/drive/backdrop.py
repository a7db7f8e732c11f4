"""What a driven head is shown before, if not what it was recorded before."""

import re
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from audioplane.errors import MediaError
from audioplane.media.image import read_image
from audioplane.run.footage import FootageLike
from audioplane.subject.torso import over

TRANSPARENT = "transparent"
COLOURS = {
    "black": "#000000",
    "blue": "#0000ff",
    "green": "#00b140",
    "grey": "#808080",
    "white": "#ffffff",
}
"""Names of colours; green is that of chroma keys."""
_THIN = 16
"""Of alpha, below which a colour is mixed with those around it."""
_AROUND = 8
"""Pixels over which they are averaged."""


@dataclass(frozen=True)
class BackdropFootage(FootageLike):
    """Footage before another background."""

    backdrop: UInt8[np.ndarray, "h w 3"]

    @property
    def background(self) -> UInt8[np.ndarray, "h w 3"]:
        return self.backdrop


def read_backdrop(asked: Path | str, size: tuple[int, int]) -> UInt8[np.ndarray, "h w 3"]:
    """The image behind a head.

    Args:
        asked: an image, whose middle fills the frame, or a colour: `#rrggbb` or one of `COLOURS`.
        size: width and height of the frames, pixels.

    Raises `MediaError` where it is neither, or the image cannot be read.
    """
    name = str(asked)
    colour = COLOURS.get(name.lower(), name)
    if re.fullmatch("#[0-9a-fA-F]{6}", colour):
        rgb = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        return np.tile(np.array(rgb, np.uint8), (size[1], size[0], 1))
    if name.startswith("#") or not Path(asked).is_file():
        raise MediaError(
            f"background={name!r} is neither an image nor a colour: choose a file, #rrggbb, "
            f"{TRANSPARENT!r} or one of {', '.join(COLOURS)}"
        )
    return _filling(read_image(Path(asked)), size)


def _filling(
    image: UInt8[np.ndarray, "y x 3"], size: tuple[int, int]
) -> UInt8[np.ndarray, "h w 3"]:
    (width, height), (y, x) = size, image.shape[:2]
    scale = max(width / x, height / y)
    within = max(width, round(x * scale)), max(height, round(y * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    image = cv2.resize(image, within, interpolation=how)
    top, left = (within[1] - height) // 2, (within[0] - width) // 2
    return np.ascontiguousarray(image[top : top + height, left : left + width])


def over_nothing(torso: UInt8[np.ndarray, "h w 4"]) -> UInt8[np.ndarray, "h w 4"]:
    """A torso with its colours times its alpha."""
    black = np.zeros((*torso.shape[:2], 3), np.uint8)
    return np.dstack([over(torso, black), torso[..., 3]])


def unmixed(
    image: UInt8[np.ndarray, "h w 3"], alpha: UInt8[np.ndarray, "h w"]
) -> UInt8[np.ndarray, "h w 3"]:
    """Colours without the alpha by which they were multiplied.

    Where hardly anything is, they are those around it and then grey, so that encoders, which
    halve the size of colours, bring in no foreign ones at edges.
    """
    weight = alpha.astype(np.float32)
    small = (max(1, image.shape[1] // _AROUND), max(1, image.shape[0] // _AROUND))
    pair = np.dstack([image, weight]).astype(np.float32)
    near = cv2.resize(pair, small, interpolation=cv2.INTER_AREA)
    near = cv2.resize(near, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    around = (255 * near[..., :3] + 128) / (near[..., 3:] + 1)
    thick = np.clip(weight / _THIN, 0, 1)[..., None]
    own = 255 * image.astype(np.float32) / np.maximum(weight, 1)[..., None]
    return np.clip(thick * own + (1 - thick) * around + 0.5, 0, 255).astype(np.uint8)
