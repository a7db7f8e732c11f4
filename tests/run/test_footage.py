import numpy as np
import pytest

from audioplane.errors import SubjectError
from audioplane.run import SubjectFootage
from audioplane.run.footage import longest_shot, shots_of
from audioplane.subject import FrameRef


def frames(*ids: int) -> list[FrameRef]:
    return [FrameRef(i, i, np.eye(4)) for i in ids]


def shot(refs: list[FrameRef], cuts: tuple[int, ...]) -> tuple[int, int]:
    found = longest_shot(shots_of(refs, cuts))
    start = refs.index(found[0])
    assert list(found) == refs[start : start + len(found)]
    return found[0].img_id, found[-1].img_id


def test_the_longest_shot_is_shown():
    assert shot(frames(*range(300)), ()) == (0, 299)
    assert shot(frames(*range(300)), (60, 200, 260)) == (60, 199)
    assert shot(frames(*range(300)), (0, 300)) == (0, 299)


def test_a_run_spans_few_missing_frames_but_not_many():
    few = frames(*range(100), *range(104, 300))
    assert shot(few, ()) == (0, 299)
    assert shot(few, (102,)) == (104, 299)
    assert shot(frames(*range(100), *range(110, 300)), ()) == (110, 299)


def test_shots_that_are_all_short_are_shown_one_after_the_other():
    assert shot(frames(*range(120)), (40, 80)) == (0, 119)


def test_another_persons_folder_is_refused(spoken_subject):
    with pytest.raises(SubjectError, match="trained on"):
        SubjectFootage.of(spoken_subject, [999])
