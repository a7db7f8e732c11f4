"""What an iteration sees: its frame, image size and random numbers, all from its number."""

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float

from audioplane.face.regions import eye_aperture
from audioplane.train.config import TrainConfig

_OF_A_PERSON = 1.4
"""A whole person may have this many times the Gaussians of a head."""
_CLOSED = 0.6
"""Of the median eye aperture: below it eyes are closed, or nearly so."""


@lru_cache(maxsize=2)
def frame_order(n: int, epoch: int, seed: int) -> tuple[int, ...]:
    """All n frames once, in an order of the epoch's own."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 - 1 - epoch)
    return tuple(torch.randperm(n, generator=generator).tolist())


def closed_eyes(landmarks: Float[np.ndarray, "n 68 2"]) -> list[int]:
    """Rows of the frames in which the eyes are closed."""
    aperture = eye_aperture(landmarks)
    return np.flatnonzero(aperture < _CLOSED * np.median(aperture)).tolist()


class Schedule:
    """The plan of a run over n training frames; resuming needs no state of it."""

    def __init__(self, config: TrainConfig, n_frames: int, full_width: int, closed: list[int]):
        """`closed` are the rows of frames with closed eyes."""
        self._config, self._full_width = config, full_width
        self._coarse = list(range(n_frames))
        self._fine = self._coarse + closed * (config.blinks - 1)

    def generator(self, iteration: int) -> torch.Generator:
        """Everything random in an iteration."""
        return torch.Generator().manual_seed(self._config.seed * 1_000_003 + iteration)

    def frame(self, iteration: int) -> int:
        """Row of its training frame."""
        rows = self._coarse if iteration < self._config.coarse_iterations else self._fine
        epoch, place = divmod(iteration, len(rows))
        return rows[frame_order(len(rows), epoch, self._config.seed)[place]]

    def width(self, iteration: int) -> int:
        """Width of its images, pixels."""
        half = iteration < self._config.half_size_iterations
        return self._full_width // 2 if half else self._full_width

    def most_gaussians(self, iteration: int) -> int:
        """Gaussians that the density control may have after it.

        Room opens slowly: Gaussians spent on the first blur would be missing for the detail.
        """
        density, person = self._config.density, self._config.model.torso == "model"
        first = density.initial * (2 if person else 1)
        most = density.maximum * (_OF_A_PERSON if person else 1)
        return round(first + (most - first) * min(1.0, (iteration + 1) / density.until))

    def takes_ema(self, done: int) -> bool:
        """Whether the EMA of the weights may be taken after so many iterations.

        Neither the number of Gaussians nor the size of the images changes any more.
        """
        c = self._config
        return c.ema and done > max(c.coarse_iterations, c.density.until, c.half_size_iterations)
