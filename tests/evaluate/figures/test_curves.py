import json
from pathlib import Path

import numpy as np
import pytest

from audioplane.evaluate.figures.curves import read_curves


def test_what_was_repeated_counts_once_and_a_cut_line_is_skipped(tmp_path: Path) -> None:
    def progress(i: int, loss: float) -> dict:
        return {"event": "Progress", "iteration": i, "loss": loss, "psnr": 20.0, "gaussians": 5}

    events = [progress(100, 0.5), progress(200, 0.4), progress(100, 0.3), progress(300, 0.2)]
    events.append({"event": "Validated", "iteration": 200, "psnr": 21.0, "mouth_l1": 0.1})
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join(map(json.dumps, events)) + '\n{"event": "Prog')
    curves = read_curves(path)
    assert curves is not None
    assert curves.iteration.tolist() == [100, 200, 300] and curves.loss.tolist() == [0.3, 0.4, 0.2]
    assert np.isnan(curves.audio_spread).all()
    assert curves.unseen_psnr.tolist() == [21.0]


def test_without_events_there_are_no_curves(tmp_path: Path) -> None:
    assert read_curves(tmp_path / "missing") is None
    (tmp_path / "empty").write_text("")
    assert read_curves(tmp_path / "empty") is None


@pytest.mark.parametrize(
    "line",
    [
        b"null",
        b"[]",
        b"\xff\xfe",
        b'{"event": "Progress"}',
        b'{"event": "Progress", "iteration": [1]}',
        b'{"event": "Validated", "iteration": "x", "psnr": 1}',
    ],
)
def test_a_line_that_is_no_event_is_skipped(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "events.jsonl"
    good = b'{"event": "Progress", "iteration": %d, "loss": 0.5, "psnr": "x"}'
    path.write_bytes(b"\n".join([good % 1, line, good % 2]))
    curves = read_curves(path)
    assert curves is not None and curves.iteration.tolist() == [1, 2]
    assert curves.loss.tolist() == [0.5, 0.5] and np.isnan(curves.psnr).all()
