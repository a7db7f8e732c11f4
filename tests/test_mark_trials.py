from pathlib import Path

import numpy as np
import pytest
from examples.mark_trials import MarkTrials, Treatment, psnr, treated

from audioplane.mark import MarkPayload, MarkReading
from audioplane.media.writer import VideoWriter


def test_lost_frames_are_held_or_closed_up():
    frames = [np.full((20, 30, 3), i, np.uint8) for i in range(40)]
    shown = {}
    for closed_up in (False, True):
        how = Treatment("", lost=0.5, closed_up=closed_up, crop=0.1, scale=0.5)
        out = list(treated(frames, how, np.random.default_rng(0)))
        assert all(frame.shape == (9, 14, 3) for frame in out)
        shown[closed_up] = [int(frame[0, 0, 0]) for frame in out]
    held, closed = shown[False], shown[True]
    assert len(held) == 40 and len(closed) == 20 == len(set(closed))
    assert held == [max([k for k in closed if k <= i], default=closed[0]) for i in range(40)]


def test_quality_is_that_of_the_worst_frame():
    frames = [np.full((4, 4, 3), 10, np.uint8)] * 2
    other = [frames[0] + 1, frames[0] + 2]
    assert psnr(frames, other) == pytest.approx(20 * np.log10(255 / 2))


def test_the_table_has_a_row_for_every_treatment(tmp_path, capsys, monkeypatch):
    few = (Treatment("as written"), Treatment("far too much", crf=51, scale=0.2))
    monkeypatch.setattr("examples.mark_trials.TREATMENTS", few)
    rows = printed(tmp_path, capsys)
    assert rows["as written"][:4] == ["1", "100.0%", "100.0%", "100.0%"]
    assert rows["far too much"][:4] == ["1", "0.0%", "0.0%", "0.0%"] == rows["not marked"][:4]
    assert any(name.startswith("0 of 2 payloads") for name in rows)


def test_a_payload_that_is_read_without_the_sync_is_found_but_not_by_sync(
    tmp_path, capsys, monkeypatch
):
    faint = MarkReading(8.4, MarkPayload(0, 2**32 - 1), second=0.0, scale=1.0, threshold=9.2)
    monkeypatch.setattr("examples.mark_trials.TREATMENTS", (Treatment("faint"),))
    monkeypatch.setattr("examples.mark_trials.read_mark", lambda frames, key: faint)
    assert printed(tmp_path, capsys)["faint"] == ["1", "100.0%", "0.0%", "100.0%", "8.4"]


def printed(folder: Path, capsys: pytest.CaptureFixture) -> dict[str, list[str]]:
    """The table's rows by their names, of a grey video."""
    video = folder / "grey.mp4"
    with VideoWriter(video, 192, 192) as writer:
        for _ in range(60):
            writer.write(np.full((192, 192, 3), 100, np.uint8))
    MarkTrials((video,), seconds=2.4).run()
    lines = capsys.readouterr().out.splitlines()
    return {line[:34].strip(): line[34:].split() for line in lines}
