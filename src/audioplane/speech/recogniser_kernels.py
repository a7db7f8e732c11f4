"""The recogniser's layers for one chunk of steps, numba kernels: each product over a few rows.

Libraries are made for large products; a chunk has ten rows, and between its products lie some
hundred small operations.

Legend: x, y, w: addresses of float32, of weights as `simd_products.flat` lays them; *known* steps
are those before a chunk and the chunk's own.
"""

from typing import NamedTuple, no_type_check

import numpy as np

from audioplane.jit import jit
from audioplane.simd import (
    LANE_BYTES,
    LANES,
    broadcast,
    exp_bounded,
    lane_max,
    lane_sum,
    load,
    muladd,
    smaller,
    store,
    where_above,
)
from audioplane.simd_products import product, tiles

WIDTH, HEADS, REACH = 144, 4, 15
"""Numbers of a step, heads of the attention, steps to either side in the convolution."""
COLUMNS = 192
"""Of the probabilities: the symbols, and one that never is."""
_WIDE, _SIZE = 4 * WIDTH, WIDTH // HEADS
_TAPS = 2 * REACH + 1
_ROOM = -(-_SIZE // LANES) * LANES
"""Columns of a head's values, the last of them zeros."""
VALUES = HEADS * _ROOM
_FOUR = 4
"""Bytes of a number."""
_ONE, _HALF, _ZERO = np.float32(1), np.float32(0.5), np.float32(0)
_LIMIT = np.float32(80)
_NEVER = np.float32(-1e30)
_SCALE = np.float32(1 / np.sqrt(_SIZE))


class Scratch(NamedTuple):
    """Memory for a chunk: a kernel must not work on the address of an array that it made itself."""

    inner: np.ndarray
    made: np.ndarray
    wide: np.ndarray
    qkv: np.ndarray
    both: np.ndarray
    scores: np.ndarray
    taken: np.ndarray
    zeros: np.ndarray


def scratch_for(rows: int, past: int) -> Scratch:
    """For chunks of so many rows, with so many before them at most."""
    known = -(-(rows + past) // LANES) * LANES
    wide = WIDTH, WIDTH, _WIDE, 3 * WIDTH, 2 * WIDTH, known, _ROOM
    rooms = [np.zeros((rows, columns), np.float32) for columns in wide]
    return Scratch(*rooms, zeros=np.zeros(LANES, np.float32))


@jit(nogil=True)
@no_type_check
def _sigmoid(x):
    bounded = smaller(broadcast(_LIMIT), where_above(x, -_LIMIT, x, -_LIMIT))
    return _ONE / (_ONE + exp_bounded(_ZERO - bounded))


@jit(nogil=True)
@no_type_check
def _normalise(x, rows, w, y):
    """Each row with zero mean and unit deviation, times its weights, plus its biases."""
    size = WIDTH * _FOUR
    for row in range(rows):
        at, total, squares = row * size, broadcast(_ZERO), broadcast(_ZERO)
        for c in range(0, size, LANE_BYTES):
            total = total + load(x + at + c)
        mean = lane_sum(total) / np.float32(WIDTH)
        for c in range(0, size, LANE_BYTES):
            away = load(x + at + c) - mean
            squares = muladd(away, away, squares)
        scale = _ONE / np.sqrt(lane_sum(squares) / np.float32(WIDTH) + np.float32(1e-5))
        for c in range(0, size, LANE_BYTES):
            away = (load(x + at + c) - mean) * scale
            store(y + at + c, muladd(away, load(w + c), load(w + size + c)))


@jit(nogil=True)
@no_type_check
def _add(x, y, count, share):
    """x += share · y."""
    for at in range(0, count * _FOUR, LANE_BYTES):
        store(x + at, muladd(share, load(y + at), load(x + at)))


@jit(nogil=True)
@no_type_check
def _feed_forward(x, rows, w, scratch):
    """Adds half of it to x; returns where the weights go on."""
    inner, made = scratch.inner.ctypes.data, scratch.made.ctypes.data
    wide = scratch.wide.ctypes.data
    up = w + 2 * WIDTH * _FOUR
    down = up + (WIDTH + 1) * _WIDE * _FOUR
    _normalise(x, rows, w, inner)
    product(inner, rows, up, wide, WIDTH, _WIDE)
    for at in range(0, rows * _WIDE * _FOUR, LANE_BYTES):
        v = load(wide + at)
        store(wide + at, v * _sigmoid(v))
    product(wide, rows, down, made, _WIDE, WIDTH)
    _add(x, made, rows * WIDTH, _HALF)
    return down + (_WIDE + 1) * WIDTH * _FOUR


@jit(nogil=True)
@no_type_check
def _softmax(rows, count):
    """Of the first `count` numbers of each row [r, k], in place; others become 0. k is a multiple
    of eight."""
    for row in rows:
        row[count:] = _NEVER
        x, size, top, total = row.ctypes.data, len(row) * _FOUR, broadcast(_NEVER), broadcast(_ZERO)
        for at in range(0, size, LANE_BYTES):
            v = load(x + at)
            top = where_above(v, top, v, top)
        highest = lane_max(top)
        for at in range(0, size, LANE_BYTES):
            away = load(x + at) - highest
            share = where_above(away, -_LIMIT, exp_bounded(away), _ZERO)
            total = total + share
            store(x + at, share)
        scale = _ONE / lane_sum(total)
        for at in range(0, size, LANE_BYTES):
            store(x + at, load(x + at) * scale)


@jit(nogil=True)
@no_type_check
def _attend(scratch, keys, values, span):
    """What each head of the chunk's rows takes from the known steps, into `scratch.inner`.

    keys [WIDTH, n] and values [n, VALUES] hold the steps from `span[0]` to `span[1]`; the chunk's
    are added here.
    """
    qkv, taken, first, last = scratch.qkv, scratch.taken, span[0], span[1]
    rows, known = len(qkv), last + len(qkv) - first
    scores = scratch.scores[:, : -(-known // LANES) * LANES]
    for r in range(rows):
        for h in range(HEADS):
            for i in range(_SIZE):
                c = h * _SIZE + i
                qkv[r, c] *= _SCALE
                keys[c, last + r] = qkv[r, WIDTH + c]
                values[last + r, h * _ROOM + i] = qkv[r, 2 * WIDTH + c]
    zeros, of_scores = scratch.zeros.ctypes.data, scores.ctypes.data
    wide, key_step, value_step = scores.strides[0], keys.shape[1] * _FOUR, VALUES * _FOUR
    for h in range(HEADS):
        query = qkv.ctypes.data + h * _SIZE * _FOUR
        near = keys.ctypes.data + h * _SIZE * key_step + first * _FOUR
        apart = qkv.shape[1] * _FOUR, wide
        for at in range(0, scores.shape[1] * _FOUR, LANE_BYTES):
            tiles(query, rows, near + at, key_step, zeros, of_scores + at, apart, _SIZE)
        _softmax(scores, known)
        value = values.ctypes.data + first * value_step + h * _ROOM * _FOUR
        apart, into = (wide, _ROOM * _FOUR), taken.ctypes.data
        for at in range(0, _ROOM * _FOUR, LANE_BYTES):
            tiles(of_scores, rows, value + at, value_step, zeros, into + at, apart, known)
        scratch.inner[:, h * _SIZE : (h + 1) * _SIZE] = taken[:, :_SIZE]


@jit(nogil=True)
@no_type_check
def _convolve(line, rows, w, y):
    """y [rows, WIDTH]: the taps along line [REACH + rows, WIDTH], which zeros follow, through
    SiLU."""
    at, size = line.ctypes.data, WIDTH * _FOUR
    for r in range(rows):
        for c in range(0, size, LANE_BYTES):
            v = load(w + _TAPS * size + c)
            for tap in range(min(_TAPS, REACH + rows - r)):
                v = muladd(load(w + tap * size + c), load(at + (r + tap) * size + c), v)
            store(y + r * size + c, v * _sigmoid(v))


@jit(nogil=True)
@no_type_check
def _gate(both, x):
    """x [r, WIDTH]: the first half of each row of both, times the sigmoid of the second."""
    for r in range(len(x)):
        at, to = both[r].ctypes.data, x[r].ctypes.data
        for c in range(0, WIDTH * _FOUR, LANE_BYTES):
            store(to + c, load(at + c) * _sigmoid(load(at + WIDTH * _FOUR + c)))


@jit(nogil=True)
@no_type_check
def layers(x, weights, known, span, scratch):
    """Run a chunk x [rows, WIDTH] through all layers, in place.

    Args:
        weights: of each layer, [layers, k] (`Recogniser`).
        known: keys [layers, WIDTH, n] and values [layers, n, VALUES] of the steps from `span[0]` to
            `span[1]`, and room for the chunk's, which are put there; inputs of the convolution
            [layers, REACH + rows, WIDTH], of which REACH were before the chunk. The first `span[2]`
            of the chunk are before the next one.
        scratch: memory.
    """
    keys, values, lines = known
    rows, at = len(x), x.ctypes.data
    near, out = scratch.inner.ctypes.data, scratch.made.ctypes.data
    qkv, both = scratch.qkv.ctypes.data, scratch.both.ctypes.data
    norm, square = 2 * WIDTH * _FOUR, (WIDTH + 1) * WIDTH * _FOUR
    for layer in range(len(weights)):
        w = _feed_forward(at, rows, weights[layer].ctypes.data, scratch)
        _normalise(at, rows, w, near)
        product(near, rows, w + norm, qkv, WIDTH, 3 * WIDTH)
        w += norm + 3 * square
        _attend(scratch, keys[layer], values[layer], span)
        product(near, rows, w, out, WIDTH, WIDTH)
        _add(at, out, rows * WIDTH, _ONE)
        w += square
        _normalise(at, rows, w, near)
        product(near, rows, w + norm, both, WIDTH, 2 * WIDTH)
        w += norm + 2 * square
        line = lines[layer]
        _gate(scratch.both, line[REACH:])
        _convolve(line, rows, w, near)
        line[:REACH] = line[span[2] : span[2] + REACH].copy()
        w += (_TAPS + 1) * WIDTH * _FOUR
        product(near, rows, w, out, WIDTH, WIDTH)
        _add(at, out, rows * WIDTH, _ONE)
        w = _feed_forward(at, rows, w + square, scratch)
        _normalise(at, rows, w, at)


@jit(nogil=True)
@no_type_check
def probabilities(x, weights, symbols, made):
    """Of the symbols, into made [rows, COLUMNS], from a chunk x after all layers."""
    product(x.ctypes.data, len(x), weights.ctypes.data, made.ctypes.data, WIDTH, COLUMNS)
    _softmax(made, symbols)
