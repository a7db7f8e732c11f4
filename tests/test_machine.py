import os

import pytest

from audioplane.machine import cores


@pytest.mark.parametrize(
    ("quota", "count"),
    [
        ("150000 100000", 2),
        ("50000 100000", 1),
        ("6400000 100000", 64),
        ("max 100000", 64),
        ("", 64),
    ],
)
def test_a_container_has_the_cores_that_it_has_time_for(tmp_path, monkeypatch, quota, count):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    (tmp_path / "cpu.max").write_text(quota)
    assert cores(tmp_path / "cpu.max") == count
    assert cores(tmp_path / "missing") == 64


def test_a_process_has_the_cores_that_it_is_bound_to(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3}, raising=False)
    assert cores(tmp_path / "missing") == 1
