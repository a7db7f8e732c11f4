"""An untrained head of a person, exported, and what Python makes of the same speech."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from audioplane.credentials import ProvenanceOptions
from audioplane.drive import Talker
from audioplane.run import Run, open_run
from audioplane.web import WebExport, export_web
from tests.run.made import make_modelled_run, make_run

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
    root = tmp_path_factory.mktemp("web")
    run = make_modelled_run(root)
    options = ProvenanceOptions(mark_key=mark_key)
    return Exported(run, export_web(run, root / "site", options), Talker(run, provenance=options))


@pytest.fixture(scope="session")
def exported_torso(spoken_subject, tmp_path_factory, mark_key) -> Exported:
    """A head that shows its recorded torso."""
    root = tmp_path_factory.mktemp("web")
    run = open_run(make_run(root / "run", spoken_subject), spoken_subject.paths.root)
    options = ProvenanceOptions(mark_key=mark_key)
    return Exported(run, export_web(run, root / "site", options), Talker(run, provenance=options))
