import json
import shutil

import pytest

from audioplane.cli import main
from audioplane.media.image import read_image
from tests.subject.peer_folders import MAKERS


def test_facts_in_words_and_a_picture(spoken_subject, tmp_path, capsys):
    root = tmp_path / "subject"
    shutil.copytree(spoken_subject.paths.root, root)
    assert main(["inspect", str(root)]) == 0
    said = capsys.readouterr().out
    assert "50 to train on, 5 held out" in said and "55 x 16 x 80" in said
    assert "missing" not in said
    assert read_image(root / "inspect.png").shape == (2 * (384 + 20), 4 * 384, 3)


@pytest.mark.parametrize("peer", ["AD-NeRF", "GaussianTalker"])
def test_facts_of_a_peers_folder_as_json(spoken_subject, tmp_path, capsys, peer):
    made, out = MAKERS[peer](spoken_subject, tmp_path / "peer"), tmp_path / "sheet.png"
    assert main(["inspect", str(made.root), "--json", "--out", str(out)]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["frames"] == 55 and facts["train"] == 49
    assert facts["features"]["ds"]["shape"][1:] == [16, 29]
    assert "mel+phones" in facts["missing"]
    assert out.exists() and not (made.root / "inspect.png").exists()


def test_what_is_no_subject_is_one_line(tmp_path, capsys):
    assert main(["inspect", str(tmp_path)]) == 1
    assert "prepared subject" in capsys.readouterr().err
