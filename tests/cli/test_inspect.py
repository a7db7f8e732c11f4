import json
import re
import shutil

import pytest

from audioplane.cli import main
from audioplane.media.image import read_image
from audioplane.speech import DEFAULT_KIND
from tests.subject.prior_work import MAKERS


def test_facts_in_words_and_an_image(spoken_subject, tmp_path, capsys):
    root = tmp_path / "subject"
    shutil.copytree(spoken_subject.paths.root, root)
    assert main(["inspect", str(root)]) == 0
    said = capsys.readouterr().out
    assert "50 to train on, 5 held out" in said and "55 x 16 x 80" in said
    assert "missing" not in said
    assert read_image(root / "inspect.png").shape == (2 * (384 + 20), 4 * 384, 3)


@pytest.mark.parametrize("project", ["AD-NeRF", "GaussianTalker"])
def test_facts_of_prior_work_as_json(spoken_subject, tmp_path, capsys, project):
    made, out = MAKERS[project](spoken_subject, tmp_path / "prior"), tmp_path / "sheet.png"
    assert main(["inspect", str(made.root), "--json", "--out", str(out)]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["frames"] == 55 and facts["train"] == 49
    assert facts["features"]["ds"]["shape"][1:] == [16, 29]
    assert DEFAULT_KIND in facts["missing"]
    assert out.exists() and not (made.root / "inspect.png").exists()


def test_a_long_path_is_shown_whole(spoken_subject, tmp_path, capsys):
    root = tmp_path / "subject"
    shutil.copytree(spoken_subject.paths.root, root)
    name = "a" * 99 + ".jpg"
    facts = json.loads((root / "subject.json").read_text())
    (root / "subject.json").write_text(json.dumps(facts | {"source": name}))
    assert main(["inspect", str(root)]) == 0
    said = capsys.readouterr().out
    assert name in re.sub(r"[\s│]", "", said) and "…" not in said


def test_what_is_no_subject_is_one_line(tmp_path, capsys):
    assert main(["inspect", str(tmp_path)]) == 1
    assert "prepared subject" in capsys.readouterr().err


def test_an_image_that_cannot_be_made_is_refused_before_any_work(
    spoken_subject, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for out in ("sheet", "sheet.pdf", "sheet.docx"):
        assert main(["inspect", str(spoken_subject.paths.root), "--out", out]) == 1
        told = capsys.readouterr()
        assert "end it with .png or .jpg" in told.err and not told.out
    (tmp_path / "me.head").touch()
    assert main(["inspect", "me.head", "--out", "sheet.png"]) == 1
    assert "--out sheet.png: images are made of subjects" in capsys.readouterr().err


def test_no_number_is_nan_and_damage_is_listed(spoken_subject, tmp_path, capsys):
    root = tmp_path / "subject"
    shutil.copytree(spoken_subject.paths.root, root)
    (root / "gt_imgs" / "5.jpg").write_bytes(b"")
    (root / "ori_imgs" / "6.lms").unlink()
    assert main(["inspect", str(root), "--out", str(tmp_path / "a.png")]) == 0
    said = capsys.readouterr().out
    assert "gt_imgs/5.jpg" in said and "empty" in said and "no landmarks" in said
    transforms = root / "transforms_train.json"
    data = json.loads(transforms.read_text())
    data["frames"][3]["transform_matrix"][0][3] = float("nan")
    transforms.write_text(json.dumps(data))
    assert main(["inspect", str(root)]) == 1
    printed = capsys.readouterr()
    assert "frame 3: " in printed.err and "nan m" not in printed.out
