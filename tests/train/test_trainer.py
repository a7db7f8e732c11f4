import json
import shutil
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from audioplane.errors import CheckpointError, SubjectError, TrainingError
from audioplane.face.regions import mouth_aperture
from audioplane.perceptual import LPIPS
from audioplane.run import RunPaths, load_tensors, open_run
from audioplane.run.opening import Mouths, lip_opening
from audioplane.subject import SubjectPaths, load_subject
from audioplane.train import CheckpointSaved, Progress, TrainConfig, Trainer, Validated
from audioplane.train import trainer as trainer_module
from audioplane.train.config import PRESETS, without_lpips
from audioplane.train.run import train_head
from audioplane.train.validation import is_worth_keeping
from tests.gpu import gpu, stand_in
from tests.perceptual.random_weights import random_weights
from tests.train.configs import TINY


def as_json(config: TrainConfig) -> dict:
    """Settings as a file keeps them."""
    return json.loads(json.dumps(asdict(config)))


@pytest.fixture(scope="module")
def finished(spoken_subject, tmp_path_factory):
    """One uninterrupted run and what it said."""
    out = tmp_path_factory.mktemp("run")
    return out, list(train_head(spoken_subject, TINY, out))


def test_it_learns(finished, spoken_subject):
    _, events = finished
    last = [e for e in events if isinstance(e, Progress)][-1]
    assert last.iteration == 80 and last.stage == "fine"
    assert last.gaussians > 200
    assert last.audio_spread > 0.05
    assert 0 < last.dynamism_face < last.dynamism_mouth < 1
    fresh = Trainer(spoken_subject, TINY)
    before, after = fresh._validate(), [e for e in events if isinstance(e, Validated)][-1]
    fresh.frames.close()
    assert after.psnr > before.psnr + 1
    assert after.mouth_l1 < before.mouth_l1


def test_blinks_and_full_size_are_told_to_schedule_and_losses(spoken_subject, monkeypatch):
    monkeypatch.setattr("audioplane.train.trainer.closed_eyes", lambda landmarks: [1, 4])
    seen = {}

    def look(step):
        seen[step.iteration] = step.full_size
        return step.image.new_zeros(())

    trainer = Trainer(spoken_subject, replace(TINY, blinks=8), extra_losses={"look": (1.0, look)})
    for trainer.iteration in (19, 20):
        trainer._step()
    trainer.frames.close()
    assert seen == {19: False, 20: True}
    fine = [trainer._schedule.frame(i) for i in range(40, 80)]
    assert fine.count(1) + fine.count(4) > 5


@pytest.mark.parametrize("fewest, threads", [(trainer_module._MANY, 1), (1, 3)])
def test_threads_of_pytorch_are_those_that_its_products_are_worth(
    spoken_subject, tmp_path, monkeypatch, fewest, threads
):
    monkeypatch.setattr(trainer_module, "_MANY", fewest)
    trainer, seen = Trainer(spoken_subject, TINY), []
    monkeypatch.setattr(trainer, "_step", lambda: seen.append(torch.get_num_threads()))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        next(trainer.run(tmp_path))
        assert set(seen) == {threads} and torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_of_long_videos_some_frames_judge(spoken_subject, monkeypatch):
    monkeypatch.setattr("audioplane.train.validation.MOST", 3)
    trainer = Trainer(spoken_subject, replace(TINY, validation_share=0.3))
    seen, get = [], trainer.frames.get
    monkeypatch.setattr(
        trainer.frames, "get", lambda ref, size: seen.append(ref.img_id) or get(ref, size)
    )
    judged = trainer._validate()
    trainer.frames.close()
    ids = [ref.img_id for ref in trainer.val_refs]
    assert len(ids) > 4 and seen == [ids[0], ids[round((len(ids) - 1) / 2)], ids[-1]]
    assert 0 < judged.mouth_l1 < 1


def test_the_newest_good_head_is_kept_with_its_poses(finished, spoken_subject):
    out, events = finished
    validated = [e for e in events if isinstance(e, Validated)]
    assert all(e.kept for e in validated)  # two unseen frames judge nobody
    trained = open_run(out)
    assert trained.iteration == validated[-1].iteration == 80
    assert trained.settings == as_json(TINY)
    train = spoken_subject.train
    # The last twentieth of the training frames only chooses the best head.
    assert sorted(trained.views) == [r.img_id for r in train[: len(trained.views)]]
    assert len(trained.views) == len(train) - max(1, round(0.05 * len(train)))


