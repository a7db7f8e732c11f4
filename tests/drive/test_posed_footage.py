"""A head whose torso is modelled, driven at poses of a table."""

import json

import numpy as np
import pytest
import torch

from audioplane.cli import main
from audioplane.drive import FaceOptions, Talker
from audioplane.drive.pose_range import HEAD_MARGIN, PoseRange
from audioplane.errors import PoseError
from audioplane.run import Run, open_run, pack
from audioplane.subject.transforms import viewmat_to_opengl
from tests.run.made import make_run


@pytest.fixture(scope="module")
def run(person, tmp_path_factory) -> Run:
    folder = make_run(tmp_path_factory.mktemp("runs") / "me", person, torso="model")
    return open_run(folder, person.paths.root)


def write(path, views, bodies=None, **more):
    """A table of poses."""
    rows = [{"transform_matrix": viewmat_to_opengl(v).tolist()} for v in views]
    for row, body in zip(rows, () if bodies is None else bodies, strict=False):
        row["body_matrix"] = viewmat_to_opengl(body).tolist()
    path.write_text(json.dumps({"frames": rows, **more}))
    return path


def recorded(run: Run) -> np.ndarray:
    return np.stack([v.double().numpy() for v in run.views.values()])


def test_its_own_poses_render_what_the_recording_renders(run, tmp_path):
    views, bodies = recorded(run), [b.double().numpy() for b in run.bodies.values()]
    talker = Talker(run, poses=write(tmp_path / "p.json", views, bodies))
    usual = Talker(run)
    assert not talker.notes
    codes = usual.animator.codes(run.subject.features("mel")[:6])
    pairs = zip(talker.animator.speak(codes, None), usual.animator.speak(codes, None), strict=True)
    for (_, posed), (_, as_recorded) in pairs:
        assert np.abs(posed.image.astype(int) - as_recorded.image).max() <= 1


def test_without_bodies_the_body_goes_where_the_head_suggests(run, tmp_path):
    talker = Talker(run, poses=write(tmp_path / "p.json", recorded(run)))
    footage, rest = talker.animator.footage, PoseRange.of(np.stack(list(run.bodies.values())))
    expected = np.stack([run.bodies[i].double().numpy() for i in run.views])
    placed = np.stack([footage.body(ref) for ref in footage.loop])
    off = rest.numbers(placed) - rest.numbers(expected)
    assert (off**2).sum() < 0.5 * (rest.numbers(expected) ** 2).sum()


def test_eyes_stay_on_the_camera_as_in_the_recording(person, tmp_path):
    folder = make_run(tmp_path / "me", person, torso="model", expression="upper-face")
    run, looking = open_run(folder, person.paths.root), FaceOptions(gaze="camera")
    aside = PoseRange.of(recorded(run)).views(np.tile([0.0, 8, 0, 0, 0, 0], (10, 1)))
    usual = Talker(run, face=looking)
    posed = Talker(run, face=looking, poses=write(tmp_path / "p.json", aside))
    eyes = [talker.animator._face.looks for talker in (usual, posed)]
    np.testing.assert_array_equal(*eyes)
    assert np.abs(eyes[0]).max() < 0.5


def test_far_poses_are_eased_back_and_counted(run, tmp_path):
    span = PoseRange.of(recorded(run))
    numbers = np.zeros((10, 6))
    numbers[5:, 1] = 70.0
    talker = Talker(run, poses=write(tmp_path / "p.json", span.views(numbers)))
    (note,) = talker.notes
    assert "5 of 10 poses" in note and "poses='" in note
    placed = span.numbers(np.stack([ref.viewmat for ref in talker.animator.footage.loop]))
    assert np.allclose(placed[:5], 0, atol=1e-6)
    assert (placed[5:, 1] <= span.high[1] + HEAD_MARGIN[1] + 1e-6).all()


def test_poses_of_others_play_about_this_heads_mean(run, tmp_path, spoken_subject):
    foreign = [f.viewmat.copy() for f in spoken_subject.train]
    for view in foreign:
        view[:3, 3] += (0.3, 0.2, 0.9)
    path = write(tmp_path / "p.json", foreign, focal_len=900.0, cx=1.0, cy=1.0)
    talker, span = Talker(run, poses=path), PoseRange.of(recorded(run))
    placed = span.numbers(np.stack([ref.viewmat for ref in talker.animator.footage.loop]))
    assert np.abs(placed[:, 3:].mean(0)).max() < 0.5


def test_a_pack_and_a_stream_take_poses_too(run, tmp_path, spoken_subject):
    packed = open_run(pack(run, tmp_path / "me.head"))
    poses = write(tmp_path / "p.json", recorded(run)[:4])
    talker, usual = Talker(packed, poses=poses), Talker(run, poses=poses)
    sound = np.sin(np.arange(8000) / 9).astype(np.float32)
    live = talker.stream()
    frames = [*live.push(sound), *live.finish()]
    assert len(frames) == 12 and all(f.shape == (64, 64, 3) for f in frames)
    motion = talker.animator.motion()
    rows = np.array([motion.step(True).ref.img_id for _ in range(6)])
    assert (rows - rows[0]).tolist() == [0, 1, 2, 3, 2, 1]
    for one, other in zip(talker.animator.footage.loop, usual.animator.footage.loop, strict=True):
        assert torch.equal(talker.animator.view(one).viewmat, usual.animator.view(other).viewmat)


def test_a_recorded_torso_refuses_poses(spoken_subject, tmp_path, capsys):
    folder = make_run(tmp_path / "me", spoken_subject)
    poses = write(tmp_path / "p.json", [spoken_subject.train[0].viewmat])
    run = open_run(folder, spoken_subject.paths.root)
    with pytest.raises(PoseError, match="recorded poses only"):
        Talker(run, poses=poses)
    sound = spoken_subject.paths.audio
    arguments = ["drive", str(folder), str(sound), "--out", str(tmp_path / "x.mp4")]
    arguments += ["--subject", str(spoken_subject.paths.root), "--poses", str(poses)]
    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert "--poses" in said and "Traceback" not in said
    assert not (tmp_path / "x.mp4").exists()


def test_bad_tables_are_one_line_at_the_command_line(run, tmp_path, capsys):
    arguments = ["drive", str(run.path), str(run.subject.paths.audio), "--out"]
    arguments += [str(tmp_path / "x.mp4"), "--subject", str(run.subject.paths.root), "--poses"]
    assert main([*arguments, str(tmp_path / "none.json")]) == 1
    said = capsys.readouterr().err.strip()
    assert "is missing" in said and len(said.splitlines()) == 1
