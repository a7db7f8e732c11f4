import pytest

from audioplane.errors import PoseError
from audioplane.evaluate.run import evaluate


def test_an_unknown_word_for_the_poses_is_refused_before_any_work(tmp_path):
    unchecked = evaluate.__wrapped__  # the tests' type checks refuse it, too
    with pytest.raises(PoseError, match="tracked, refined or both"):
        unchecked(tmp_path, poses="nonsense")
