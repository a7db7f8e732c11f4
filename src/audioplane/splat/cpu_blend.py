"""Front-to-back blending in blocks of eight pixels of one row, and its gradient, numba kernels.

A band of eight rows is the unit of work: no two bands write to the same memory. Every Gaussian that
touches a band is made ready for its eight rows at once, a row a lane, and noted in a list of each
tile (eight pixels of the eight rows) that it reaches. Then each two rows of a tile (backward: each
row) walk down the Gaussians that reach them, transmittance and colours in registers. Images are
planar [c, h, stride], stride a multiple of eight.

Legend: σ the Gaussian's exponent, α its opacity in a pixel, T transmittance before it, w = α·T,
⟨c,g⟩ its features times the image's gradient, v = ∂L/∂σ. A *record* holds one Gaussian as floats:
packed in drawing order (`cpu_bands`), or ready for one band.
"""

from typing import no_type_check

import numba
import numpy as np
from numba import prange

from audioplane.jit import jit
from audioplane.simd import (
    LANE_BYTES,
    LANES,
    any_above,
    broadcast,
    count_up,
    exp_bounded,
    lane_max,
    lane_min,
    load,
    load_pair,
    make_lanes,
    muladd,
    on_both_rows,
    overlap_bits,
    pick,
    pick_pair,
    round_down,
    round_up,
    smaller,
    square_root,
    store,
    where_above,
)
from audioplane.simd_planes import (
    add_lane_sums,
    dot_many,
    dot_planes,
    first_row,
    load_planes,
    muladd_many,
    second_row,
    store_planes,
    zero_pairs,
)
from audioplane.splat.constants import ALPHA_MAX, ALPHA_MIN, TRANSMITTANCE_MIN
from audioplane.splat.cpu_bands import BAND, COLOURS, LIMIT, OPACITY, A, B, C, X, Y

READY_X, READY_HALF_A = range(2)
READY_BDY, READY_REST, READY_COLOURS = LANES, 2 * LANES, 3 * LANES
"""Columns of a ready record, such that ln α = (HALF_A·dx + BDY)·dx + REST; then the features.

HALF_A is −½A; of the eight rows BDY is −B·dy and REST is ln(opacity) − ½C·dy².
"""
GEOMETRY = 6
"""Columns before the features in a (Gaussian, band) pair's gradient: mean 2, conic 3, opacity."""
SHARE_ROWS, SHARE_SUMS, SHARE_COLOURS = 0, LANES, LANES + 3
"""Columns of a tile's share of it: Σr·v, Σr·v·dx, Σr²·v with r the row in the band; Σv, Σv·dx,
Σv·dx²; then the features."""
CHUNK = 16
"""Gaussians of a row that are worked on step by step together: short loops keep the core busy."""

_HALF = np.float32(0.5)
_ONE = np.float32(1)
_ZERO = np.float32(0)
_NONE = np.float32(1e9)
_ALPHA_MAX = np.float32(ALPHA_MAX)
_LOG_ALPHA_MIN = np.float32(np.log(ALPHA_MIN))
# The largest float32 below it: "above" this is "at least".
_BELOW_LOG_ALPHA_MIN = np.nextafter(_LOG_ALPHA_MIN, np.float32(-10))
_T_MIN = np.float32(TRANSMITTANCE_MIN)
_ROWS = 2
"""Rows that `blend_forward` draws at a time."""
_REACHED = np.full((1 << _ROWS, _ROWS, LANES), np.inf, np.float32)
"""What ln α must be above, for the rows of a pair that a Gaussian reaches (bits) or not."""
for _bits in range(1 << _ROWS):
    for _row in range(_ROWS):
        if _bits >> _row & 1:
            _REACHED[_bits, _row] = _BELOW_LOG_ALPHA_MIN


