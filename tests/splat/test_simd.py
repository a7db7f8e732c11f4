import numpy as np
from numba import njit

from audioplane.splat import simd


@njit
def _apply_exp(values, out):
    for i in range(len(values) // 8):
        simd.store(
            out.ctypes.data + 32 * i, simd.exp_negative(simd.load(values.ctypes.data + 32 * i))
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


def test_exp_matches_numpy_over_its_range():
    values = np.linspace(0, 86, 4096).astype(np.float32)
    out = np.empty_like(values)
    _apply_exp(values, out)
    assert np.abs(out / np.exp(-values.astype(np.float64)) - 1).max() < 4e-7


def test_exp_of_a_huge_number_is_tiny_not_nan():
    values = np.full(8, 1e30, np.float32)
    out = np.empty_like(values)
    _apply_exp(values, out)
    assert (out >= 0).all() and out.max() < 1e-37


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
