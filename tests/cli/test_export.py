from pathlib import Path

import pytest

from audioplane.cli import main
from audioplane.cli.export import _named
from tests.run.made import make_run


def test_a_head_becomes_a_page_and_files_for_other_programs(person, tmp_path, capsys):
    run = make_run(tmp_path / "run", person, torso="model")
    arguments = ["export", str(run), "--subject", str(person.paths.root)]
    arguments += ["--web", str(tmp_path / "site"), "--ply", str(tmp_path / "a.ply")]
    assert main([*arguments, "--gltf", str(tmp_path / "a.glb")]) == 0
    said = capsys.readouterr().err
    assert "MB, session" in said and "a.ply" in said
    assert (tmp_path / "site/index.html").is_file()
    assert (tmp_path / "a.ply").read_bytes()[:3] == b"ply"
    assert (tmp_path / "a.glb").read_bytes()[:4] == b"glTF"


def test_something_has_to_be_asked_for(tmp_path, capsys):
    assert main(["export", str(tmp_path)]) == 1
    assert "--web" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--ply", "g.ply", "--speech", "s.wav"], "--says"),
        (["--web", "site", "--says", "s.wav"], "--ply"),
        (["--web", "site", "--frame", "0"], "--ply"),
        (["--ply", "."], "is a folder: name a file in it"),
        (["--gltf", ""], "is a folder: name a file in it"),
    ],
)
def test_what_would_be_ignored_or_names_no_file_is_refused(tmp_path, capsys, arguments, said):
    assert main(["export", str(tmp_path), *arguments]) == 1
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1 and "unexpected" not in told


def test_a_name_keeps_what_is_no_suffix_of_gaussians():
    for given, expected in (("m.v2", "m.v2.ply"), ("m", "m.ply"), ("m.gltf", "m.ply")):
        assert _named(Path(given), ".ply") == Path(expected)


def test_a_head_without_consent_is_refused_in_the_terms_of_the_command(person, tmp_path, capsys):
    run = make_run(tmp_path / "run", person, consent="", torso="model")
    arguments = ["export", str(run), "--subject", str(person.paths.root)]
    assert main([*arguments, "--web", str(tmp_path / "site")]) == 1
    assert "--consent" in capsys.readouterr().err
    assert not (tmp_path / "site").exists()
    consent = ["--consent", "drawn; no person"]
    assert main([*arguments, "--web", str(tmp_path / "site"), *consent]) == 0
