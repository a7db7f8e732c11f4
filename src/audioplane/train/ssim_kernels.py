"""L1 and SSIM of two images with their gradient, in one pass over bands of rows: numba kernels.

SSIM is written in the sum p = x + y and the difference m = x − y, which needs four blurred maps
where x and y need five:

    S = light · structure, light = (P² − M² + 2C₁) / (P² + M² + 2C₁),
                       structure = (Vp − Vm + 2C₂) / (Vp + Vm + 2C₂)

Legend: P, M local means of p and m by a Gaussian window of 11, σ 1.5; PP, MM those of p² and m²;
Vp = PP − P², Vm = MM − M² local variances. Rows lie `pitch` bytes apart, images of a stack
`plane` bytes; places in memory and in a row (`end`, `at`, `into`) are bytes too.
"""

from typing import no_type_check

import numba
import numpy as np
from numba import prange
from numba.extending import register_jitable

from audioplane.jit import jit
from audioplane.simd import (
    LANE_BYTES,
    LANES,
    broadcast,
    count_up,
    lane_sum,
    load,
    muladd,
    store,
    where_above,
)

C1, C2 = 0.01**2, 0.03**2
"""SSIM's constants (Wang et al. 2004)."""
_RADIUS = 5
_BANDS = 4
"""Fixed, so that sums do not depend on the number of threads; each repeats 2·_RADIUS rows."""
_ROWS = 4
"""Rows blurred together: they share what they read."""
_WINDOW = np.exp(-((np.arange(11) - _RADIUS) ** 2) / (2 * 1.5**2))
_WINDOW = (_WINDOW / _WINDOW.sum()).astype(np.float32)
_W0, _W1, _W2, _W3, _W4, _W5 = _WINDOW[_RADIUS:]
_ZERO, _ONE = np.float32(0), np.float32(1)
_2C1, _2C2 = np.float32(2 * C1), np.float32(2 * C2)


# These three are not `jit`: numba keeps nothing on disk that gets or is a function argument.
@register_jitable
@no_type_check
def _square(at):
    value = load(at)
    return value * value


@register_jitable
@no_type_check
def _blur(read, at, step):
    """Blurred lanes of what `read` finds at and around a place, `step` bytes apart."""
    total = (read(at - 5 * step) + read(at + 5 * step)) * _W5
    total = muladd(read(at - 4 * step) + read(at + 4 * step), _W4, total)
    total = muladd(read(at - 3 * step) + read(at + 3 * step), _W3, total)
    total = muladd(read(at - 2 * step) + read(at + 2 * step), _W2, total)
    total = muladd(read(at - step) + read(at + step), _W1, total)
    return muladd(read(at), _W0, total)


@register_jitable
@no_type_check
def _blur_rows(read, source, into, pitch, end):
    """Blur _ROWS rows from `source` on over the rows around each."""
    for at in range(source, source + end, LANE_BYTES):
        first, second = _blur(read, at, pitch), _blur(read, at + pitch, pitch)
        third, fourth = _blur(read, at + 2 * pitch, pitch), _blur(read, at + 3 * pitch, pitch)
        # Stored last: a store in between could change, for all LLVM knows, what is read next.
        place = into + at - source
        store(place, first)
        store(place + pitch, second)
        store(place + 2 * pitch, third)
        store(place + 3 * pitch, fourth)


@jit()
@no_type_check
def _combine(x, y, weight, channel, top, planes):
    """planes [3, rows, ·] = p, m and weight of the rows from `top` on, zeros off the image."""
    height, width = weight.shape
    for k in range(planes.shape[1]):
        i = top + k
        if i < 0 or i >= height:
            planes[:, k] = _ZERO
            continue
        for j in range(width):
            a, b = x[i, j, channel], y[i, j, channel]
            planes[0, k, j], planes[1, k, j] = a + b, a - b
        for j in range(width):
            planes[2, k, j] = weight[i, j]
        planes[:, k, width:] = _ZERO


@jit()
@no_type_check
def _ssim_row(at, pitch, width, into, plane):
    """Σ 1 − S of one row whose P, PP, M, MM, blurred over rows only, lie at `at`, _ROWS rows apart.

    Into three planes come ½(∂S/∂P + ∂S/∂M), with PP and MM held, ∂S/∂PP and ∂S/∂MM.
    """
    step = _ROWS * pitch
    total = broadcast(_ZERO)
    for column in range(0, width, LANES):
        j = 4 * column
        P, PP = _blur(load, at + j, 4), _blur(load, at + j + step, 4)
        M, MM = _blur(load, at + j + 2 * step, 4), _blur(load, at + j + 3 * step, 4)
        P2, M2 = P * P, M * M
        Vp, Vm = PP - P2, MM - M2
        means, variances = P2 + M2 + _2C1, Vp + Vm + _2C2
        inverse = _ONE / (means * variances)
        by_means, by_variances = variances * inverse, means * inverse
        light, structure = (P2 - M2 + _2C1) * by_means, (Vp - Vm + _2C2) * by_variances
        S = light * structure
        dPP, dMM = (light - S) * by_variances, _ZERO - (light + S) * by_variances
        dP = P * ((structure - S) * by_means - dPP)
        dM = _ZERO - M * ((structure + S) * by_means + dMM)
        lane, end = count_up(np.float32(column)), np.float32(width)
        total = total + where_above(end, lane, _ONE - S, _ZERO)
        store(into + j, where_above(end, lane, dP + dM, _ZERO))
        store(into + j + plane, where_above(end, lane, dPP, _ZERO))
        store(into + j + 2 * plane, where_above(end, lane, dMM, _ZERO))
    return lane_sum(total)


