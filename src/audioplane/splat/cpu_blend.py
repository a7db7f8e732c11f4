"""Front-to-back blending, row by row, and its gradient, numba kernels over `simd`.

A row of the image is the unit of work: its transmittance and colours stay in the first cache, each
Gaussian touches only the pixels inside its ellipse (opacity ≥ 1/255), and no two rows write to the
same memory. Images are planar [c, h, stride], stride a multiple of eight pixels.

Legend: σ the Gaussian's exponent, α its opacity in a pixel, T transmittance before it, w = α·T,
⟨c,g⟩ its features times the image's gradient.
"""

import math
from typing import no_type_check

import numpy as np
from numba import njit, prange

from audioplane.splat.constants import ALPHA_MAX, ALPHA_MIN, TRANSMITTANCE_MIN
from audioplane.splat.simd import (
    LANE_BYTES,
    LANES,
    any_above,
    broadcast,
    count_up,
    exp_negative,
    lane_sum,
    load,
    muladd,
    smaller,
    store,
    where_above,
)

PACKED = 7
"""Columns of the packed Gaussians: mean x, y, conic A, B, C, opacity, σ's limit."""
MOMENTS = 3
"""Columns before the features in a pair's gradient: Σv, Σv·dx, Σv·dx², v = ∂L/∂σ."""
ROW_CHUNKS = 32
"""Parallel steps over the rows; step k takes every 32nd row, so that all have equal work."""
_SCAN_CHUNKS = 4

_HALF = np.float32(0.5)
_ONE = np.float32(1)
_ALPHA_MAX = np.float32(ALPHA_MAX)
# The largest float32 below 1/255: "above" it is "at least 1/255".
_BELOW_ALPHA_MIN = np.nextafter(np.float32(ALPHA_MIN), np.float32(0))
_T_MIN = np.float32(TRANSMITTANCE_MIN)


@njit(cache=True)
@no_type_check
def bin_rows(order, means2d, extents, height):
    """First row and first pair of each Gaussian in drawing order, and the rows' first pairs.

    Returns first_row [m], first_pair [m + 1], row_start [height + 1].
    """
    m = len(order)
    first_row = np.empty(m, np.int32)
    first_pair = np.zeros(m + 1, np.int32)
    row_start = np.zeros(height + 2, np.int32)
    for k in range(m):
        y, e = means2d[order[k], 1], extents[order[k], 1]
        first = max(0, int(math.ceil(y - e - _HALF)))
        last = min(height - 1, int(math.floor(y + e - _HALF)))
        first_row[k] = first
        first_pair[k + 1] = first_pair[k] + max(0, last - first + 1)
        if last >= first:
            row_start[first + 1] += 1
            row_start[last + 2] -= 1
    # From differences to counts to starts.
    for _ in range(2):
        for y in range(height + 1):
            row_start[y + 1] += row_start[y]
    return first_row, first_pair, row_start[: height + 1]


@njit(cache=True, parallel=True)
@no_type_check
def fill_rows(first_row, first_pair, row_start):
    """For each row the Gaussians that can touch it, in drawing order: [pairs]."""
    m, height = len(first_row), len(row_start) - 1
    items = np.empty(first_pair[m], np.int32)
    for chunk in prange(_SCAN_CHUNKS):
        top, bottom = height * chunk // _SCAN_CHUNKS, height * (chunk + 1) // _SCAN_CHUNKS
        cursor = row_start[top:bottom].copy()
        for k in range(m):
            begin = max(first_row[k], top)
            end = min(first_row[k] + first_pair[k + 1] - first_pair[k], bottom)
            for y in range(begin, end):
                items[cursor[y - top]] = k
                cursor[y - top] += 1
    return items


