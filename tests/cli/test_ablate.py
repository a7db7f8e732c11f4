"""`audioplane ablate` on a subject of two seconds."""

import json

from audioplane.cli import main
from audioplane.train import PRESETS
from tests.train.configs import TINY


def test_an_interrupted_ablation_goes_on_and_ends_with_its_tables(
    spoken_subject, tmp_path, monkeypatch, capsys
):
    monkeypatch.setitem(PRESETS, "demo", TINY)
    out = tmp_path / "ablation"
    command = ["ablate", str(spoken_subject.paths.root), "--out", str(out), "--preset", "demo"]
    command += ["--tables", "1", "--budget", "0.01"]
    assert main(command) == 0
    report = json.loads((out / "report.json").read_text())
    keys = {"full", "encoder=concat", "dynamism=false", "dynamism=false_encoder=concat"}
    assert report["variants"].keys() == keys
    assert all(15 < v["psnr"] < 60 for v in report["variants"].values())
    assert all(0 < v["density"] < 100 for v in report["variants"].values())
    assert len({v["iterations"] for v in report["variants"].values()}) == 1
    assert not (out / "full" / "checkpoints").exists()
    kept = (out / "full" / "result.json").read_bytes()
    (out / "encoder=concat" / "result.json").unlink()
    assert main([*command, "--executor", "local"]) == 0
    assert (out / "full" / "result.json").read_bytes() == kept
    assert (out / "encoder=concat" / "result.json").exists()
    assert "w/o A&amp;D" in (out / "report.html").read_text()
    assert main([*command, "--seed", "1"]) == 1
    assert "other settings" in capsys.readouterr().err
    assert json.loads((out / "plan.json").read_text())["subject"] == spoken_subject.identity


def test_another_subjects_folder_and_a_budget_of_no_time_are_refused(
    spoken_subject, tmp_path, monkeypatch, capsys
):
    monkeypatch.setitem(PRESETS, "demo", TINY)
    plan = {"subject": "somebody else", "asked": {}, "iterations": 9}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    command = ["ablate", str(spoken_subject.paths.root), "--out", str(tmp_path)]
    command += ["--preset", "demo"]
    assert main(command) == 1
    assert "holds an ablation of another subject" in capsys.readouterr().err
    assert main([*command, "--budget", "inf"]) == 1
    assert "--budget inf: choose" in capsys.readouterr().err
