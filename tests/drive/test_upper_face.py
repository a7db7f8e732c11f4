from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from audioplane.drive import FaceOptions, Talker
from audioplane.drive.moment import Moment
from audioplane.drive.upper_face import UpperFace, upper_face
from audioplane.errors import ExpressionError
from audioplane.run import open_run, pack
from audioplane.subject.expression import CONTROLS, EYES, LIDS, to_camera
from tests.run.made import make_run

RECORDED = np.linspace(0.1, 0.8, len(CONTROLS), dtype=np.float32)
AHEAD = np.eye(4)
AHEAD[2, 3] = 0.8


@pytest.fixture(scope="module")
def run(spoken_subject, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "me"
    made = make_run(folder, spoken_subject, expression="upper-face")
    return open_run(made, spoken_subject.paths.root)


@pytest.fixture
def lifted(tmp_path) -> Path:
    """A table of two rows: brows up, then further up."""
    path = tmp_path / "brows.csv"
    path.write_text("browInnerUp\n0.2\n0.6\n")
    return path


def test_an_unknown_gaze_is_refused(run):
    options = FaceOptions()
    object.__setattr__(options, "gaze", "Camera")  # as where no types are checked
    with pytest.raises(ExpressionError, match="gaze='Camera': choose recorded or camera"):
        upper_face(run, options)


def test_as_recorded_nothing_is_changed(run):
    assert upper_face(run, FaceOptions()) is None


def test_neutral_keeps_lids_and_eyes(run):
    face = upper_face(run, FaceOptions("neutral"))
    shown = face.shown(RECORDED, 7, AHEAD)
    np.testing.assert_array_equal(shown[LIDS], RECORDED[LIDS])
    np.testing.assert_array_equal(shown[EYES], RECORDED[EYES])
    for i in (0, 1, 2, 5):
        assert shown[i] == run.head.expression.range.rest[i]


def test_a_table_is_played_to_and_fro_from_the_persons_rest(run, lifted):
    face = upper_face(run, FaceOptions(lifted))
    rest = float(run.head.expression.range.rest[0])
    rows = [face.shown(RECORDED, i, AHEAD) for i in range(3)]
    up = [float(row[0]) - rest for row in rows]
    assert up[0] == up[2] != up[1]
    assert up == pytest.approx([0.4, 0.6, 0.4], abs=0.01)
    for row in rows:  # what the table does not tell is the recording's
        np.testing.assert_array_equal(row[3:], RECORDED[3:])


def test_gaze_stays_on_the_camera_however_the_head_turns(run):
    face = upper_face(run, FaceOptions(gaze="camera"))
    for yaw in (-0.3, 0.0, 0.3):
        view = AHEAD.copy()
        view[:3, :3] = Rotation.from_euler("y", yaw).as_matrix()
        shown = face.shown(RECORDED, 0, view)
        assert shown[6] - face.looks[0] == pytest.approx(yaw, abs=1e-6)
        np.testing.assert_array_equal(shown[:6], RECORDED[:6])


def test_the_recorded_gaze_is_on_the_camera_in_the_middle(run):
    face = upper_face(run, FaceOptions(gaze="camera"))
    off = [
        run.footage.expression(ref)[EYES] - to_camera(ref.viewmat[None])[0] - face.looks
        for ref in run.footage.loop
    ]
    np.testing.assert_allclose(np.median(off, 0), 0, atol=1e-6)


def test_prior_works_axes_give_the_same_direction():
    views = np.tile(AHEAD, (5, 1, 1))
    views[:, :3, :3] = Rotation.from_euler(
        "yx", [[0.1 * i, 0.05 * i] for i in range(5)]
    ).as_matrix()
    turned = views @ np.diag([1.0, -1, -1, 1])
    np.testing.assert_allclose(to_camera(views), to_camera(turned), atol=1e-12)


@pytest.mark.parametrize("packed", [False, True])
def test_a_talker_shows_it_and_a_stream_shows_the_same(run, lifted, tmp_path, packed):
    if packed:
        run = open_run(pack(run, tmp_path / "me.head"))
    sound = np.zeros(16_000, np.float32)

    def images(face: FaceOptions) -> np.ndarray:
        stream = Talker(run, face=face).stream(None)
        return np.stack([*stream.push(sound), *stream.finish()])

    def spoken(face: FaceOptions) -> np.ndarray:
        return np.stack(list(Talker(run, face=face).speak(sound)))

    recorded, table = spoken(FaceOptions()), spoken(FaceOptions(lifted))
    assert (recorded != table).any()
    for face, images_spoken in ((FaceOptions(), recorded), (FaceOptions(lifted), table)):
        streamed = images(face)
        assert len(streamed) == len(images_spoken) == 25
        # The voice's statistics differ between both, the expression does not.
        upper = slice(0, 20)
        assert np.abs(streamed[:, upper].astype(int) - images_spoken[:, upper]).max() <= 8


def test_speech_moves_nothing_that_the_expression_moves(run):
    head, motion = run.head, Talker(run).animator._motion
    ref, codes = run.footage.loop[0], torch.randn(2, *_code_shape(run))
    a, b = (head.deform(motion(code, Moment(ref), None))[0].means for code in codes)
    by_audio, by_expression = head.moving()
    assert len(by_expression) and torch.equal(a[by_expression], b[by_expression])
    assert not torch.equal(a[by_audio], b[by_audio])


def test_the_expression_moves_nothing_that_speech_moves(run):
    head, code = run.head, torch.randn(*_code_shape(run))
    motion = Talker(run).animator._motion
    first, last = run.footage.loop[0], run.footage.loop[-1]
    a, b = (head.deform(motion(code, Moment(ref), None))[0].means for ref in (first, last))
    by_audio, by_expression = head.moving()
    assert torch.equal(a[by_audio], b[by_audio])
    assert not torch.equal(a[by_expression], b[by_expression])


def _code_shape(run) -> tuple[int, ...]:
    return (run.head.expression.network[-1].out_features,)


@pytest.mark.parametrize(
    ("options", "asked"),
    [(FaceOptions(Path("x.csv")), "expression='x.csv'"), (FaceOptions(gaze="camera"), "gaze='cam")],
)
def test_a_head_that_knows_blinks_alone_says_so(spoken_subject, tmp_path, options, asked):
    run = open_run(make_run(tmp_path / "old", spoken_subject), spoken_subject.paths.root)
    assert upper_face(run, FaceOptions("neutral")) is None
    with pytest.raises(ExpressionError, match=asked):
        upper_face(run, options)


def test_a_missing_table_is_an_error(run):
    with pytest.raises(ExpressionError, match=r"nothing\.csv"):
        upper_face(run, FaceOptions(Path("nothing.csv")))


def test_no_rows_of_a_table_are_a_face_at_rest():
    rest = np.arange(8, dtype=np.float32)
    face = UpperFace(rest, np.zeros((1, 8), np.float32), np.ones(8, bool))
    np.testing.assert_array_equal(face.shown(RECORDED, 3, AHEAD), rest)
    assert (replace(face, told=np.zeros(8, bool)).shown(RECORDED, 3, AHEAD) == RECORDED).all()
