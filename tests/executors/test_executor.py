"""Work that has to be complete."""

import os

import pytest

from audioplane.errors import WorkError
from audioplane.executors import LocalExecutor, SerialExecutor, complete
from audioplane.progress import Progress


def doubled(item, report, stop):
    report(Progress("double", item, 9))
    if item == 4:
        os._exit(3)
    return 2 * item


@pytest.mark.parametrize("executor", [SerialExecutor(), LocalExecutor(1)])
def test_all_results_come_with_their_progress(executor):
    seen = []
    assert dict(complete(executor, doubled, [1, 2, 3], str, seen.append)) == {1: 2, 2: 4, 3: 6}
    assert [progress.done for progress in seen] == [1, 2, 3]


def test_an_item_that_is_lost_is_named():
    with pytest.raises(WorkError, match=r"number 4: its process died \(exit code 3\)"):
        [*complete(LocalExecutor(1, retries=0), doubled, [4], "number {}".format, print)]
