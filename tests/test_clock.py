from hypothesis import given
from hypothesis import strategies as st

from audioplane.clock import FPS, FRAME_SAMPLES, SAMPLE_RATE, spread_over


def test_frames_are_whole_samples():
    assert FRAME_SAMPLES * FPS == SAMPLE_RATE


def test_rows_are_spread_from_end_to_end():
    assert spread_over(11, 3).tolist() == [0, 5, 10]
    assert spread_over(2, 5).tolist() == [0, 1]
    assert spread_over(7, 1).tolist() == [0]
    assert spread_over(0, 5).tolist() == []


@given(st.integers(2, 5000), st.integers(2, 300))
def test_no_row_is_twice_and_gaps_differ_by_one_at_most(n, k):
    rows = spread_over(n, k)
    gaps = rows[1:] - rows[:-1]
    assert len(rows) == min(n, k) and (rows[0], rows[-1]) == (0, n - 1)
    assert gaps.min() >= 1 and gaps.max() - gaps.min() <= 1
