"""An untrained head of a person, exported, and what Python makes of the same speech."""

from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path as FilePath

import numpy as np
import pytest
import torch

from audioplane.credentials import ProvenanceOptions
from audioplane.drive import Talker
from audioplane.drive.moment import Moment
from audioplane.head import DetailMap, Head
from audioplane.head.detail import mesh_size
from audioplane.head.detail_kernels import STEP
from audioplane.run import Run, open_run
from audioplane.speech import Speech, compute_features
from audioplane.synthetic import make_synthetic_sentence
from audioplane.web import WebExport, export_web
from audioplane.web.path import Path
from tests.chromium import DESKTOP, Visits, chromium
from tests.run.made import make_modelled_run, make_run
from tests.web.pages import serving, until

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


@pytest.fixture(scope="session")
def exported_detail(exported, tmp_path_factory, mark_key) -> Exported:
    """The same head with a detail map of up to 32 byte values."""
    head = deepcopy(exported.run.head)
    head.detail = coarse_map(exported.run)
    run = replace(exported.run, head=head)
    out, options = tmp_path_factory.mktemp("detail"), ProvenanceOptions(mark_key=mark_key)
    return Exported(run, export_web(run, out, options), Talker(run, provenance=options))


def coarse_map(run: Run) -> DetailMap:
    """Squares of four pixels in a part of the first frame, carried by the Gaussians near them."""
    (width, height), generator = run.footage.size, np.random.default_rng(5)
    squares = generator.integers(-127, 128, (height // 4, width // 4)).astype(np.int8)
    texture = squares.repeat(4, 0).repeat(4, 1)
    texture[:9], texture[:, -14:] = 0, 0
    view = run.view(run.footage.loop[0])
    points = run.head.gaussians.means @ view[:3, :3].T + view[:3, 3]
    points = points @ torch.as_tensor(run.footage.K, dtype=torch.float32).T
    points = points[:, :2] / points[:, 2:]
    rows, columns = mesh_size(height, width)
    grid = torch.cartesian_prod(torch.arange(rows), torch.arange(columns)).flip(1)
    carriers = torch.cdist((STEP * grid).float(), points).topk(3, largest=False).indices
    weights = torch.tensor([0.5, 0.3, 0.2]).repeat(len(carriers), 1)
    origins = (weights[..., None] * points[carriers]).sum(1)
    parts = carriers.int(), weights, origins
    return DetailMap(torch.from_numpy(texture), *(x.view(rows, columns, -1) for x in parts))


@pytest.fixture(scope="session")
def voice():
    return make_synthetic_sentence(2.0, seed=3).waveform.astype(np.float32)


@pytest.fixture(scope="session")
def exported_phones(exported, tmp_path_factory, mark_key) -> Exported:
    """The same head with a random encoder of the default kind."""
    kind, shape = "mel+ipa", replace(exported.run.head.shape, feature_dim=143)
    head = Head(shape, torch.Generator().manual_seed(0))
    kept = {k: v for k, v in exported.run.head.state_dict().items() if "encoder" not in k}
    head.load_state_dict(kept, strict=False)
    speech = Speech(make_synthetic_sentence(4.0, seed=1).waveform)
    head.encoder.calibrate(torch.from_numpy(compute_features(speech, kind)))
    run = replace(exported.run, head=head.requires_grad_(False).eval(), speech=kind)
    run = replace(run, rest_code=exported.run.mean_rest, lip_opening=exported.run.opening)
    out, options = tmp_path_factory.mktemp("phones"), ProvenanceOptions(mark_key=mark_key)
    return Exported(run, export_web(run, out, options), Talker(run, provenance=options))


@pytest.fixture(scope="module")
def address(exported):
    with serving(exported.made.path) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def visit(browser, address):
    """`visit(size)`: the page, ready. It fails the test where the page's code or policy failed."""
    visits = Visits(browser)

    def visit(size=DESKTOP, address=address):
        page = visits.page(viewport=size, permissions=["microphone"])
        page.on("console", lambda m: visits.errors.append(m.text) if m.type == "error" else None)
        page.goto(address)
        until(page, "document.getElementById('status').textContent === 'Ready'")
        return page

    yield visit
    visits.end()
