import json
from dataclasses import replace

from audioplane.evaluate.report import FrameScores, RegionScores, ScoreReport
from audioplane.evaluate.scores.action_units import ExpressionErrors
from audioplane.evaluate.scores.lips import LipScores
from audioplane.evaluate.scores.sound import SoundSync
from audioplane.evaluate.scores.visemes import VisemeScores
from audioplane.evaluate.streaks import Streaks
from audioplane.evaluate.syncnet import SyncScores


def report() -> ScoreReport:
    def scores(psnr: float, ssim: float | None) -> dict[str, RegionScores]:
        region = RegionScores(psnr, ssim, 0.1)
        return {"whole": region, "face": region, "mouth": RegionScores(psnr - 5, ssim, 0.2)}

    frames = (FrameScores(7, scores(30.0, 0.9), 1.0, 0.1, 0.2), FrameScores(9, scores(20.0, None)))
    lips = LipScores(lmd=2.5, n_frames=1, source="a reader", empty={"mac": "1 frame"})
    return ScoreReport(
        frames,
        lips,
        {"lpips": "no weights"},
        ("a note",),
        SoundSync(0.4, -1),
        syncnet=SyncScores(6.7, 8.0, 1, 120, 1),
        expression=ExpressionErrors(0.25, 0.5),
    )


def test_means_are_over_the_frames_that_have_a_value() -> None:
    means = report().means
    assert means["whole"] == RegionScores(25.0, 0.9, 0.1, None)
    assert means["mouth"].psnr == 20.0


def test_everything_goes_into_json() -> None:
    data = json.loads(json.dumps(report().to_dict(), allow_nan=False))
    assert data["n_frames"] == 2 and data["notes"] == ["a note"]
    assert data["empty"] == {"lpips": "no weights", "mac": "1 frame"}
    assert data["means"]["face"]["psnr"] == 25.0 and data["means"]["face"]["lpips"] is None
    assert data["lips"]["lmd"] == 2.5 and data["lips"]["mac"] is None
    assert data["syncnet"]["distance"] == 8.0 and data["true_syncnet"]["distance"] is None
    assert data["expression"]["bse_lower"] == 0.5 and data["expression"]["aue_lower"] is None
    assert data["sound"] == {"correlation": 0.4, "lag": -1} and data["true_sound"] is None
    assert data["frames"][1]["img_id"] == 9 and data["frames"][1]["regions"]["face"]["ssim"] is None


def test_rows_distinguish_missing_from_inapplicable_values() -> None:
    rows = {row.label: row.cells for row in report().rows()}
    assert rows["PSNR dB ↑"] == ("25.00", "25.00", "20.00")
    assert rows["LPIPS ↓"] == (None, None, None) and rows["MAC ↑"] == ("", "", None)
    assert rows["mouth with sound, render"] == ("", "", "0.40 at -1")
    assert rows["SyncNet confidence ↑ (recording)"] == ("6.700 (–)", "", "")
    assert rows["SyncNet offset frames (recording)"] == ("+1 (–)", "", "")
    assert rows["BSE upper ↓"] == ("", "0.2500", "") and rows["BSE lower ↓"] == ("", "", "0.5000")


def test_the_outline_has_a_line_where_it_is_known() -> None:
    known = replace(report(), frames=tuple(replace(f, outline=20.0) for f in report().frames))
    rows = {row.label: row.cells for row in known.rows()}
    assert rows["PSNR dB, outline ± 12 px ↑"] == ("20.00", "", "")
    assert known.to_dict()["outline_psnr"] == 20.0
    assert not [row for row in report().rows() if "outline" in row.label]


def test_the_tenth_that_is_turned_furthest_has_a_line_of_its_own() -> None:
    frames = [replace(f, turn=t) for f, t in zip(report().frames, (3.0, 12.0), strict=True)]
    turned = replace(report(), frames=tuple(frames), streaks=Streaks(31.4, 2.0))
    rows = {row.label: row.cells for row in turned.rows()}
    assert rows["PSNR dB, tenth turned furthest ↑"] == ("20.00", "20.00", "15.00")
    assert rows["streaks px, turned 10° (as recorded) ↓"] == ("31 (2)", "", "")
    data = json.loads(json.dumps(turned.to_dict(), allow_nan=False))
    assert data["furthest_tenth"]["turn"] == 12.0 and data["furthest_tenth"]["n_frames"] == 1
    assert data["furthest_tenth"]["means"]["mouth"]["psnr"] == 15.0
    assert data["streaks"] == {"turned": 31.4, "recorded": 2.0}
    many = replace(turned, frames=tuple(replace(frames[0], turn=float(i)) for i in range(21)))
    assert [f.turn for f in many.furthest] == [20.0, 19.0, 18.0]
    assert not report().furthest and report().to_dict()["furthest_tenth"] is None


def test_without_syncnet_the_cells_say_how_to_get_it() -> None:
    bare = ScoreReport(report().frames, LipScores())
    rows = {row.label: row.cells for row in bare.rows()}
    assert rows["SyncNet distance ↓ (recording)"] == (None, "", "")
    assert "evaluation.md" in bare.reasons["syncnet"]


def test_lips_and_phones_stand_beside_the_recording() -> None:
    own, true = VisemeScores(0.75, 8, 0.0, 9, 0.9, 0.8), VisemeScores(1.0, 8, 0.1, 9, 0.95, 0.7)
    found = replace(report(), visemes=own, true_visemes=true)
    cells = {row.label: row.cells[2] for row in found.rows()}
    assert cells["lips closed at p, b, m (recording)"] == "0.75 of 8 (1.00 of 8)"
    assert cells["narrower at u, o, w than at i, e (recording)"] == "0.90 (0.95)"
    data = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert data["visemes"]["closures"] == 0.75 and data["true_visemes"]["n_open"] == 9
