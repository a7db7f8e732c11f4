"""`audioplane prior`, here and in a process of its own."""

import pytest

from audioplane.cli import main
from audioplane.train import read_prior


@pytest.mark.parametrize("executor", ["here", "local"])
def test_a_prior_is_written_and_read(spoken_subject, person, tmp_path, capsys, executor):
    out = tmp_path / "prior.safetensors"
    command = ["prior", str(spoken_subject.paths.root), "--out", str(out), "--speech", "mel"]
    command += ["--iterations", "20", "--executor", executor]
    assert main([*command, "--held-out", str(person.paths.root)]) == 0
    prior = read_prior(out)
    said = capsys.readouterr().err
    assert prior.sha256[:12] in said and "held out: MAC" in said
    assert main([*command, "--held-out", str(tmp_path / "none")]) == 1
    assert "none" in capsys.readouterr().err
