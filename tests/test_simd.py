import numpy as np
import pytest
from numba import njit

from audioplane import simd, simd_planes


@njit
def _apply_exp(values, out):
    for i in range(len(values) // 8):
        simd.store(
            out.ctypes.data + 32 * i, simd.exp_bounded(simd.load(values.ctypes.data + 32 * i))
        )


@njit
def _arithmetic(a, b):
    x, y = simd.load(a.ctypes.data), simd.load(b.ctypes.data)
    z = simd.muladd(x - y, np.float32(2), x * y) / (np.float32(1) + y)
    z = simd.where_above(x, y, z, simd.smaller(x, y))
    return simd.lane_sum(z + simd.count_up(np.float32(0.5)) - simd.broadcast(np.float32(1)))


@njit
def _any_above(a, limit):
    return simd.any_above(simd.load(a.ctypes.data), limit)


@njit
def _rounding(a, out):
    x, at = simd.load(a.ctypes.data), out.ctypes.data
    simd.store(at, simd.square_root(x))
    simd.store(at + 32, simd.round_up(x))
    simd.store(at + 64, simd.round_down(x))
    return simd.lane_min(x), simd.lane_max(x), simd.pick(a.ctypes.data, 3)


@njit
def _overlap(low, high, first, last):
    return simd.overlap_bits(simd.load(low.ctypes.data), simd.load(high.ctypes.data), first, last)


@njit
def _planes(template, planes, numbers, weight, out):
    """out: planes + weight · numbers, plane by plane; Σ planes · numbers; Σ planes²."""
    many = simd_planes.load_planes(template, planes.ctypes.data, 32)
    w, zero = simd.load(weight.ctypes.data), simd.broadcast(np.float32(0))
    sums = out.ctypes.data + 32 * len(planes)
    simd_planes.store_planes(
        simd_planes.muladd_many(many, w, numbers.ctypes.data), out.ctypes.data, 32
    )
    simd.store(sums, simd_planes.dot_many(zero, many, numbers.ctypes.data))
    simd.store(sums + 32, simd_planes.dot_planes(zero, many, planes.ctypes.data, 32))


@njit
def _sum_lanes(template, planes, three, weight, out):
    many = simd_planes.load_planes(template, planes.ctypes.data, 32)
    at = three.ctypes.data
    row = simd.make_lanes(np.float32(2), np.float32(3), np.float32(4))
    simd_planes.add_lane_sums(
        out.ctypes.data,
        simd.load(at),
        simd.load(at + 32),
        simd.load(at + 64),
        simd.load(weight.ctypes.data),
        many,
        row,
    )


@njit
def _pairs(template, a, two, numbers, limits, out):
    """Rows of out: where a · two > limit, exp(a · two), else 0, of two rows; the same times each
    number, plane by plane."""
    log = simd.on_both_rows(simd.load(a.ctypes.data)) * simd.pick_pair(two.ctypes.data, 1)
    alpha = simd.where_above(
        log, simd.load_pair(limits.ctypes.data), simd.exp_bounded(log), np.float32(0)
    )
    simd.store(out.ctypes.data, alpha)
    many = simd_planes.muladd_many(simd_planes.zero_pairs(template), alpha, numbers.ctypes.data)
    at = out.ctypes.data + 64
    simd_planes.store_planes(simd_planes.first_row(many), at, 64)
    simd_planes.store_planes(simd_planes.second_row(many), at + 32, 64)
    return simd.any_above(alpha, np.float32(0.5))


@njit
def _apart(template, planes, numbers, weight, out):
    many = simd_planes.load_planes(template, planes.ctypes.data, 32)
    w = simd.load(weight.ctypes.data)
    many = simd_planes.muladd_apart(many, w, numbers.ctypes.data, numbers.strides[0])
    simd_planes.store_planes(many, out.ctypes.data, 32)


@pytest.mark.parametrize("count", [1, 3])
def test_numbers_may_lie_apart(count):
    rng = np.random.default_rng(count)
    planes, numbers, weight = (rng.random(n, np.float32) for n in ((count, 8), (count, 5), 8))
    out = np.empty_like(planes)
    _apart((np.float32(0),) * count, planes, numbers, weight, out)
    assert np.allclose(out, planes + weight * numbers[:, :1], rtol=1e-6)


def test_exp_matches_numpy_where_it_counts():
    values = np.linspace(-8, 1, 4096).astype(np.float32)
    out = np.empty_like(values)
    _apply_exp(values, out)
    assert np.abs(out / np.exp(values.astype(np.float64)) - 1).max() < 6e-7


def test_exp_of_a_very_negative_number_is_finite():
    values = -np.logspace(0, 38, 4096).astype(np.float32)
    out = np.empty_like(values)
    _apply_exp(values, out)
    assert not np.isnan(out[values > -87]).any()


def test_lanes_compute_what_numpy_computes():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 8)).astype(np.float32)
    z = np.where(a > b, (2 * (a - b) + a * b) / (1 + b), np.minimum(a, b))
    assert np.isclose(_arithmetic(a, b), (z + np.arange(8) + 0.5 - 1).sum(), rtol=1e-5)