def test_how_far_lips_part_is_told_by_unseen_frames_too(finished, spoken_subject):
    trained = open_run(finished[0])
    features = torch.from_numpy(spoken_subject.features(trained.speech))

    def mouths(refs):
        rows = [ref.feature_row(len(features)) for ref in refs]
        codes = trained.head.audio_codes(features[rows[0] : rows[-1] + 1])
        landmarks = np.stack([spoken_subject.landmarks(ref) for ref in refs])
        apertures = torch.from_numpy(mouth_aperture(landmarks))
        return Mouths(codes[[row - rows[0] for row in rows]], apertures)

    unseen = len(spoken_subject.train) - len(trained.views)
    heard, unheard = (
        mouths(refs) for refs in (spoken_subject.train[:-unseen], spoken_subject.train[-unseen:])
    )
    spread = trained.lip_opening.spread
    assert spread == pytest.approx(lip_opening(heard, unheard).spread, rel=1e-4)
    assert spread != pytest.approx(lip_opening(heard).spread, rel=1e-4)


def test_a_head_that_got_much_worse_is_not_kept():
    assert is_worth_keeping(0.5, float("inf"), 81)
    assert is_worth_keeping(0.0489, 0.04, 81) and not is_worth_keeping(0.0501, 0.04, 81)
    assert is_worth_keeping(0.0800, 0.04, 6)


def test_lpips_is_a_part_of_the_loss(spoken_subject, tmp_path):
    weights = random_weights(tmp_path / "weights")
    lpips = LPIPS.load(weights.folder)
    plan = replace(TINY, half_size_iterations=0)
    losses = []
    for weight in (0.0, 0.5):
        trainer = Trainer(spoken_subject, plan.with_changes(loss={"lpips": weight}), lpips=lpips)
        trainer._step()
        trainer.frames.close()
        losses.append(trainer._means.loss)
    assert losses[1] > losses[0] + 1e-4


def test_lpips_without_weights_is_refused(spoken_subject):
    with pytest.raises(TrainingError, match="LPIPS"):
        Trainer(spoken_subject, TINY.with_changes(loss={"lpips": 0.05}))
    stand_in_plan = without_lpips(PRESETS["paper"])
    assert (stand_in_plan.loss.lpips, stand_in_plan.loss.dssim) == (0.0, 0.2)
    assert stand_in_plan.loss.describe() == "L1 + 0.2 D-SSIM"
    assert PRESETS["paper"].loss.describe() == "L1 + 0.05 LPIPS"


@pytest.mark.parametrize(("killed_at", "resumed_at"), [(50, 30), (70, 60)])
def test_a_killed_run_ends_with_the_same_bits(
    finished, spoken_subject, tmp_path, killed_at, resumed_at
):
    out, _ = finished
    for event in train_head(spoken_subject, TINY, tmp_path):
        if isinstance(event, Progress) and event.iteration == killed_at:
            break
    assert RunPaths(tmp_path).latest() == RunPaths(tmp_path).checkpoint(resumed_at)
    events = list(train_head(spoken_subject, TINY, tmp_path))
    assert min(e.iteration for e in events) == resumed_at + 10
    first, second = (RunPaths(p).checkpoint(80).read_bytes() for p in (out, tmp_path))
    assert first == second


def test_other_settings_do_not_go_on_with_a_run(finished, spoken_subject):
    before = RunPaths(finished[0]).config.read_text()
    with pytest.raises(TrainingError, match="other settings"):
        list(train_head(spoken_subject, replace(TINY, seed=1), finished[0]))
    assert RunPaths(finished[0]).config.read_text() == before


def test_another_subject_does_not_go_on_with_a_run(finished, spoken_subject, tmp_path):
    copy = tmp_path / "moved"
    shutil.copytree(spoken_subject.paths.root, copy)
    # A folder that only moved is the same subject.
    assert list(train_head(load_subject(copy), TINY, finished[0])) == []
    transforms = SubjectPaths(copy).transforms("train")
    transforms.write_text(transforms.read_text().replace('"aud_id": 3,', '"aud_id": 4,'))
    with pytest.raises(TrainingError, match="another subject"):
        list(train_head(load_subject(copy), TINY, finished[0]))


def codes_of(run, subject):
    return open_run(run).head.audio_codes(torch.from_numpy(subject.features("mel")))


