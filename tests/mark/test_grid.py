import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioplane.mark.grid import LARGEST, MOST_ASPECT, SMALLEST, STEPS, Place, n_places, nearest
from audioplane.mark.pattern import GRID


@settings(deadline=None)
@given(
    x=st.floats(-200, 200),
    y=st.floats(-200, 200),
    scale=st.floats(SMALLEST * 1.01, LARGEST * 0.99),
)
def test_the_nearest_place_is_near(x, y, scale):
    nominal = 8.0
    place = nearest(x, y, scale * nominal, nominal, (640, 512))
    width, height = place.cell(nominal)
    assert width == height == pytest.approx(scale * nominal, rel=0.0013)
    corner = place.corner(nominal, 640, 512)
    step = width / STEPS / 2
    assert corner == pytest.approx((x, y), abs=step + 1e-9)


def test_moves_stay_among_the_places_that_are_counted():
    place = Place(0, 0, 0)
    assert place.moved(0, 3) == Place(3, 0, 0) and place.moved(1, -1) == Place(0, -1, 0)
    assert place.moved(2, -5).size == 0
    assert place.moved(2, 10**6).cell(1.0)[0] == pytest.approx(LARGEST, rel=0.003)
    assert abs(place.moved(3, 10**6).cell(1.0)[1] / place.cell(1.0)[1] - 1.01) < 1e-3
    assert n_places() > 1e8


@pytest.mark.parametrize("size", [(512, 512), (4 * 512, 512), (512, 8 * 512)])
def test_no_place_is_left_uncounted(size):
    nominal, total = min(size) / GRID, 0
    for step in range(10**4):
        if Place(0, 0, 0).moved(2, step).size < step:
            break
        for aspect in range(-MOST_ASPECT, MOST_ASPECT + 1):
            cell = Place(0, 0, step, aspect).cell(nominal)
            # The first cell may begin between a grid before the image and its far edge.
            along = [STEPS * (GRID + n / c) for n, c in zip(size, cell, strict=True)]
            total += (math.floor(along[0]) + 1) * (math.floor(along[1]) + 1)
    assert total <= n_places(max(size) / min(size)) <= 1.02 * total