@jit()
@no_type_check
def _gradient_row(at, pitch, end, source, plane, scales, into):
    """Σ weight·|x − y| of one row; `into` gets the loss's gradient.

    At `at` lie the derivatives of S, blurred over rows only, at `source` p, m and weight.
    """
    step = _ROWS * pitch
    l1_scale, ssim_scale = scales
    total = broadcast(_ZERO)
    for j in range(0, end, LANE_BYTES):
        p, m, weight = load(source + j), load(source + j + plane), load(source + j + 2 * plane)
        half = muladd(p, _blur(load, at + j + step, 4), _blur(load, at + j, 4))
        half = muladd(m, _blur(load, at + j + 2 * step, 4), half)
        up = weight * l1_scale
        l1 = where_above(m, _ZERO, up, where_above(_ZERO, m, _ZERO - up, _ZERO))
        total = muladd(weight, where_above(m, _ZERO, m, _ZERO - m), total)
        store(into + j, l1 - half * (ssim_scale + ssim_scale))
    return lane_sum(total)


@jit()
@no_type_check
def _derive_band(planes, top, bottom, size, derivatives, blurred):
    """Σ 1 − S of rows top … bottom; derivatives [3, rows, ·] gets those of S from top − 5 on.

    blurred [4, _ROWS, ·] is room, zero at both sides.
    """
    height, width = size
    pitch, end = 4 * planes.shape[2], -(-width // LANES) * LANE_BYTES
    plane, dplane, step = planes.shape[1] * pitch, derivatives.shape[1] * pitch, _ROWS * pitch
    into = blurred.ctypes.data + LANE_BYTES
    total = 0.0
    for k in range(0, bottom - top + 2 * _RADIUS, _ROWS):
        source = planes.ctypes.data + (k + _RADIUS) * pitch
        _blur_rows(load, source, into, pitch, end)
        _blur_rows(_square, source, into + step, pitch, end)
        _blur_rows(load, source + plane, into + 2 * step, pitch, end)
        _blur_rows(_square, source + plane, into + 3 * step, pitch, end)
        for r in range(_ROWS):
            i = top - _RADIUS + k + r
            if i < 0 or i >= height:
                derivatives[:, k + r] = _ZERO
                continue
            row = derivatives.ctypes.data + (k + r) * pitch
            part = _ssim_row(into + r * pitch, pitch, width, row, dplane)
            if top <= i < bottom:
                total += part
    return total


@jit()
@no_type_check
def _differentiate_band(planes, derivatives, scales, gradient, blurred):
    """Σ weight·|x − y| of a band of rows; gradient [rows, ·] gets the loss's.

    blurred as for `_derive_band`.
    """
    pitch, end = 4 * planes.shape[2], 4 * gradient.shape[1]
    plane, dplane, step = planes.shape[1] * pitch, derivatives.shape[1] * pitch, _ROWS * pitch
    into = blurred.ctypes.data + LANE_BYTES
    total = 0.0
    for k in range(0, len(gradient), _ROWS):
        source = derivatives.ctypes.data + (k + _RADIUS) * pitch
        for n in range(3):
            _blur_rows(load, source + n * dplane, into + n * step, pitch, end)
        for r in range(k, min(k + _ROWS, len(gradient))):
            row = planes.ctypes.data + (r + 2 * _RADIUS) * pitch
            at, out = into + (r - k) * pitch, gradient.ctypes.data + r * end
            total += _gradient_row(at, pitch, end, row, plane, scales, out)
    return total


@jit(parallel=True)
@no_type_check
def l1_and_dssim(x, y, weight, scales, threads, gradient):
    """Σ weight·|x − y| and Σ 1 − S of x, y [h, w, 3] with weight [h, w], each in parts to be added.

    gradient [3, h, w rounded up to LANES] gets that of scales[0] · the first + scales[1] · the
    second by x. Not more than `threads` threads may run.
    """
    height = len(weight)
    tall = -(-height // (_BANDS * _ROWS)) * _ROWS
    derived = -(-(tall + 2 * _RADIUS) // _ROWS) * _ROWS
    # With zeros on both sides; an odd number of vectors, or rows would collide in the cache.
    wide = (gradient.shape[2] // LANES + 2 | 1) * LANES
    planes = np.empty((threads, 3, derived + 2 * _RADIUS, wide), np.float32)
    derivatives = np.empty((threads, 3, derived, wide), np.float32)
    # Made here, where it is alive until the end: numba frees an array after the last use of its
    # name, whatever still works on its address.
    blurred = np.zeros((threads, 4, _ROWS, wide), np.float32)
    l1, dssim = np.empty(3 * _BANDS), np.empty(3 * _BANDS)
    for task in prange(3 * _BANDS):
        t, channel = numba.get_thread_id(), task // _BANDS
        top = min(task % _BANDS * tall, height)
        bottom = min(top + tall, height)
        _combine(x, y, weight, channel, top - 2 * _RADIUS, planes[t])
        room = derivatives[t], blurred[t]
        dssim[task] = _derive_band(planes[t], top, bottom, weight.shape, *room)
        into = gradient[channel, top:bottom]
        l1[task] = _differentiate_band(planes[t], room[0], scales, into, room[1])
    return l1, dssim