@pytest.mark.parametrize("ema", [False, True])
def test_a_finished_run_that_lost_its_head_gets_the_same_again(spoken_subject, tmp_path, ema):
    plan = TINY.with_changes(
        coarse_iterations=10, fine_iterations=50, density={"until": 20}, ema=ema
    )
    list(train_head(spoken_subject, plan, tmp_path))
    paths, codes = RunPaths(tmp_path), codes_of(tmp_path, spoken_subject)
    first = paths.head.read_bytes()
    kept = load_tensors(paths.checkpoint(60))[0]
    assert (kept["head/encoder.std"] != 1).all()
    paths.head.unlink()
    assert list(train_head(spoken_subject, plan, tmp_path)) == []
    assert torch.equal(codes_of(tmp_path, spoken_subject), codes)
    assert paths.head.read_bytes() == first


def test_a_damaged_checkpoint_is_named(finished, spoken_subject, tmp_path):
    copy = RunPaths(tmp_path).checkpoint(80)
    copy.parent.mkdir(parents=True)
    data = RunPaths(finished[0]).checkpoint(80).read_bytes()
    copy.write_bytes(data[: len(data) // 2])
    with pytest.raises(CheckpointError, match="0000080"):
        list(train_head(spoken_subject, TINY, tmp_path))


SHORT = TINY.with_changes(
    coarse_iterations=4,
    half_size_iterations=3,
    rates={"poses_from": 2},
    density={"first": 3, "every": 4},
)
"""Everything that an iteration can do, in twelve of them."""


def losses(trainer, n):
    """Running means of the loss over the next n iterations."""
    values = []
    for _ in range(n):
        trainer._step()
        trainer.iteration += 1
        values.append(trainer.progress().loss)
    trainer.frames.close()
    return values


def gives_the_losses_of_the_cpu(subject, device, path, within):
    """Trains, and goes on from the other device's checkpoint, here and there."""
    here, there = Trainer(subject, SHORT), Trainer(subject, SHORT, device)
    first, rest = losses(here, 8), losses(there, 8)
    assert rest == pytest.approx(first, rel=within)
    assert there._validate().psnr == pytest.approx(here._validate().psnr, abs=0.1)
    here.save(path / "cpu.safetensors")
    there.save(path / "gpu.safetensors")
    here, there = Trainer(subject, SHORT), Trainer(subject, SHORT, device)
    here.resume(path / "gpu.safetensors")
    there.resume(path / "cpu.safetensors")
    assert losses(there, 4) == pytest.approx(losses(here, 4), rel=2 * within)
    assert there.progress().gaussians == pytest.approx(here.progress().gaussians, rel=0.05)
    there.save_head(path / "head.safetensors")
    assert open_run(path).head.device.type == "cpu"


def test_a_gpu_trains_as_the_cpu(spoken_subject, tmp_path):
    with stand_in() as device:
        gives_the_losses_of_the_cpu(spoken_subject, device, tmp_path, 1e-4)


@gpu
def test_a_real_gpu_trains_as_the_cpu(spoken_subject, tmp_path):
    gives_the_losses_of_the_cpu(spoken_subject, "cuda", tmp_path, 1e-2)


def test_audio_collapse_stops_the_run(spoken_subject, tmp_path, monkeypatch):
    monkeypatch.setattr("audioplane.train.speech_batches._PATIENCE", 5)
    config = TINY.with_changes(coarse_iterations=2, fine_iterations=50, density={"first": 100})
    trainer = Trainer(spoken_subject, config)
    with torch.no_grad():
        for query in trainer.head.prototypes.queries:
            query.weight.zero_()
    monkeypatch.setattr(trainer.optimisers, "_rates", (0.0,) * len(trainer.optimisers._rates))
    with pytest.raises(TrainingError, match="collapsed"):
        list(trainer.run(tmp_path))
    assert trainer.iteration < 20


def test_a_nan_stops_the_run_and_names_the_tensor(spoken_subject, tmp_path):
    trainer = Trainer(spoken_subject, TINY)
    events = trainer.run(tmp_path)
    for event in events:
        if isinstance(event, CheckpointSaved):
            break
    with torch.no_grad():
        trainer.head.gaussians.sh[3] = float("nan")
    with pytest.raises(TrainingError, match=r"gaussians/sh"):
        trainer.save(tmp_path / "never.safetensors")
    assert not (tmp_path / "never.safetensors").exists()
    with pytest.raises(TrainingError, match=r"iteration 30: .*gaussians/sh"):
        list(events)
    assert load_tensors(RunPaths(tmp_path).checkpoint(30))[1]["iteration"] == 30


def test_held_out_rows_of_the_features_are_never_heard(spoken_subject, tmp_path):
    trainer = Trainer(spoken_subject, TINY)
    last = trainer.train_refs[-1].aud_id
    # Windows that are read lie over one another.
    trainer.batches.windows = trainer.batches.windows.clone()
    trainer.batches.windows[last + 1 :] = float("nan")
    generator = torch.Generator().manual_seed(0)
    for row in (last, last - 1, last - 5, 0):
        heard = trainer.batches.encode(row, generator)
        assert torch.isfinite(heard.code).all() and np.isfinite(heard.spread)
    assert torch.isfinite(trainer.batches.train_windows).all()
    trainer.frames.close()


def test_one_row_of_features_too_few_is_no_obstacle(spoken_subject, tmp_path):
    trainer = Trainer(spoken_subject, TINY)
    last = spoken_subject.val[-1]
    assert trainer._row(replace(last, aud_id=10_000)) == len(trainer.batches.windows) - 1
    trainer.frames.close()


def test_features_that_are_not_there(spoken_subject):
    with pytest.raises(SubjectError, match="--kind phones"):
        Trainer(spoken_subject, replace(TINY, speech="phones"))


def test_too_few_frames(spoken_subject):
    short = replace(spoken_subject, train=spoken_subject.train[:8])
    with pytest.raises(TrainingError, match="longer video"):
        Trainer(short, TINY)


def test_a_folder_that_cannot_be_written(spoken_subject, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match="another folder"):
        list(train_head(load_subject(spoken_subject.paths.root), TINY, tmp_path / "file"))


@pytest.mark.parametrize(
    "switches",
    [
        {"encoder": "concat"},
        {"encoder": "concat", "dynamism": False},
        {"fusion": "multiply", "attention": "mlp"},
        {"fusion": "add", "scales": (1, 2), "grid_size": 32, "cell_features": 24},
        {"encoder": "six-plane"},
    ],
    ids=str,
)
def test_every_variant_trains_and_loads(spoken_subject, tmp_path, switches):
    plan = TINY.with_changes(coarse_iterations=10, fine_iterations=10, model=switches)
    events = list(train_head(spoken_subject, plan, tmp_path))
    assert events[-1].iteration == 20
    trained = open_run(tmp_path)
    assert trained.settings == as_json(plan)
    codes = trained.head.audio_codes(torch.from_numpy(spoken_subject.features("mel"))[:9])
    assert codes.std(0).mean() > 1e-4
    lines = trained.head.grid.lines
    assert ((lines == 1).all()) == (plan.model.encoder != "audio-plane")
    again = Trainer(spoken_subject, plan)
    again.resume(RunPaths(tmp_path).latest())
    assert again.iteration == 20


def test_six_planes_resume_with_the_same_bits(spoken_subject, tmp_path):
    plan = replace(TINY, coarse_iterations=4, fine_iterations=26, checkpoint_every=10)
    plan = plan.with_changes(model={"encoder": "six-plane"})
    for event in train_head(spoken_subject, plan, tmp_path / "killed"):
        if isinstance(event, Progress) and event.iteration == 20:
            break
    last = [RunPaths(tmp_path / name).checkpoint(30) for name in ("killed", "whole")]
    for name in ("killed", "whole"):
        list(train_head(spoken_subject, plan, tmp_path / name))
    assert load_tensors(last[0])[0]["head/times.table"].std() > 0
    assert last[0].read_bytes() == last[1].read_bytes()


def test_cells_that_the_kernels_cannot_take_are_refused(spoken_subject):
    with pytest.raises(TrainingError, match="multiple of 8"):
        Trainer(spoken_subject, TINY.with_changes(model={"cell_features": 12}))


def test_the_average_is_what_is_kept_and_training_does_not_see_it(spoken_subject, tmp_path):
    plan = TINY.with_changes(coarse_iterations=10, fine_iterations=70, density={"until": 20})
    heads, checkpoints = [], []
    for name, averaged in (("plain", False), ("averaged", True)):
        out = tmp_path / name
        list(train_head(spoken_subject, replace(plan, ema=averaged), out))
        heads.append(open_run(out).head.gaussians.means)
        checkpoints.append(load_tensors(RunPaths(out).checkpoint(80))[0])
    assert torch.equal(*(c["gaussians/means"] for c in checkpoints))
    assert torch.equal(heads[0], checkpoints[0]["gaussians/means"])
    assert torch.equal(heads[1], checkpoints[1]["ema/gaussians/means"])
    assert not torch.equal(*heads) and torch.allclose(*heads, atol=1e-2)