@njit(cache=True)
@no_type_check
def pack(order, means2d, conics, opacities, features):
    """Gaussians in drawing order: geometry [m, 7] and features [m, c]."""
    m, channels = len(order), features.shape[1]
    packed = np.empty((m, PACKED), np.float32)
    colours = np.empty((m, channels), np.float32)
    for k in range(m):
        i = order[k]
        packed[k, 0], packed[k, 1] = means2d[i, 0], means2d[i, 1]
        packed[k, 2], packed[k, 3], packed[k, 4] = conics[i, 0], conics[i, 1], conics[i, 2]
        packed[k, 5] = opacities[i]
        packed[k, 6] = math.log(opacities[i] / ALPHA_MIN)
        for c in range(channels):
            colours[k, c] = features[i, c]
    return packed, colours


@njit(cache=True)
@no_type_check
def _span(x, a, bdy, remainder, width):
    """First and last block of eight pixels inside a Gaussian's ellipse in one row.

    x its mean, a = A, bdy = B·dy, remainder = limit − ½·C·dy² what is left for σ.
    """
    inside = bdy * bdy + np.float32(2) * a * remainder
    if not inside > 0:
        return 0, -1
    half = math.sqrt(inside) / a
    centre = x - bdy / a
    first = max(0.0, math.ceil(centre - half - _HALF))
    last = min(width - 1.0, math.floor(centre + half - _HALF))
    if not last >= first:
        return 0, -1
    return int(first) // LANES, int(last) // LANES


@njit(cache=True, parallel=True)
@no_type_check
def blend_forward(packed, colours, items, row_start, width, image, transmittance):
    """Add the Gaussians to image [c, h, stride] (zeros) and fill transmittance [h, stride]."""
    height, stride = transmittance.shape
    channels = colours.shape[1]
    plane = height * stride * 4
    for chunk in prange(ROW_CHUNKS):
        live = np.empty(stride, np.float32)
        for y in range(chunk, height, ROW_CHUNKS):
            live[:] = 1
            transmittance[y] = 1
            image_row = image.ctypes.data + y * stride * 4
            final_row = transmittance.ctypes.data + y * stride * 4
            for p in range(row_start[y], row_start[y + 1]):
                k = items[p]
                x, a, opacity = packed[k, 0], packed[k, 2], packed[k, 5]
                dy = np.float32(y) + _HALF - packed[k, 1]
                bdy, constant = packed[k, 3] * dy, _HALF * packed[k, 4] * dy * dy
                first, last = _span(x, a, bdy, packed[k, 6] - constant, width)
                half_a = _HALF * a
                for block in range(first, last + 1):
                    at = block * LANE_BYTES
                    T = load(live.ctypes.data + at)
                    if not any_above(T, np.float32(0)):
                        continue
                    dx = count_up(np.float32(block * LANES) + _HALF - x)
                    sigma = muladd(muladd(dx, half_a, bdy), dx, constant)
                    alpha = smaller(opacity * exp_negative(sigma), _ALPHA_MAX)
                    alpha = where_above(alpha, _BELOW_ALPHA_MIN, alpha, np.float32(0))
                    T_next = T * (_ONE - alpha)
                    weight = where_above(T_next, _T_MIN, alpha * T, np.float32(0))
                    store(live.ctypes.data + at, where_above(T_next, _T_MIN, T_next, np.float32(0)))
                    final = load(final_row + at)
                    store(final_row + at, where_above(T_next, _T_MIN, T_next, final))
                    for c in range(channels):
                        pixel = image_row + c * plane + at
                        store(pixel, muladd(weight, colours[k, c], load(pixel)))


