"""Which torsos a browser can begin to decode at."""

import numpy as np

from audioplane.web.plates import entered


def test_rows_are_entered_where_the_one_before_was_not_shown() -> None:
    assert entered(np.array([0, 1, 2, 3], np.uint16)) == {0}
    assert entered(np.array([0, 1, 2, 1, 2, 3], np.uint16)) == {0, 1}
    assert entered(np.array([0, 1, 3, 2], np.uint16)) == {0, 2, 3}
