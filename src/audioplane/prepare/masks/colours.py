"""Which colours are person and which background, learnt apart for every part of the outline.

A wall may have the colour of the hair on the other side; beside the hair on this side it mostly
has not. So colours are counted by sector of the outline, and neighbouring sectors are blended.
"""

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8
from scipy.ndimage import gaussian_filter

_BINS = 32
_BLUR = 1.2
"""Spread of a counted colour, bins."""
_DOUBT = 2e-3
"""Probability added to both sides, so that an unseen colour says little."""
_MOST = 2.5
"""Log odds beyond which no pixel goes."""


def learn_odds(
    colours: UInt8[np.ndarray, "n rows steps 3"],
    person: Bool[np.ndarray, "n rows steps"],
    background: Bool[np.ndarray, "n rows steps"],
    sectors: int,
) -> Float32[np.ndarray, "sectors b b b"]:
    """Log odds of person by sector of the rows and by colour.

    Args:
        colours: sampled along the outlines of n frames.
        person: samples that are taken for person.
        background: samples that are taken for background.
        sectors: parts that the rows are divided into.
    """
    rows = colours.shape[1]
    weights = _sector_weights(rows, sectors, reach=1.6)
    index = _bins(colours)
    # One table per row would be mostly empty: rows are counted, then blended over a sector.
    odds = np.zeros((sectors, _BINS, _BINS, _BINS), np.float32)
    on_all, off_all = (
        (weights.T.astype(np.float32) @ _count(index, m, rows)).reshape(odds.shape)
        for m in (person, background)
    )
    for sector in range(sectors):
        on, off = _density(on_all[sector]), _density(off_all[sector])
        odds[sector] = np.clip(np.log(on + _DOUBT) - np.log(off + _DOUBT), -_MOST, _MOST)
    return odds


def apply_odds(
    odds: Float32[np.ndarray, "sectors b b b"], colours: UInt8[np.ndarray, "rows steps 3"]
) -> Float[np.ndarray, "rows steps"]:
    """Log odds of samples, blended between the sectors around each row."""
    rows = len(colours)
    weights = _sector_weights(rows, len(odds), reach=1.0)
    index = _bins(colours)
    flat = odds.reshape(len(odds), -1)
    values = np.zeros(colours.shape[:2])
    for sector in range(len(odds)):
        near = weights[:, sector] > 0
        values[near] += weights[near, sector, None] * flat[sector][index[near]]
    return values


def _bins(colours: UInt8[np.ndarray, "*s 3"]) -> np.ndarray:
    coarse = (colours // (256 // _BINS)).astype(np.int32)
    return (coarse[..., 0] * _BINS + coarse[..., 1]) * _BINS + coarse[..., 2]


def _count(index: np.ndarray, mask: np.ndarray, rows: int) -> Float32[np.ndarray, "rows bins"]:
    row = np.broadcast_to(np.arange(rows)[None, :, None], index.shape)
    flat = row[mask].astype(np.int64) * _BINS**3 + index[mask]
    return np.bincount(flat, minlength=rows * _BINS**3).reshape(rows, -1).astype(np.float32)


def _density(count: np.ndarray) -> np.ndarray:
    """Blurred counts, the commonest colour 1: a rare colour of a busy side must not lose to it."""
    blurred = gaussian_filter(count, _BLUR)
    return blurred / max(float(blurred.max()), 1e-9)


def _sector_weights(rows: int, sectors: int, reach: float) -> Float[np.ndarray, "rows sectors"]:
    """Tent functions over the rows; each row's weights sum to 1."""
    at = (np.arange(rows) + 0.5) / rows * sectors - 0.5
    away = np.abs(at[:, None] - np.arange(sectors))
    weights = np.maximum(0, 1 - away / reach)
    return weights / weights.sum(1, keepdims=True)
