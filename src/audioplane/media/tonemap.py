"""Conversion of high dynamic range video, which phones record by default, to standard range.

Light is decoded by the file's transfer function, brought from BT.2020 to BT.709 primaries, rolled
off above diffuse white and encoded for an SDR screen.
"""

import numpy as np
from jaxtyping import UInt8, UInt16

PQ, HLG = 16, 18
"""FFmpeg's numbers of the transfer functions of SMPTE ST 2084 and ARIB STD-B67."""

_WHITE = 203.0
"""Diffuse white in cd/m² (ITU-R BT.2408)."""
_TO_709 = np.array(
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
    signal = np.arange(65536, dtype=np.float64) / 65535
    table = (_pq_light(signal) if transfer == PQ else _hlg_light(signal)).astype(np.float32)
    light = np.clip(table[image] @ _TO_709.T, 0, None)
    peak = np.maximum(light.max(-1, keepdims=True), 1e-6)
    shown = np.where(peak > _KNEE, _KNEE + (1 - _KNEE) * np.tanh((peak - _KNEE) / 1.0), peak)
    sdr = (light * (shown / peak)) ** np.float32(1 / 2.2)
    return np.round(np.clip(sdr, 0, 1) * 255).astype(np.uint8)


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
