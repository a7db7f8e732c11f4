import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from audioplane.errors import MediaError
from audioplane.evaluate.lips import LipScores
from audioplane.evaluate.report import EvaluationReport, FrameScores, RegionScores


def report() -> EvaluationReport:
    def scores(psnr: float, ssim: float | None) -> dict[str, RegionScores]:
        region = RegionScores(psnr, ssim, 0.1)
        return {"whole": region, "face": region, "mouth": RegionScores(psnr - 5, ssim, 0.2)}

    frames = (FrameScores(7, scores(30.0, 0.9), 1.0, 0.1, 0.2), FrameScores(9, scores(20.0, None)))
    lips = LipScores(lmd=2.5, n_frames=1, source="a reader", empty={"mac": "1 frame"})
    return EvaluationReport(frames, lips, {"lpips": "no weights"}, ("a note",), "someone")


def test_means_are_over_the_frames_that_have_a_value() -> None:
    means = report().means
    assert means["whole"] == RegionScores(25.0, 0.9, 0.1, None)
    assert means["mouth"].psnr == 20.0


def test_json_holds_everything(tmp_path: Path) -> None:
    text = report().to_json(tmp_path / "report.json")
    data = json.loads((tmp_path / "report.json").read_text())
    assert data == json.loads(text)
    assert data["n_frames"] == 2 and data["notes"] == ["a note"] and data["subject"] == "someone"
    assert data["empty"] == {"lpips": "no weights", "mac": "1 frame"}
    assert data["means"]["face"]["psnr"] == 25.0 and data["means"]["face"]["lpips"] is None
    assert data["lips"]["lmd"] == 2.5 and data["lips"]["mac"] is None
    assert data["frames"][1]["img_id"] == 9 and data["frames"][1]["regions"]["face"]["ssim"] is None
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="cannot be written"):
        report().to_json(tmp_path / "missing" / "report.json")


def test_table_shows_figures_and_reasons() -> None:
    console = Console(record=True, width=120, file=io.StringIO())
    console.print(report().to_table())
    text = console.export_text()
    for part in ("25.00", "20.00", "2.50", "a reader", "a note", "lpips: no weights", "mac: 1 fr"):
        assert part in text
