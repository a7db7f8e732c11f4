"""An untrained head of a person, exported, and what Python makes of the same speech."""

from dataclasses import dataclass
from pathlib import Path as FilePath

import numpy as np
import pytest

from audioplane.credentials import ProvenanceOptions
from audioplane.drive import Talker
from audioplane.drive.moment import Moment
from audioplane.run import Run, open_run
from audioplane.web import WebExport, export_web
from audioplane.web.path import Path
from tests.run.made import make_modelled_run, make_run

KEY = "5a" * 32


@dataclass(frozen=True)
class Exported:
    run: Run
    made: WebExport
    talker: Talker


@pytest.fixture(scope="session")
def mark_key(tmp_path_factory) -> FilePath:
    path: FilePath = tmp_path_factory.mktemp("key") / "mark.key"
    path.write_text(KEY)
    return path


@pytest.fixture(scope="session")
def exported(tmp_path_factory, mark_key) -> Exported:
    root = tmp_path_factory.mktemp("web")
    run = make_modelled_run(root)
    options = ProvenanceOptions(mark_key=mark_key)
    return Exported(run, export_web(run, root / "site", options), Talker(run, provenance=options))


@pytest.fixture(scope="session")
def exported_path(exported, tmp_path_factory, mark_key) -> Exported:
    """The same head on a path: rows 0, 1, 2, 1, and the second is in a jump."""
    a, b, c = exported.run.footage.loop[:3]
    path = Path([Moment(a), Moment(b, c, 0.4, 0.3), Moment(c)], np.array([0, 1, 2, 1], np.uint16))
    out, options = tmp_path_factory.mktemp("path"), ProvenanceOptions(mark_key=mark_key)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(exported.run.__dict__, "motion", "a graph")
        patch.setattr("audioplane.web.export.find_path", lambda *_: path)
        made = export_web(exported.run, out, options)
    return Exported(exported.run, made, exported.talker)


@pytest.fixture(scope="session")
def exported_torso(spoken_subject, tmp_path_factory, mark_key) -> Exported:
    """A head that shows its recorded torso."""
    root = tmp_path_factory.mktemp("web")
    run = open_run(make_run(root / "run", spoken_subject), spoken_subject.paths.root)
    options = ProvenanceOptions(mark_key=mark_key)
    return Exported(run, export_web(run, root / "site", options), Talker(run, provenance=options))
