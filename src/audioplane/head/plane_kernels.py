"""Interpolation in space planes and line grids and its gradient, numba kernels.

Planes and lines of all scales lie in two flat tables of rows of D numbers (16 are a cache line),
scale by scale and set by set: set 0 is (XY, Z), 1 is (XZ, Y), 2 is (YZ, X). A plane's row index is
j·n + i for its first axis i and second axis j.
"""

from typing import no_type_check

import numpy as np
from numba import prange

from audioplane.jit import jit
from audioplane.simd import LANE_BYTES, load, muladd, store

SETS = 3
_FIRST = (0, 0, 1)
_SECOND = (1, 2, 2)
_LINE = (2, 1, 0)
_ONE = np.float32(1)


@jit()
@no_type_check
def _cell(x, n):
    """Lower cell and weight of the upper one for x in [−1, 1] on n cells; clamped to the border.

    Of NaN the first cell, since no row is at int(NaN), and NaN.
    """
    position = (x + _ONE) * np.float32(0.5) * np.float32(n - 1)
    position = min(max(position, np.float32(0)), np.float32(n - 1))
    low = min(int(max(np.float32(0), position)), n - 2)
    return low, position - np.float32(low)


@jit()
@no_type_check
def _mix2(at, size, w):
    """Eight numbers of a line, interpolated; a row has `size` bytes."""
    return muladd(load(at), _ONE - w, load(at + size) * w)


@jit()
@no_type_check
def _mix4(at, size, n, u, v):
    """Eight numbers of a plane, interpolated."""
    low, high = _mix2(at, size, u), _mix2(at + n * size, size, u)
    return muladd(low, _ONE - v, high * v)


@jit(parallel=True)
@no_type_check
def encode_forward(points, planes, lines, resolutions, plane_start, line_start, out):
    """out [m, scales·3·D] = Interp(P_ij)·f_k at points [m, 3] in [−1, 1]³."""
    m, size = len(points), planes.shape[1] * 4
    for i in prange(m):
        row = out.ctypes.data + i * out.shape[1] * 4
        for s in range(len(resolutions)):
            n = resolutions[s]
            for k in range(SETS):
                a, u = _cell(points[i, _FIRST[k]], n)
                b, v = _cell(points[i, _SECOND[k]], n)
                c, w = _cell(points[i, _LINE[k]], n)
                plane = planes.ctypes.data + (plane_start[s, k] + b * n + a) * size
                line = lines.ctypes.data + (line_start[s, k] + c) * size
                at = row + (s * SETS + k) * size
                for part in range(0, size, LANE_BYTES):
                    value = _mix4(plane + part, size, n, u, v) * _mix2(line + part, size, w)
                    store(at + part, value)


@jit()
@no_type_check
def _accumulate(address, value):
    store(address, load(address) + value)


@jit(parallel=True)
@no_type_check
def encode_backward(
    points, planes, lines, resolutions, plane_start, line_start, dout, dplanes, dlines, touched
):
    """Add the gradients of `encode_forward` to dplanes and dlines; mark the plane rows touched.

    Parallel over (scale, set): each has its own plane and its own line, so nothing collides.
    """
    m, size = len(points), planes.shape[1] * 4
    scales = len(resolutions)
    # The finest planes cost the most cache misses: they start first.
    for job in prange(scales * SETS):
        s, k = scales - 1 - job // SETS, job % SETS
        n = resolutions[s]
        for i in range(m):
            a, u = _cell(points[i, _FIRST[k]], n)
            b, v = _cell(points[i, _SECOND[k]], n)
            c, w = _cell(points[i, _LINE[k]], n)
            cell = plane_start[s, k] + b * n + a
            plane_at, line_at = cell * size, (line_start[s, k] + c) * size
            plane, line = planes.ctypes.data + plane_at, lines.ctypes.data + line_at
            into = dplanes.ctypes.data + plane_at
            line_into = dlines.ctypes.data + line_at
            gradient = dout.ctypes.data + (i * scales * SETS + s * SETS + k) * size
            for part in range(0, size, LANE_BYTES):
                g = load(gradient + part)
                to_line = g * _mix4(plane + part, size, n, u, v)
                _accumulate(line_into + part, to_line * (_ONE - w))
                _accumulate(line_into + size + part, to_line * w)
                to_plane = g * _mix2(line + part, size, w)
                low, high = to_plane * (_ONE - v), to_plane * v
                _accumulate(into + part, low * (_ONE - u))
                _accumulate(into + size + part, low * u)
                _accumulate(into + n * size + part, high * (_ONE - u))
                _accumulate(into + (n + 1) * size + part, high * u)
            touched[cell] = touched[cell + 1] = touched[cell + n] = touched[cell + n + 1] = 1
