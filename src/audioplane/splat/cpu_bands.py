"""Gaussians in drawing order, packed, and the list of those that touch each band, numba kernels.

A band of eight rows is what `cpu_blend` works on. A *record* holds one Gaussian as floats, packed
in drawing order. σ is a Gaussian's exponent.
"""

import math
from typing import no_type_check

import numpy as np
from numba import prange

from audioplane.jit import jit
from audioplane.simd import LANES
from audioplane.splat.constants import ALPHA_MIN

BAND = LANES
"""Rows of a band."""
X, Y, A, B, C, OPACITY, LIMIT = range(7)
"""Columns of a packed record; at LIMIT σ is where the opacity has fallen to 1/255."""
COLOURS = LANES
"""First feature of a packed record; its length is a multiple of eight."""
_SCAN_CHUNKS = 4
_SORT_BITS, _SORT_PASSES = 11, 3
_SORT_BINS = 1 << _SORT_BITS

_HALF = np.float32(0.5)


@jit()
@no_type_check
def drawing_order(depths, extents):
    """Indices of the drawn Gaussians, nearest first, equal depths by index: a radix sort."""
    # The bits of positive floats order as the floats do.
    bits = depths.view(np.uint32)
    counts = np.zeros((_SORT_PASSES, _SORT_BINS), np.int32)
    order, other = np.empty(len(depths), np.int32), np.empty(len(depths), np.int32)
    n = 0
    for i in range(len(depths)):
        if extents[i, 0] > 0:
            order[n] = i
            n += 1
            for digit in range(_SORT_PASSES):
                counts[digit, (bits[i] >> (digit * _SORT_BITS)) & (_SORT_BINS - 1)] += 1
    for digit in range(_SORT_PASSES):
        start = 0
        for value in range(_SORT_BINS):
            count = counts[digit, value]
            counts[digit, value] = start
            start += count
        for k in range(n):
            value = (bits[order[k]] >> (digit * _SORT_BITS)) & (_SORT_BINS - 1)
            other[counts[digit, value]] = order[k]
            counts[digit, value] += 1
        order, other = other, order
    return order[:n]


@jit()
@no_type_check
def bin_bands(order, means2d, extents, height):
    """First band and first pair of each Gaussian in drawing order, and the bands' first pairs.

    Returns first_band [m], first_pair [m + 1], band_start [bands + 1].
    """
    m, bands = len(order), (height + BAND - 1) // BAND
    first_band = np.empty(m, np.int32)
    first_pair = np.zeros(m + 1, np.int32)
    band_start = np.zeros(bands + 2, np.int32)
    for k in range(m):
        y, e = means2d[order[k], 1], extents[order[k], 1]
        first = int(max(math.ceil(y - e - _HALF), 0)) // BAND
        last = int(min(math.floor(y + e - _HALF), height - 1) + BAND) // BAND - 1
        first_band[k] = first
        first_pair[k + 1] = first_pair[k] + max(0, last - first + 1)
        if last >= first:
            band_start[first + 1] += 1
            band_start[last + 2] -= 1
    # From differences to counts to starts.
    for _ in range(2):
        for band in range(bands + 1):
            band_start[band + 1] += band_start[band]
    return first_band, first_pair, band_start[: bands + 1]


@jit(parallel=True)
@no_type_check
def fill_bands(first_band, first_pair, band_start):
    """For each band the Gaussians that can touch it, in drawing order: [pairs]."""
    m, bands = len(first_band), len(band_start) - 1
    items = np.empty(first_pair[m], np.int32)
    for chunk in prange(_SCAN_CHUNKS):
        top, bottom = bands * chunk // _SCAN_CHUNKS, bands * (chunk + 1) // _SCAN_CHUNKS
        cursor = band_start[top:bottom].copy()
        for k in range(m):
            begin = max(first_band[k], top)
            end = min(first_band[k] + first_pair[k + 1] - first_pair[k], bottom)
            for band in range(begin, end):
                items[cursor[band - top]] = k
                cursor[band - top] += 1
    return items


@jit(parallel=True)
@no_type_check
def pack(order, means2d, conics, opacities, features, packed):
    """Fill packed [m, 8 + c rounded up to 8] with the Gaussians' records in drawing order."""
    channels = features.shape[1]
    for k in prange(len(order)):
        i = order[k]
        packed[k, X], packed[k, Y] = means2d[i, 0], means2d[i, 1]
        packed[k, A], packed[k, B], packed[k, C] = conics[i, 0], conics[i, 1], conics[i, 2]
        packed[k, OPACITY] = opacities[i]
        packed[k, LIMIT] = math.log(opacities[i] / ALPHA_MIN)
        for c in range(channels):
            packed[k, COLOURS + c] = features[i, c]
