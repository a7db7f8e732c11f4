"""The common clock: sound at 16 kHz, images at 25 a second, 640 samples a frame."""

import numpy as np
from jaxtyping import Int64

SAMPLE_RATE = 16_000
"""Samples a second of the sound for speech features."""
FPS = 25
"""Frames a second of subjects and driven heads."""
FRAME_SAMPLES = SAMPLE_RATE // FPS
"""Samples for one frame: 640, 40 ms."""


def spread_over(n: int, k: int) -> Int64[np.ndarray, " m"]:
    """`k` of `n` row numbers, evenly spread, with the first and the last; all where `n` < `k`."""
    return np.linspace(0, max(n - 1, 0), min(n, k)).round().astype(np.int64)


def ping_pong(t: int, n: int) -> int:
    """Step t of 0 … n−1 and back, without end; the turning frames are not repeated."""
    step = t % max(1, 2 * n - 2)
    return min(step, 2 * n - 2 - step) if n > 1 else 0
