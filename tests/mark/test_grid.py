import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioplane.mark.grid import LARGEST, SMALLEST, STEPS, Place, n_places, nearest


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
