import threading
import time

import pytest

from audioplane.prepare.workers import ahead, in_order


def test_results_come_in_the_order_of_the_items():
    def slow_first(i: int) -> int:
        time.sleep(0.02 if i % 3 == 0 else 0)
        return i * i

    assert list(in_order(slow_first, range(20))) == [i * i for i in range(20)]


def test_items_are_drawn_only_as_needed():
    drawn = []

    def items():
        for i in range(1000):
            drawn.append(i)
            yield i

    results = in_order(lambda i: i, items())
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    assert len(drawn) < 20
    results.close()
    assert len(drawn) < 20


def test_an_error_comes_out_where_its_result_would_have():
    def work(i: int) -> int:
        if i == 3:
            raise KeyError("three")
        return i

    results = in_order(work, range(10))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(KeyError, match="three"):
        next(results)


def test_nothing_runs_on_once_the_caller_has_stopped():
    before = threading.active_count()
    results = in_order(lambda i: i, range(100))
    next(results)
    results.close()
    assert threading.active_count() == before


def test_items_drawn_ahead_are_the_same():
    assert list(ahead(iter(range(50)))) == list(range(50))
    assert list(ahead([])) == []


def test_few_items_are_drawn_ahead_and_none_after_the_end():
    drawn = []

    def items():
        for i in range(1000):
            drawn.append(i)
            yield i

    before = threading.active_count()
    results = ahead(items())
    assert [next(results), next(results)] == [0, 1]
    results.close()
    assert len(drawn) < 10
    assert threading.active_count() == before


def test_an_error_in_drawing_comes_out_after_what_came_before_it():
    def items():
        yield 1
        raise OSError("broken video")

    results = ahead(items())
    assert next(results) == 1
    with pytest.raises(OSError, match="broken video"):
        next(results)
