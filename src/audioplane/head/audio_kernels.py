"""The audio encoder for one frame, a numba kernel: eight windows in, one vector out.

PyTorch takes a hundred small operations for it, which cost ten times their arithmetic.

Legend: n windows of t steps, each of `inputs` numbers; rows lie one after another.
"""

from typing import NamedTuple, no_type_check

import numpy as np

from audioplane.jit import jit
from audioplane.simd_products import product

SLOPE = 0.02
"""Of the leaky ReLU."""
_SLOPE, _FOUR, _TAPS = np.float32(SLOPE), 4, 3


class Scratch(NamedTuple):
    """Memory: a kernel must not work on the address of an array that it made itself."""

    gathered: np.ndarray
    one: np.ndarray
    other: np.ndarray


@jit(nogil=True)
@no_type_check
def _activate(y, count):
    for i in range(count):
        y[i] = max(y[i], _SLOPE * y[i])


@jit(nogil=True)
@no_type_check
def _convolve(x, counts, layer, w, gathered, y):
    """y [n · u, columns]: convolutions of width 3 over x [n · t, inputs], padded by zeros, and the
    leaky ReLU; returns u.

    counts: n, t. layer: inputs, columns, stride. w: address of the weights, tap by tap.
    """
    n, t = counts
    inputs, columns, stride = layer
    made = (t - 1) // stride + 1
    width = _TAPS * inputs
    for i in range(n * made):
        window, first = i // made, (i % made) * stride - 1
        for tap in range(_TAPS):
            row, to = first + tap, i * width + tap * inputs
            if 0 <= row < t:
                at = (window * t + row) * inputs
                gathered[to : to + inputs] = x[at : at + inputs]
            else:
                gathered[to : to + inputs] = 0
    product(gathered.ctypes.data, n * made, w, y.ctypes.data, width, columns)
    _activate(y, n * made * columns)
    return made


@jit(nogil=True)
@no_type_check
def encode(windows, net, attention, linear, weights, scratch):
    """The mean over the windows [n · t, inputs] of what the networks make of each, by the weights
    that the attention gives them.

    Args:
        windows: flat; net[0, 0] are its inputs.
        net, attention: layers [k, 3] of the convolutions over a window's steps and over windows:
            inputs, columns, stride.
        linear: numbers of a vector, steps of a window.
        weights: flat; of the net's convolutions, its two linear layers, the attention's
            convolutions and its linear layer.
        scratch: memory, of which `one` holds the vector at the end.
    """
    size, t = linear
    n = len(windows) // (t * net[0, 0])
    w, x, y = weights.ctypes.data, scratch.one, scratch.other
    x[: len(windows)] = windows
    for k in range(len(net)):
        t = _convolve(x, (n, t), net[k], w, scratch.gathered, y)
        w += (_TAPS * net[k, 0] + 1) * net[k, 1] * _FOUR
        x, y = y, x
    for i in range(n):
        for c in range(size):
            total = np.float32(0)
            for step in range(t):
                total += x[(i * t + step) * size + c]
            y[i * size + c] = total / np.float32(t)
    vectors = scratch.gathered[-n * size :]
    product(y.ctypes.data, n, w, x.ctypes.data, size, size)
    _activate(x, n * size)
    w += (size + 1) * size * _FOUR
    product(x.ctypes.data, n, w, vectors.ctypes.data, size, size)
    w += (size + 1) * size * _FOUR
    x[: n * size] = vectors
    for k in range(len(attention)):
        _convolve(x, (1, n), attention[k], w, scratch.gathered, y)
        w += (_TAPS * attention[k, 0] + 1) * attention[k, 1] * _FOUR
        x, y = y, x
    columns = attention[-1, 1]
    for i in range(n):
        y[i] = x[i * columns]
    product(y.ctypes.data, 1, w, x.ctypes.data, n, n)
    shares = np.exp(x[:n] - x[:n].max())
    shares /= shares.sum()
    for c in range(size):
        total = np.float32(0)
        for i in range(n):
            total += shares[i] * vectors[i * size + c]
        scratch.one[c] = total


@jit(nogil=True)
@no_type_check
def represent(vector, queries, biases, grids, bounds, out):
    """Eq. 4 for one audio vector: f_a of every scale, into out [s, d].

    queries [s, d, 64] and biases [s, d]; grids [p, d], of which rows bounds[s] to bounds[s + 1] are
    the prototypes of a scale.
    """
    scales, d = out.shape
    scores, query = np.empty(len(grids), np.float32), np.empty(d, np.float32)
    for s in range(scales):
        first, last = bounds[s], bounds[s + 1]
        for i in range(d):
            query[i] = biases[s, i]
            for c in range(len(vector)):
                query[i] += queries[s, i, c] * vector[c]
        for p in range(first, last):
            score = np.float32(0)
            for i in range(d):
                score += query[i] * grids[p, i]
            scores[p] = score / np.sqrt(np.float32(d))
        top, total = scores[first:last].max(), np.float32(0)
        out[s] = 0
        for p in range(first, last):
            share = np.exp(scores[p] - top)
            total += share
            for i in range(d):
                out[s, i] += share * grids[p, i]
        out[s] /= total
