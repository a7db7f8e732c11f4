"""Products of a few rows with a matrix, inside numba kernels.

Libraries are made for large products. Here the rows, ten at a time, stay in registers while a
matrix goes by once.

Legend: x, y: addresses of rows of float32; a *panel* is eight columns of a matrix, [inputs, 8].
"""

from typing import no_type_check

import numpy as np
from jaxtyping import Float32

from audioplane.jit import jit
from audioplane.simd import LANE_BYTES, LANES, load
from audioplane.simd_planes import load_planes, muladd_apart, store_planes

_FOUR = 4
"""Bytes of a number."""
_TEN = (0,) * 10
"""Rows that are multiplied at a time; what is left over, one by one."""
_ONE_ROW = (0,)


def flat(*weights: np.ndarray) -> Float32[np.ndarray, " n"]:
    """Weights in one line, as kernels read them.

    A matrix [outputs, inputs] lies as panels of its outputs, taps [channels, 1, taps] tap by tap,
    numbers as they are; all padded by zeros to whole panels.
    """
    return np.concatenate([_laid(x) for x in weights])


def _laid(x: np.ndarray) -> Float32[np.ndarray, " n"]:
    if x.ndim == 3:
        return x[:, 0].T.ravel()
    padded = np.pad(x, [(0, -len(x) % LANES)] + [(0, 0)] * (x.ndim - 1))
    if x.ndim == 1:
        return padded
    return padded.reshape(-1, LANES, x.shape[1]).transpose(0, 2, 1).ravel()


@jit(nogil=True)
@no_type_check
def _tile(template, x, panel, step, start, y, apart, inputs):
    """Rows of x, a panel (`step` bytes from one row of it to the next) and what is added to them
    → eight columns of y. `apart`: bytes between rows of x, and of y."""
    many = load_planes(template, start, 0)
    for i in range(inputs):
        many = muladd_apart(many, load(panel + i * step), x + i * _FOUR, apart[0])
    store_planes(many, y, apart[1])


@jit(nogil=True)
@no_type_check
def tiles(x, rows, panel, step, start, y, apart, inputs):
    """`_tile` for any number of rows."""
    row = 0
    while row + len(_TEN) <= rows:
        at = x + row * apart[0], y + row * apart[1]
        _tile(_TEN, at[0], panel, step, start, at[1], apart, inputs)
        row += len(_TEN)
    while row < rows:
        at = x + row * apart[0], y + row * apart[1]
        _tile(_ONE_ROW, at[0], panel, step, start, at[1], apart, inputs)
        row += 1


@jit(nogil=True)
@no_type_check
def product(x, rows, w, y, inputs, columns):
    """y [rows, columns] = x [rows, inputs] · panels + biases, which follow the panels."""
    bias = w + inputs * columns * _FOUR
    apart = inputs * _FOUR, columns * _FOUR
    for c in range(0, columns, LANES):
        panel = w + c * inputs * _FOUR
        tiles(x, rows, panel, LANE_BYTES, bias + c * _FOUR, y + c * _FOUR, apart, inputs)
