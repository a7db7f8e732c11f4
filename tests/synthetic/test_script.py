import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioplane.synthetic.phonemes import SILENCE
from audioplane.synthetic.script import script


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), seconds=st.floats(0.3, 40.0), held_out=st.booleans())
def test_a_script_fills_its_time_without_a_gap(seed: int, seconds: float, held_out: bool) -> None:
    timed = script(seed, seconds, held_out)
    assert timed[0].start == 0
    assert timed[-1].end == pytest.approx(seconds)
    assert all(a.end == b.start for a, b in zip(timed, timed[1:], strict=False))
    assert all(t.end > t.start for t in timed)
    assert timed[0].symbol == timed[-1].symbol == SILENCE


def test_pauses_are_long_enough_to_see_the_mouth_shut() -> None:
    pauses = [t for t in script(0, 30.0) if t.symbol == SILENCE]
    assert len(pauses) >= 8
    assert min(p.end - p.start for p in pauses) > 0.18


def test_scripts_differ_by_seed_and_by_part() -> None:
    def said(seed: int, held_out: bool) -> list[str]:
        return [t.symbol for t in script(seed, 10.0, held_out)]

    assert said(0, False) == said(0, False)
    assert said(0, False) != said(1, False)
    assert said(0, False) != said(0, True)
