"""Embedding of the mark in frames."""

import math
from typing import no_type_check

import cv2
import numpy as np
from jaxtyping import Complex64, Float32, UInt8

from audioplane.clock import FPS
from audioplane.jit import jit
from audioplane.mark.pattern import GRID, RATE, MarkPayload, payload_cells, sync_cells

_REST = 1.25
"""Strength where an image is flat, levels of 255 (rms over the image at any time)."""
_PER_SLOPE = 0.17
"""Strength added by the mean slope of a cell, levels a pixel: texture hides the mark."""
_STEEPEST = 16
"""Bound on slopes: one edge is no texture."""
_STRONGEST = 3.0
_RMS = 1.88
"""Strength of a whole frame at most: a PSNR of 42.4 dB, rounding included."""


@jit(fastmath=True)
@no_type_check
def _strengths(image, rows, columns, step, strengths, counts):
    """Fill `strengths` [cells down, cells across] with the strength of the mark in each cell.

    rows and columns name the cell of each row and column of pixels, of which every `step`th is
    used; counts tells how many that is for each cell.
    """
    height, width = image.shape[:2]
    strengths[:] = 0
    slopes = np.zeros(width, np.int32)  # of the rows of a cell so far
    for y in range(0, height - 1, step):
        here, below = image[y].reshape(-1), image[y + 1].reshape(-1)
        for x in range(0, width - 1, step):
            value = np.int32(here[3 * x + 1])
            slope = abs(np.int32(here[3 * x + 4]) - value) + abs(np.int32(below[3 * x + 1]) - value)
            slopes[x] += min(slope, np.int32(_STEEPEST))
        if y + step >= height - 1 or rows[y + step] != rows[y]:
            for x in range(0, width - 1, step):
                strengths[rows[y], columns[x]] += np.float32(slopes[x])
                slopes[x] = 0
    power = seen = np.float32(0)
    for i in range(strengths.shape[0]):
        for j in range(strengths.shape[1]):
            mean = strengths[i, j] / max(counts[i, j], np.float32(1))
            strength = min(np.float32(_REST + _PER_SLOPE * mean), np.float32(_STRONGEST))
            strengths[i, j] = strength
            power += counts[i, j] * strength * strength
            seen += counts[i, j]
    rms = np.sqrt(power / max(seen, np.float32(1)))
    if rms > np.float32(_RMS):
        strengths *= np.float32(_RMS) / rms


@jit(fastmath=True)
@no_type_check
def _draw(image, strengths, rows, columns, waves, turn, grain, out):
    """image + strength · Re(wave · turn), rounded up where grain is large, into out."""
    height, width = image.shape[:2]
    change, across, cell = np.empty(3 * width, np.int16), np.empty(width, np.float32), -1
    for y in range(height):
        if rows[y] != cell:
            cell = rows[y]
            for x in range(width):
                across[x] = strengths[cell, columns[x]]
        real, imaginary, above = waves[0, y], waves[1, y], grain[y]
        for x in range(width):
            wave = real[x] * turn[0] + imaginary[x] * turn[1]
            level = across[x] * wave + above[x]
            # Cut off above 0, which is rounding down.
            level = np.int16(level + np.float32(64)) - np.int16(64)
            change[3 * x] = level
            change[3 * x + 1] = level
            change[3 * x + 2] = level
        row, made = image[y].reshape(-1), out[y].reshape(-1)
        for i in range(3 * width):
            value = np.int16(row[i]) + change[i]
            made[i] = np.uint8(min(max(value, np.int16(0)), np.int16(255)))


def _waves(cells: Complex64[np.ndarray, "64 64"], height: int, width: int) -> np.ndarray:
    """Real and imaginary part of the smoothed grid, [2, h, w]; rms 1 at its strongest."""
    side = min(height, width) / GRID
    y, x = np.mgrid[:height, :width].astype(np.float32)
    where = ((x + 0.5) / side - 0.5, (y + 0.5) / side - 0.5)
    parts = [
        cv2.remap(part, *where, cv2.INTER_CUBIC, borderMode=cv2.BORDER_WRAP)
        for part in (np.real(cells).copy(), np.imag(cells).copy())
    ]
    waves = np.stack(parts)
    power = waves.reshape(2, -1) @ waves.reshape(2, -1).T / (height * width)
    return waves / np.sqrt(np.linalg.eigvalsh(power)[-1])


class Marker:
    """Marks the frames of one video or stream with one payload."""

    def __init__(self, width: int, height: int, payload: MarkPayload, key: bytes):
        """For frames of `width` × `height` pixels; `key` is the installation's secret."""
        self._waves = _waves(sync_cells() + payload_cells(payload, key), height, width)
        side = min(height, width) / GRID
        self._rows = (np.arange(height) / side).astype(np.int32)
        self._columns = (np.arange(width) / side).astype(np.int32)
        shape = (int(self._rows[-1]) + 1, int(self._columns[-1]) + 1)
        self._step = 2 if side >= 4 else 1
        self._strengths = np.zeros(shape, np.float32)
        self._counts = np.outer(
            *(
                np.bincount(cells[: -1 : self._step], minlength=n)
                for cells, n in zip((self._rows, self._columns), shape, strict=True)
            )
        ).astype(np.float32)
        # Constant, so that it costs the encoder nothing.
        grain = np.random.default_rng(0).random((height, width), np.float32)
        self._grain: Float32[np.ndarray, "h w"] = grain

    def mark(self, image: UInt8[np.ndarray, "h w 3"], index: int) -> UInt8[np.ndarray, "h w 3"]:
        """A copy with the mark of frame `index` of the video.

        Raises `ValueError` for an image of another size: the kernels check no bounds.
        """
        if image.shape[:2] != self._grain.shape:
            raise ValueError(f"an image of {image.shape[:2]}, marker of {self._grain.shape}")
        angle = 2 * math.pi * RATE * index / FPS
        turn = np.array([math.cos(angle), math.sin(angle)], np.float32)
        image = np.ascontiguousarray(image)
        out = np.empty_like(image)
        cells = (self._rows, self._columns)
        _strengths(image, *cells, self._step, self._strengths, self._counts)
        _draw(image, self._strengths, *cells, self._waves, turn, self._grain, out)
        return out