@jit()
@no_type_check
def _ready_band(packed, items, top, width, ready, counts, reach):
    """Make the Gaussians `items` ready for the eight rows from row `top` on.

    Fills ready [items, record] and, for each tile of the band, counts and reach [tiles, items],
    whose entries are 256 · the place in `items` + a bit for each row reached.
    """
    counts[:] = 0
    record = packed.shape[1]
    rows = count_up(np.float32(top) + _HALF)
    for j in range(len(items)):
        source = packed.ctypes.data + items[j] * record * 4
        into = ready.ctypes.data + j * ready.shape[1] * 4
        a, inverse = pick(source, A), _ONE / pick(source, A)
        dy = rows - pick(source, Y)
        bdy = dy * pick(source, B)
        rest = dy * dy * (_HALF * pick(source, C))
        inside = muladd(bdy, bdy, (pick(source, LIMIT) - rest) * (np.float32(2) * a))
        centre = (pick(source, X) - _HALF) - bdy * inverse
        half = square_root(where_above(inside, _ZERO, inside, _ZERO)) * inverse
        low = where_above(inside, _ZERO, round_up(centre - half), _NONE)
        high = where_above(inside, _ZERO, round_down(centre + half), -_NONE)
        first = max(lane_min(low), _ZERO)
        last = min(lane_max(high), np.float32(width - 1))
        if not first <= last:
            continue
        ready[j, READY_X], ready[j, READY_HALF_A] = pick(source, X), -_HALF * a
        store(into + READY_BDY * 4, _ZERO - bdy)
        store(into + READY_REST * 4, (pick(source, LIMIT) + _LOG_ALPHA_MIN) - rest)
        for column in range(0, (record - COLOURS) * 4, LANE_BYTES):
            store(into + READY_COLOURS * 4 + column, load(source + COLOURS * 4 + column))
        for tile in range(int(first) // LANES, int(last) // LANES + 1):
            left = np.float32(tile * LANES)
            bits = overlap_bits(low, high, left, left + np.float32(LANES - 1))
            reach[tile, counts[tile]] = j * 256 + bits
            counts[tile] += 1


@jit()
@no_type_check
def _list_row(reach, tile, count, row, listed):
    """Fill `listed` with the places of the Gaussians that reach a row of a tile; their number."""
    n = 0
    for entry in range(count):
        listed[n] = reach[tile, entry] >> 8
        n += (reach[tile, entry] >> row) & 1
    return n


@jit()
@no_type_check
def _find_opacities(ready, listed, first, last, row, centres, opacities):
    """α of the Gaussians listed[first:last] at eight pixels of a row: opacities [CHUNK, 8]."""
    record = ready.shape[1] * 4
    for n in range(first, last):
        at = ready.ctypes.data + listed[n] * record
        dx = centres - pick(at, READY_X)
        slope = muladd(dx, pick(at, READY_HALF_A), pick(at, READY_BDY + row))
        log = muladd(slope, dx, pick(at, READY_REST + row))
        alpha = smaller(exp_bounded(log), _ALPHA_MAX)
        alpha = where_above(log, _BELOW_LOG_ALPHA_MIN, alpha, _ZERO)
        store(opacities.ctypes.data + (n - first) * LANE_BYTES, alpha)


@jit()
@no_type_check
def _list_rows(reach, tile, count, row, listed):
    """As `_list_row`, for a row and the next one: 4 · place + a bit for each that is reached."""
    n = 0
    for entry in range(count):
        reached = (reach[tile, entry] >> row) & 3
        listed[n] = (reach[tile, entry] >> 8 << 2) | reached
        n += min(reached, 1)
    return n


@jit()
@no_type_check
def _find_pair_opacities(ready, listed, first, last, row, centres, limits, alphas):
    """As `_find_opacities`, at eight pixels of two rows: to the address `alphas`, [CHUNK, 16]."""
    record = ready.shape[1] * 4
    for n in range(first, last):
        at = ready.ctypes.data + (listed[n] >> 2) * record
        limit = load_pair(limits.ctypes.data + (listed[n] & 3) * _ROWS * LANE_BYTES)
        dx = centres - pick(at, READY_X)
        slope = muladd(dx, pick(at, READY_HALF_A), pick_pair(at, READY_BDY + row))
        log = muladd(slope, dx, pick_pair(at, READY_REST + row))
        alpha = smaller(exp_bounded(log), _ALPHA_MAX)
        alpha = where_above(log, limit, alpha, _ZERO)
        store(alphas + (n - first) * _ROWS * LANE_BYTES, alpha)


@jit(parallel=True)
@no_type_check
def blend_forward(
    packed, items, band_start, bands, width, scratch, channels, backdrop, image, transmittance
):
    """Fill image [c, h, stride] and transmittance [h, stride].

    bands is the order of the bands' work; scratch holds `_ready_band`'s arrays, a list of Gaussians
    and a chunk's opacities, one of each for a thread; channels is a tuple as long as the image has
    channels; backdrop is [h, w, c], [1, 1, c] or, for none, [0, 0, c].
    """
    height, stride = transmittance.shape
    plane = height * stride * 4
    for step in prange(len(bands)):
        band, thread = bands[step], numba.get_thread_id()
        ready, counts, reach = scratch[0][thread], scratch[1][thread], scratch[2][thread]
        listed, alphas = scratch[3][thread], scratch[4][thread].ctypes.data
        record = ready.shape[1] * 4
        top = band * BAND
        drawn = items[band_start[band] : band_start[band + 1]]
        _ready_band(packed, drawn, top, width, ready, counts, reach)
        for tile in range(stride // LANES):
            centres = on_both_rows(count_up(np.float32(tile * LANES) + _HALF))
            for row in range(0, min(BAND, height - top), _ROWS):
                T = final = on_both_rows(broadcast(_ONE))
                colour = zero_pairs(channels)
                count = _list_rows(reach, tile, counts[tile], row, listed)
                for first in range(0, count, CHUNK):
                    last = min(first + CHUNK, count)
                    _find_pair_opacities(ready, listed, first, last, row, centres, _REACHED, alphas)
                    for n in range(first, last):
                        alpha = load_pair(alphas + (n - first) * _ROWS * LANE_BYTES)
                        T_next = muladd(alpha, _ZERO - T, T)
                        # A pixel whose T would fall too low has ended; T never rises.
                        weight = where_above(T_next, _T_MIN, alpha * T, _ZERO)
                        T = T_next
                        final = final - weight
                        at = ready.ctypes.data + (listed[n] >> 2) * record + READY_COLOURS * 4
                        colour = muladd_many(colour, weight, at)
                    if not any_above(T, _T_MIN):
                        break
                at = ((top + row) * stride + tile * LANES) * 4
                store_planes(first_row((final,)), transmittance.ctypes.data + at, plane)
                store_planes(first_row(colour), image.ctypes.data + at, plane)
                if row + 1 < min(BAND, height - top):
                    at += stride * 4
                    store_planes(second_row((final,)), transmittance.ctypes.data + at, plane)
                    store_planes(second_row(colour), image.ctypes.data + at, plane)
        if len(backdrop) > 0:
            _add_backdrop(backdrop, width, top, min(BAND, height - top), image, transmittance)


@jit()
@no_type_check
def _add_backdrop(backdrop, width, top, rows, image, transmittance):
    constant = backdrop.shape[0] == 1 and backdrop.shape[1] == 1
    for y in range(top, top + rows):
        for c in range(len(image)):
            if constant:
                for x in range(width):
                    image[c, y, x] += transmittance[y, x] * backdrop[0, 0, c]
            else:
                for x in range(width):
                    image[c, y, x] += transmittance[y, x] * backdrop[y, x, c]


@jit(parallel=True)
@no_type_check
def blend_backward(
    packed,
    items,
    band_start,
    bands,
    width,
    scratch,
    shares,
    channels,
    image,
    transmittance,
    dimage,
    dalpha,
    first_band,
    first_pair,
    pairs,
):
    """Fill pairs [pairs, 6 + c]: each (Gaussian, band)'s share of the gradient.

    image [c, h, stride] with the background in it and transmittance [h, stride] are what was
    blended, dimage and dalpha the gradients of image and coverage; shares [threads, items,
    11 + c rounded up to 8] is room; the rest as for `blend_forward`.
    """
    height, stride = transmittance.shape
    plane, columns = height * stride * 4, shares.shape[2]
    for step in prange(len(bands)):
        band, thread = bands[step], numba.get_thread_id()
        ready, counts, reach = scratch[0][thread], scratch[1][thread], scratch[2][thread]
        listed, opacities = scratch[3][thread], scratch[4][thread, 0]
        weights, slopes = scratch[4][thread, 1], scratch[4][thread, 2]
        record = ready.shape[1] * 4
        top = band * BAND
        drawn = items[band_start[band] : band_start[band + 1]]
        share = shares[thread, : len(drawn)]
        share[:] = 0
        _ready_band(packed, drawn, top, width, ready, counts, reach)
        for tile in range(stride // LANES):
            centres = count_up(np.float32(tile * LANES) + _HALF)
            for row in range(min(BAND, height - top)):
                at = ((top + row) * stride + tile * LANES) * 4
                gradient = load_planes(channels, dimage.ctypes.data + at, plane)
                to_alpha = load(dalpha.ctypes.data + at)
                T = broadcast(_ONE)
                # ⟨c,g⟩·w of all that lies ahead, the background with it.
                ahead = (_ONE - load(transmittance.ctypes.data + at)) * to_alpha
                ahead = dot_planes(ahead, gradient, image.ctypes.data + at, plane)
                rows = make_lanes(np.float32(row), np.float32(row), np.float32(row * row))
                count = _list_row(reach, tile, counts[tile], row, listed)
                for first in range(0, count, CHUNK):
                    last = min(first + CHUNK, count)
                    _find_opacities(ready, listed, first, last, row, centres, opacities)
                    for n in range(first, last):
                        at = (n - first) * LANE_BYTES
                        alpha = load(opacities.ctypes.data + at)
                        T_next = muladd(alpha, _ZERO - T, T)
                        weight = where_above(T_next, _T_MIN, alpha * T, _ZERO)
                        colours = ready.ctypes.data + listed[n] * record + READY_COLOURS * 4
                        cg = dot_many(to_alpha, gradient, colours)
                        ahead = ahead - weight * cg
                        v = alpha * (ahead / (_ONE - alpha) - T * cg)
                        v = where_above(T_next, _T_MIN, v, _ZERO)
                        v = where_above(_ALPHA_MAX, alpha, v, _ZERO)
                        T = T_next
                        store(weights.ctypes.data + at, weight)
                        store(slopes.ctypes.data + at, v)
                    for n in range(first, last):
                        at = (n - first) * LANE_BYTES
                        weight, v = load(weights.ctypes.data + at), load(slopes.ctypes.data + at)
                        dx = centres - pick(ready.ctypes.data + listed[n] * record, READY_X)
                        into = share.ctypes.data + listed[n] * columns * 4
                        add_lane_sums(into, v, v * dx, v * dx * dx, weight, gradient, rows)
                    if not any_above(T, _T_MIN):
                        break
        _finish_pairs(share, drawn, packed, band, first_band, first_pair, pairs)


@jit()
@no_type_check
def _finish_pairs(share, drawn, packed, band, first_band, first_pair, pairs):
    """From a band's moments to the gradients of means, conics, opacities and features."""
    two = np.float32(2)
    for j in range(len(drawn)):
        k = drawn[j]
        pair = first_pair[k] + band - first_band[k]
        # Moments about the Gaussian's mean: dy = r + dy of the first row.
        dy = np.float32(band * BAND) + _HALF - packed[k, Y]
        r0, r1, rr = share[j, SHARE_ROWS], share[j, SHARE_ROWS + 1], share[j, SHARE_ROWS + 2]
        s0, s1, s2 = share[j, SHARE_SUMS], share[j, SHARE_SUMS + 1], share[j, SHARE_SUMS + 2]
        my = r0 + dy * s0
        pairs[pair, 0] = -(packed[k, A] * s1 + packed[k, B] * my)
        pairs[pair, 1] = -(packed[k, B] * s1 + packed[k, C] * my)
        pairs[pair, 2] = _HALF * s2
        pairs[pair, 3] = r1 + dy * s1
        pairs[pair, 4] = _HALF * (rr + dy * (two * r0 + dy * s0))
        pairs[pair, 5] = -s0 / packed[k, OPACITY]
        for channel in range(pairs.shape[1] - GEOMETRY):
            pairs[pair, GEOMETRY + channel] = share[j, SHARE_COLOURS + channel]


@jit(parallel=True)
@no_type_check
def gather_pairs(order, first_pair, pairs, dmeans2d, dconics, dopacities, dfeatures):
    """Sum the pairs of each Gaussian into the gradients [n, …] (zeros) of what was blended."""
    channels = dfeatures.shape[1]
    for k in prange(len(order)):
        i = order[k]
        for p in range(first_pair[k], first_pair[k + 1]):
            for axis in range(2):
                dmeans2d[i, axis] += pairs[p, axis]
            for axis in range(3):
                dconics[i, axis] += pairs[p, 2 + axis]
            dopacities[i] += pairs[p, 5]
            for channel in range(channels):
                dfeatures[i, channel] += pairs[p, GEOMETRY + channel]