@njit(cache=True, parallel=True)
@no_type_check
def blend_backward(
    packed, colours, items, row_start, width, dimage, dalpha, total, first_row, first_pair, pairs
):
    """Fill pairs [pairs, 3 + c] with each (Gaussian, row) pair's share of the gradient.

    dimage [c, h, stride], dalpha [h, stride] are the gradients of image and coverage; total
    [h, stride] is ⟨image, dimage⟩ + coverage · dalpha with the background in the image.
    """
    height, stride = total.shape
    channels = colours.shape[1]
    plane = height * stride * 4
    for chunk in prange(ROW_CHUNKS):
        live = np.empty(stride, np.float32)
        ahead = np.empty(stride, np.float32)
        sums = np.empty((channels, LANES), np.float32)
        for y in range(chunk, height, ROW_CHUNKS):
            live[:] = 1
            ahead[:] = total[y]
            row = y * stride * 4
            for p in range(row_start[y], row_start[y + 1]):
                k = items[p]
                pair = first_pair[k] + y - first_row[k]
                x, a, opacity = packed[k, 0], packed[k, 2], packed[k, 5]
                dy = np.float32(y) + _HALF - packed[k, 1]
                bdy, constant = packed[k, 3] * dy, _HALF * packed[k, 4] * dy * dy
                first, last = _span(x, a, bdy, packed[k, 6] - constant, width)
                half_a = _HALF * a
                m0, m1, m2 = (
                    broadcast(np.float32(0)),
                    broadcast(np.float32(0)),
                    broadcast(np.float32(0)),
                )
                sums[:] = 0
                for block in range(first, last + 1):
                    at = block * LANE_BYTES
                    T = load(live.ctypes.data + at)
                    if not any_above(T, np.float32(0)):
                        continue
                    dx = count_up(np.float32(block * LANES) + _HALF - x)
                    sigma = muladd(muladd(dx, half_a, bdy), dx, constant)
                    raw = opacity * exp_negative(sigma)
                    alpha = smaller(raw, _ALPHA_MAX)
                    alpha = where_above(alpha, _BELOW_ALPHA_MIN, alpha, np.float32(0))
                    T_next = T * (_ONE - alpha)
                    weight = where_above(T_next, _T_MIN, alpha * T, np.float32(0))
                    store(live.ctypes.data + at, where_above(T_next, _T_MIN, T_next, np.float32(0)))
                    cg = load(dalpha.ctypes.data + row + at)
                    for c in range(channels):
                        gradient = load(dimage.ctypes.data + row + c * plane + at)
                        cg = muladd(gradient, colours[k, c], cg)
                        lane = sums.ctypes.data + c * LANE_BYTES
                        store(lane, muladd(weight, gradient, load(lane)))
                    behind = load(ahead.ctypes.data + at) - weight * cg
                    store(ahead.ctypes.data + at, behind)
                    v = alpha * (behind / (_ONE - alpha) - T * cg)
                    v = where_above(T_next, _T_MIN, v, np.float32(0))
                    v = where_above(_ALPHA_MAX, raw, v, np.float32(0))
                    m0 = m0 + v
                    v = v * dx
                    m1 = m1 + v
                    m2 = muladd(v, dx, m2)
                pairs[pair, 0], pairs[pair, 1], pairs[pair, 2] = (
                    lane_sum(m0),
                    lane_sum(m1),
                    lane_sum(m2),
                )
                for c in range(channels):
                    pairs[pair, MOMENTS + c] = lane_sum(load(sums.ctypes.data + c * LANE_BYTES))


@njit(cache=True, parallel=True)
@no_type_check
def gather_pairs(
    order, packed, first_row, first_pair, pairs, dmeans2d, dconics, dopacities, dfeatures
):
    """Sum the pairs of each Gaussian into the gradients [n, …] (zeros) of what was blended."""
    m = len(order)
    channels = dfeatures.shape[1]
    for k in prange(m):
        i = order[k]
        y, A, B, C = packed[k, 1], packed[k, 2], packed[k, 3], packed[k, 4]
        s0 = s1 = a = b = c = my = np.float32(0)
        for p in range(first_pair[k], first_pair[k + 1]):
            dy = np.float32(first_row[k] + p - first_pair[k]) + _HALF - y
            s0 += pairs[p, 0]
            s1 += pairs[p, 1]
            my += dy * pairs[p, 0]
            a += pairs[p, 2]
            b += dy * pairs[p, 1]
            c += dy * dy * pairs[p, 0]
            for channel in range(channels):
                dfeatures[i, channel] += pairs[p, MOMENTS + channel]
        dmeans2d[i, 0] = -(A * s1 + B * my)
        dmeans2d[i, 1] = -(B * s1 + C * my)
        dconics[i, 0], dconics[i, 1], dconics[i, 2] = _HALF * a, b, _HALF * c
        dopacities[i] = -s0 / packed[k, 5]
