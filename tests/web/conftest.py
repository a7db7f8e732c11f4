"""An untrained head of a person, exported, and what Python makes of the same speech."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from audioplane.credentials import ProvenanceOptions
from audioplane.drive import Talker
from audioplane.run import Run, open_run
from audioplane.subject import load_subject, save_body
from audioplane.synthetic import make_synthetic
from audioplane.web import WebExport, export_web
from tests.run.made import make_run

KEY = "5a" * 32


@dataclass(frozen=True)
class Exported:
    run: Run
    made: WebExport
    talker: Talker


@pytest.fixture(scope="session")
def mark_key(tmp_path_factory) -> Path:
    path: Path = tmp_path_factory.mktemp("key") / "mark.key"
    path.write_text(KEY)
    return path


@pytest.fixture(scope="session")
def exported(tmp_path_factory, mark_key) -> Exported:
    """160 pixels: cells of the mark that are 2.5 wide survive a recording."""
    root = tmp_path_factory.mktemp("web")
    truth = make_synthetic(
        root / "subject", seconds=2.2, size=160, seed=3, kinds=("mel",), moving_body=True
    )
    motion = truth.body_viewmats @ np.linalg.inv(truth.body_viewmats[0])
    motion[0] = np.eye(4)
    save_body(root / "subject/body.npy", motion)
    folder = make_run(root / "run", load_subject(root / "subject"), torso="model")
    run = open_run(folder, root / "subject")
    options = ProvenanceOptions(mark_key=mark_key)
    return Exported(run, export_web(run, root / "site", options), Talker(run, provenance=options))


@pytest.fixture(scope="session")
def exported_torso(spoken_subject, tmp_path_factory, mark_key) -> Exported:
    """A head that shows its recorded torso."""
    root = tmp_path_factory.mktemp("web")
    run = open_run(make_run(root / "run", spoken_subject), spoken_subject.paths.root)
    options = ProvenanceOptions(mark_key=mark_key)
    return Exported(run, export_web(run, root / "site", options), Talker(run, provenance=options))
