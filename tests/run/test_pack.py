import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from audioplane.drive import Talker
from audioplane.errors import CheckpointError, MediaError, SubjectError
from audioplane.head.detail import mesh_size
from audioplane.media.image import encode_image
from audioplane.run import load_tensors, open_run, pack, save_tensors
from audioplane.run.footage import SubjectFootage
from audioplane.run.motion_graph import MotionGraph
from audioplane.run.tensors import prefixed
from tests.run.made import make_run


@pytest.fixture(scope="module")
def run_folder(spoken_subject, tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs") / "me", spoken_subject)


@pytest.fixture(scope="module")
def packed(run_folder, spoken_subject, tmp_path_factory):
    counted = []
    out = tmp_path_factory.mktemp("packs") / "me"
    path = pack(
        open_run(run_folder, spoken_subject.paths.root),
        out,
        lambda progress: counted.append((progress.done, progress.total)),
    )
    assert counted[-1] == (20, 20)
    return path


def test_a_pack_speaks_as_its_run_does_without_the_subject(run_folder, packed, spoken_subject):
    assert packed.name == "me.head"
    run, alone = open_run(run_folder, spoken_subject.paths.root), open_run(packed)
    assert alone.packed and alone.name == "me" and alone.sha256 == run.sha256
    assert alone.consent == run.consent and alone.speech == run.speech
    with pytest.raises(SubjectError, match="subject=…"):
        _ = alone.subject
    features = spoken_subject.features("mel")[:30]
    pairs = zip(
        *(Talker(r).animator.speak(_codes(r, features), None) for r in (run, alone)), strict=True
    )
    for (ours, a), (theirs, b) in pairs:
        assert ours.img_id == theirs.img_id
        assert np.array_equal(a.dynamic, b.dynamic)  # the head is the same to the bit
        assert np.abs(a.image.astype(int) - b.image).mean() < 1.5  # torsos are compressed


def test_a_pack_knows_the_poses_of_all_training_frames(packed, tmp_path):
    """Its footage may be shorter: the longest shot."""
    tensors, facts = load_tensors(packed)
    assert facts["loop"] == facts["pose_ids"] == list(range(20))
    old = {
        k: v for k, v in facts.items() if k not in ("loop", "shots")
    }  # all poses were the loop's
    save_tensors(tmp_path / "old.head", tensors, old)
    assert len(open_run(tmp_path / "old.head").footage.loop) == 20
    for i in range(7, 20):
        del tensors[f"footage/torso/{i}"]
    tensors["footage/expressions"] = tensors["footage/expressions"][:7]
    save_tensors(
        tmp_path / "short.head", tensors, facts | {"loop": facts["loop"][:7], "shots": [3, 4]}
    )
    run = open_run(tmp_path / "short.head")
    assert len(run.footage.loop) == 7 and len(run.views) == 20
    assert len(list(Talker(run).speak(np.zeros(16000, np.float32)))) == 25
    save_tensors(tmp_path / "odd.head", tensors, facts | {"loop": [3, 99], "shots": [2]})
    with pytest.raises(CheckpointError, match="damaged"):
        open_run(tmp_path / "odd.head")
    save_tensors(tmp_path / "odd.head", tensors, facts | {"shots": [3]})
    with pytest.raises(CheckpointError, match="damaged"):
        open_run(tmp_path / "odd.head")


def test_a_pack_carries_the_motion_graph(run_folder, spoken_subject, tmp_path, monkeypatch):
    monkeypatch.setattr("audioplane.run.motion_graph.EASE", 5)
    run = open_run(run_folder, spoken_subject.paths.root)
    ends, spoken = np.full(20, 19), np.arange(20) % 3 > 0
    jump = (np.array([0]), np.array([0]), np.array([0.5]))
    vars(run)["motion"] = MotionGraph(run.footage.refs, spoken, ends, ends > 0, *jump)
    bodies = np.tile(np.eye(4), (20, 1, 1))
    vars(run)["tracked_bodies"] = bodies
    alone = open_run(pack(run, tmp_path / "moves.head"))
    assert alone.motion is not None and alone.motion.spoken.tolist() == spoken.tolist()
    assert np.array_equal(alone.tracked_bodies, bodies)
    assert [ref.img_id for ref in alone.motion.refs] == [ref.img_id for ref in run.footage.refs]


def test_a_pack_holds_the_torsos_that_can_be_shown(
    run_folder, spoken_subject, tmp_path, monkeypatch
):
    run = open_run(run_folder, spoken_subject.paths.root)
    refs = list(run.footage.refs)
    assert run.shown == refs  # so short a recording goes to and fro
    monkeypatch.setattr("audioplane.run.footage._SHORTEST", 5)
    monkeypatch.setattr("audioplane.run.motion_graph.EASE", 3)
    monkeypatch.setattr(SubjectFootage, "shots", [refs[:12], refs[12:]])
    run = open_run(run_folder, spoken_subject.paths.root)
    ends, kept = np.repeat([11, 19], [12, 8]), np.arange(20) < 12
    jump = (np.array([15]), np.array([2]), np.array([0.5]))
    vars(run)["motion"] = MotionGraph(refs, ~kept, ends, kept, *jump)
    footage = open_run(pack(run, tmp_path / "few.head")).footage
    numbers = {ref.img_id for ref in refs}
    held = {i for i in numbers if f"footage/torso/{i}" in footage.tensors}
    assert held == {ref.img_id for ref in refs[:12] + refs[16:19]}
    with pytest.raises(CheckpointError, match="lacks the torso of frame"):
        footage.torso(refs[13])


def test_packs_with_planes_are_read(run_folder, packed, spoken_subject, tmp_path):
    """Older ones hold the planes; so do those of heads that move more Gaussians."""
    run = open_run(run_folder, spoken_subject.paths.root)
    tensors, facts = load_tensors(packed)
    planes, _ = load_tensors(run_folder / "head.safetensors")
    assert tensors.pop("head/folded").numel() < planes["head/grid.planes"].numel()
    tensors |= {k: x for k, x in planes.items() if k.startswith("head/grid.")}
    save_tensors(tmp_path / "old.head", tensors, facts)
    assert packed.stat().st_size < (tmp_path / "old.head").stat().st_size
    codes, ref = _codes(run, spoken_subject.features("mel")[:9]), spoken_subject.train[3]
    moved = [Talker(open_run(p)).animator.deformed(codes[8], ref)[0] for p in
             (packed, tmp_path / "old.head")]  # fmt: skip
    assert torch.equal(moved[0].means, moved[1].means)
    tensors["head/folded"] = torch.zeros(3, 7)
    save_tensors(tmp_path / "bad.head", tensors, facts)
    with pytest.raises(CheckpointError, match="features of"):
        open_run(tmp_path / "bad.head")


def _codes(run, features):
    return Talker(run).animator.codes(features)


def test_a_pack_streams(packed):
    stream = Talker(open_run(packed)).stream()
    images = [*stream.push(np.zeros(16000, np.float32)), *stream.finish()]
    assert len(images) == 25 and images[0].shape == (64, 64, 3)


def test_nothing_in_a_pack_or_head_file_names_a_path(run_folder, packed, spoken_subject):
    for path in (packed, run_folder / "head.safetensors"):
        data = path.read_bytes()
        for folder in (run_folder, packed, spoken_subject.paths.root):
            assert str(folder.parent).encode() not in data


@pytest.mark.parametrize("place", [0.3, 0.6, 0.95])
def test_a_damaged_pack_is_refused(packed, tmp_path, place):
    data = bytearray(packed.read_bytes())
    data[int(place * len(data))] ^= 1
    (tmp_path / "bad.head").write_bytes(data)
    with pytest.raises(CheckpointError, match="damaged"):
        open_run(tmp_path / "bad.head")


@pytest.mark.parametrize("lost", ["footage/background", "footage/torso/3", "views", "head/low"])
def test_a_pack_without_one_of_its_parts_is_refused(packed, tmp_path, lost):
    tensors, facts = load_tensors(packed)
    del tensors[lost]
    save_tensors(tmp_path / "short.head", tensors, facts)
    with pytest.raises(CheckpointError, match="damaged"):
        open_run(tmp_path / "short.head")


@pytest.mark.parametrize(
    ("fact", "value"),
    [
        ("size", [64]),
        ("size", 64),
        ("loop", [[1]]),
        ("shots", "no"),
        ("voice", [1]),
        ("voice", {}),
        ("voice", {"level": 0.0, "bands": [0.0] * 80}),
        ("voice", {"level": 0.1, "bands": [0.0] * 79}),
        ("head_sha256", "no digest"),
        ("iteration", float("inf")),
    ],
)
def test_a_pack_with_other_facts_is_refused(packed, tmp_path, fact, value):
    """Its checksum is valid, as anybody could write it."""
    tensors, facts = load_tensors(packed)
    save_tensors(tmp_path / "odd.head", tensors, facts | {fact: value})
    with pytest.raises(CheckpointError, match="damaged"):
        open_run(tmp_path / "odd.head")


@pytest.mark.parametrize(
    "name", ["footage/expressions", "footage/K", "footage/background", "views", "head/low"]
)
def test_a_pack_with_tensors_of_other_shapes_is_refused(packed, tmp_path, name):
    tensors, facts = load_tensors(packed)
    tensors[name] = torch.zeros(())
    save_tensors(tmp_path / "odd.head", tensors, facts)
    with pytest.raises(CheckpointError, match="damaged"):
        open_run(tmp_path / "odd.head")


@pytest.mark.parametrize(
    ("name", "value"),
    [("footage/K", torch.zeros(3, 3)), ("rest", torch.zeros(7)), ("rest", torch.zeros(0).double())],
)
def test_a_pack_that_could_not_be_driven_is_refused(packed, tmp_path, name, value):
    tensors, facts = load_tensors(packed)
    save_tensors(tmp_path / "odd.head", tensors | {name: value}, facts)
    with pytest.raises(CheckpointError, match="damaged"):
        open_run(tmp_path / "odd.head")


def test_a_head_is_not_replaced_by_its_pack(run_folder, packed, spoken_subject):
    run = open_run(run_folder, spoken_subject.paths.root)
    for opened, out in (
        (run, run_folder / "head.safetensors"),
        (open_run(packed, spoken_subject.paths.root), packed),
    ):
        before = out.read_bytes()
        with pytest.raises(MediaError, match="would be overwritten"):
            pack(opened, out)
        assert out.read_bytes() == before
    for folder in (".", ".."):
        with pytest.raises(MediaError, match="is a folder"):
            pack(run, Path(folder))


def test_a_file_of_a_run_is_no_pack_and_its_folder_is_named(run_folder, tmp_path):
    tensors, facts = load_tensors(run_folder / "head.safetensors")
    checkpoint = tmp_path / "checkpoints/0000030.safetensors"
    save_tensors(checkpoint, tensors, facts)
    for path, folder in ((run_folder / "head.safetensors", run_folder), (checkpoint, tmp_path)):
        with pytest.raises(CheckpointError, match="is no pack") as error:
            open_run(path)
        assert str(error.value).endswith(f"pass the folder of its run, {folder}")
    save_tensors(tmp_path / "prior", {}, {"holds": "prior"})
    with pytest.raises(CheckpointError, match="is no pack: pass one, or the folder of a run"):
        open_run(tmp_path / "prior")


def test_other_files_are_no_packs(tmp_path, run_folder):
    (tmp_path / "a.head").write_bytes(b"")
    (tmp_path / "b.head").write_text(json.dumps({"head": 1}))
    for path in (tmp_path / "a.head", tmp_path / "b.head", run_folder / "head.safetensors"):
        with pytest.raises(CheckpointError):
            open_run(path)


def test_a_run_finds_its_subject_beside_it_when_both_have_moved(
    run_folder, spoken_subject, tmp_path
):
    (tmp_path / "runs").mkdir()
    run, subject = tmp_path / "runs" / "me", tmp_path / "subject"
    shutil.copytree(run_folder, run)
    shutil.copytree(spoken_subject.paths.root, subject)
    (run / "config.json").write_text(json.dumps({"subject": "../../subject"}))
    assert open_run(run).subject.identity == spoken_subject.identity
    shutil.rmtree(subject)
    with pytest.raises(SubjectError, match="is missing: pass subject=…"):
        _ = open_run(run).subject


def test_heads_of_version_1_open(run_folder, spoken_subject, tmp_path):
    """They kept flat settings and the subject's path, and had no checksum."""
    tensors, facts = load_tensors(run_folder / "head.safetensors")
    config = {"speech": "mel", "seed": 7, "lambda_dssim": 0.2, "lambda_lpips": 0.0}
    old = {k: facts[k] for k in ("identity", "iteration", "shape", "pose_ids")}
    old |= {"version": 1, "config": config, "subject": str(spoken_subject.paths.root)}
    from safetensors.torch import save_file

    save_file(tensors, tmp_path / "head.safetensors", {"audioplane": json.dumps(old)})
    run = open_run(tmp_path)
    assert (run.speech, run.seed, run.loss, run.consent) == ("mel", 7, "L1 + 0.2 D-SSIM", "")
    assert run.subject.identity == spoken_subject.identity
    assert all(torch.isfinite(view).all() for view in run.views.values())


@pytest.mark.parametrize("kind", ["hubert", "of_my_own"])
def test_heads_that_cannot_stream_are_packed_without_a_voice(
    run_folder, spoken_subject, tmp_path, kind
):
    run = open_run(run_folder, spoken_subject.paths.root)
    assert run.voice is not None
    alone = open_run(pack(replace(run, speech=kind), tmp_path / "me"))
    assert alone.voice is None and alone.speech == kind


def test_a_detail_map_of_another_size_than_the_frames_is_refused(
    run_folder, packed, spoken_subject, tmp_path
):
    """Files with a valid checksum, as anybody could write them."""
    odd = tmp_path / "head.safetensors"
    for whole, opened in ((packed, odd), (run_folder / "head.safetensors", tmp_path)):
        tensors, facts = load_tensors(whole)
        rows, columns = mesh_size(4096, 64)
        detail = {
            "texture": torch.zeros(4096, 64, dtype=torch.int8),
            "carriers": torch.zeros(rows, columns, 1, dtype=torch.int32),
            "weights": torch.ones(rows, columns, 1),
            "origins": torch.zeros(rows, columns, 2),
        }
        save_tensors(odd, tensors | prefixed("detail", detail), facts)
        with pytest.raises(CheckpointError, match="64 x 4096 pixels, not 64 x 64"):
            _ = open_run(opened, spoken_subject.paths.root).footage


def test_a_torso_of_another_size_is_refused(packed, tmp_path):
    """A pack with a valid checksum, as anybody could write it."""
    tensors, facts = load_tensors(packed)
    small = encode_image(np.zeros((32, 32, 4), np.uint8), ".webp")
    name = next(name for name in tensors if name.startswith("footage/torso/"))
    tensors[name] = torch.frombuffer(bytearray(small), dtype=torch.uint8)
    save_tensors(tmp_path / "odd.head", tensors, facts)
    talker = Talker(open_run(tmp_path / "odd.head"))
    with pytest.raises(CheckpointError, match="not of its frames' size"):
        list(talker.speak(np.zeros(6400, np.float32)))