def test_any_above_sees_each_lane():
    for lane in range(8):
        a = np.zeros(8, np.float32)
        a[lane] = 1
        assert _any_above(a, np.float32(0.5))
        assert not _any_above(a, np.float32(1.5))


def test_rounding_and_extremes():
    a = np.random.default_rng(1).uniform(0, 9, 8).astype(np.float32)
    out = np.empty((3, 8), np.float32)
    low, high, fourth = _rounding(a, out)
    assert np.allclose(out, [np.sqrt(a), np.ceil(a), np.floor(a)], rtol=1e-6)
    assert (low, high, fourth) == (a.min(), a.max(), a[3])


def test_overlap_bits_mark_the_spans_that_meet():
    low = np.array([0, 5, 8, 16, 7, 15, 1e9, 3], np.float32)
    high = np.array([4, 9, 15, 20, 8, 16, -1e9, 30], np.float32)
    bits = _overlap(low, high, np.float32(8), np.float32(15))
    meets = (low <= 15) & (high >= 8)
    assert bits == sum(1 << i for i in np.flatnonzero(meets))


@pytest.mark.parametrize("count", [1, 4])
def test_pairs_are_two_rows_of_the_same_pixels(count):
    rng = np.random.default_rng(count)
    a, numbers = (-rng.random(n, np.float32) for n in (8, count))
    two, limits = np.float32([7, 1, 3]), np.full((2, 8), -0.5, np.float32)
    limits[1, 2:] = np.inf
    out = np.empty((1 + count, 2, 8), np.float32)
    assert _pairs((np.float32(0),) * count, a, two, numbers, limits, out)
    log = two[1:, None] * a
    alpha = np.where(log > limits, np.exp(log), 0)
    assert np.allclose(out[0], alpha, rtol=1e-6)
    assert np.allclose(out[1:], alpha * numbers[:, None, None], rtol=1e-6)
    limits[:] = np.inf
    assert not _pairs((np.float32(0),) * count, a, two, numbers, limits, out)
    assert (out == 0).all()


@pytest.mark.parametrize("count", [1, 4, 5])
def test_tuples_of_lanes(count):
    rng = np.random.default_rng(count)
    planes, numbers, weight = rng.random((count, 8)), rng.random(count), rng.random(8)
    planes, numbers, weight = (x.astype(np.float32) for x in (planes, numbers, weight))
    out = np.empty((count + 2, 8), np.float32)
    _planes((np.float32(0),) * count, planes, numbers, weight, out)
    assert np.allclose(out[:count], planes + weight * numbers[:, None], rtol=1e-6)
    assert np.allclose(out[count], numbers @ planes, rtol=1e-6)
    assert np.allclose(out[count + 1], (planes**2).sum(0), rtol=1e-6)


@pytest.mark.parametrize("count", [1, 5, 8])
def test_lane_sums_are_added_in_order(count):
    rng = np.random.default_rng(count)
    planes, three = rng.random((count, 8)), rng.random((3, 8))
    planes, three, weight = (x.astype(np.float32) for x in (planes, three, rng.random(8)))
    columns = 8 + -(-(3 + count) // 8) * 8
    out = np.ones(columns, np.float32)
    _sum_lanes((np.float32(0),) * count, planes, three, weight, out)
    sums = np.concatenate([three.sum(1), planes @ weight])
    assert np.allclose(out[8 : 8 + len(sums)], 1 + sums, rtol=1e-6)
    assert np.allclose(out[:3], 1 + np.array([2, 3, 4]) * sums[[0, 1, 0]], rtol=1e-6)
    assert (out[8 + len(sums) :] == 1).all()
