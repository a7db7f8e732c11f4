"""Conversion of high dynamic range video, which phones record by default, to standard range.

Light is decoded by the file's transfer function, brought from BT.2020 to BT.709 primaries, rolled
off above diffuse white and encoded for an SDR screen.
"""

import math
from functools import cache
from typing import no_type_check

import numpy as np
from jaxtyping import Float32, UInt8, UInt16

from audioplane.jit import jit

PQ, HLG = 16, 18
"""FFmpeg's numbers of the transfer functions of SMPTE ST 2084 and ARIB STD-B67."""

_WHITE = 203.0
"""Diffuse white in cd/m² (ITU-R BT.2408)."""
TO_709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]],
    dtype=np.float32,
)
"""Linear BT.2020 to linear BT.709 (ITU-R BT.2087)."""
_KNEE = 0.75
"""Share of the screen's range that stays as it is; above it highlights are compressed."""


def is_hdr(transfer: int) -> bool:
    """Whether FFmpeg's transfer number names a high-dynamic-range curve."""
    return transfer in (PQ, HLG)


def hdr_to_sdr(image: UInt16[np.ndarray, "h w 3"], transfer: int) -> UInt8[np.ndarray, "h w 3"]:
    """Tone-map a 16-bit PQ or HLG image to 8-bit BT.709."""
    return _mapped(np.ascontiguousarray(image), light_table(transfer), _SCREEN)


@cache
def light_table(transfer: int) -> Float32[np.ndarray, "65536"]:
    """Light over diffuse white of every 16-bit signal."""
    signal = np.arange(65536, dtype=np.float64) / 65535
    return (_pq_light(signal) if transfer == PQ else _hlg_light(signal)).astype(np.float32)


_SCREEN = np.round(255 * np.linspace(0, 1, 4096) ** (2 / 2.2)).astype(np.uint8)
"""Signals of an SDR screen for the square roots of light, which they nearly are."""


@jit(nogil=True)
@no_type_check
def _mapped(image, light_of, screen):
    height, width, _ = image.shape
    sdr = np.empty((height, width, 3), np.uint8)
    light = np.empty(3, np.float32)
    for y in range(height):
        for x in range(width):
            peak = np.float32(1e-6)
            for c in range(3):
                total = np.float32(0)
                for k in range(3):
                    total += TO_709[c, k] * light_of[image[y, x, k]]
                light[c] = max(total, np.float32(0))
                peak = max(peak, light[c])
            shown = np.float32(1)
            if peak > _KNEE:
                shown = np.float32(_KNEE + (1 - _KNEE) * math.tanh(peak - _KNEE)) / peak
            for c in range(3):
                share = min(light[c] * shown, np.float32(1))
                sdr[y, x, c] = screen[int(math.sqrt(share) * 4095 + 0.5)]
    return sdr


def _pq_light(signal: np.ndarray) -> np.ndarray:
    """SMPTE ST 2084, equation 4.1: light over diffuse white."""
    m1, m2 = 2610 / 16384, 2523 / 4096 * 128
    c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    power = signal ** (1 / m2)
    return 10000 / _WHITE * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)


def _hlg_light(signal: np.ndarray) -> np.ndarray:
    """ITU-R BT.2100 HLG, inverse OETF with a system gamma of 1.2 on each channel."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    return 1000 / _WHITE * scene**1.2
