"""The four steps: prepare, train, evaluate, pack, each from scratch and store into the store.

heads/NAME/subject.tar          the prepared subject
heads/NAME/checkpoint/          of a training at work: the newest checkpoint, the head so far
heads/NAME/run/                 the trained head, its settings and events
heads/NAME/evaluation/          report.html, metrics.json, the video beside the recording
heads/NAME/preview.jpg          a held-out frame: recording and render
heads/NAME/NAME.head            the pack
"""

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audioplane.clock import FPS
from audioplane.errors import ModelError
from audioplane.fleet.job import Removed, Step, Stopped, VideoJob
from audioplane.fleet.manifest import Entry
from audioplane.fleet.scratch import archive, unpack
from audioplane.progress import Progress

if TYPE_CHECKING:
    from audioplane.evaluate import Evaluation
    from audioplane.perceptual import LPIPS
    from audioplane.subject import Subject
    from audioplane.train import TrainConfig

SUBJECT, CHECKPOINT, RUN = "subject.tar", "checkpoint", "run"
EVALUATION, PREVIEW = "evaluation", "preview.jpg"
PREVIEW_HEIGHT = 128
"""Pixels."""
_RUN_FILES = ("head.safetensors", "config.json", "events.jsonl")


@dataclass(frozen=True)
class PrepareStep:
    """Video → subject."""

    name: str = "prepare"

    def settings(self, entry: Entry) -> Mapping[str, Any]:
        names = ("size", "speech", "focal", "sound_late", "audio_track", "consent")
        return {name: getattr(entry, name) for name in names}

    def run(self, job: VideoJob) -> Mapping[str, float]:
        from audioplane.prepare import PrepareOptions, prepare_subject

        entry = job.entry
        options = PrepareOptions(
            size=entry.size,
            speech=(entry.speech,) if entry.speech else (),
            focal=entry.focal,
            sound_late=None if entry.sound_late is None else entry.sound_late / 1000,
            audio_track=entry.audio_track,
            consent=entry.consent,
        )
        info = prepare_subject(job.video(), subject_folder(job), options, job.report)
        publish_subject(job)
        return {"frames": info.n_frames - len(info.flags)}


def subject_folder(job: VideoJob) -> Path:
    """Where the subject is in scratch."""
    return job.scratch / f"subject-{job.keys['prepare'][:12]}"


def publish_subject(job: VideoJob) -> None:
    """Put the prepared subject into the store. Raises `StoreError`."""
    file = archive(subject_folder(job), job.scratch / SUBJECT)
    job.store.put(job.name(SUBJECT), file)
    file.unlink()


def fetched_subject(job: VideoJob) -> Path:
    """The subject in scratch, from the store where it is not there. Raises `StoreError`."""
    folder = subject_folder(job)
    if not (folder / "subject.json").exists():
        file = job.scratch / SUBJECT
        if not job.store.fetch(job.name(SUBJECT), file):
            place = job.store.place(job.name(SUBJECT))
            raise Removed(f"{place} was removed: run again", "prepare")
        unpack(file, folder)
        file.unlink()
    return folder


@dataclass(frozen=True)
class TrainStep:
    """Subject → trained head, with checkpoints in the store."""

    configs: "Mapping[str, TrainConfig]" = field(default_factory=dict)
    """Settings by preset, where they are not audioplane's own."""
    name: str = "train"

    def settings(self, entry: Entry) -> Mapping[str, Any]:
        names = ("preset", "iterations", "seed", "speech")
        # Newer columns count where they are filled: heads that are done stay done.
        newer = [name for name in ("torso", "expression") if getattr(entry, name)]
        return {name: getattr(entry, name) for name in (*names, *newer)}

    def run(self, job: VideoJob) -> Mapping[str, float]:
        from audioplane.splat.device import choose_device
        from audioplane.train import CheckpointSaved, train_head
        from audioplane.train import Progress as Iterated

        config, lpips = self._config(job.entry)
        subject = _completed_subject(job, config)
        out, device = run_folder(job), choose_device(job.device).device
        _fetch_checkpoint(job, out)
        synced, figures = time.monotonic(), {}
        for event in train_head(subject, config, out, device, lpips, job.stop):
            if isinstance(event, Iterated):
                figures = {"train_psnr": round(event.psnr, 2)}
                if not job.stop.is_set():
                    job.report(Progress("train", event.iteration, event.total))
            due = time.monotonic() - synced >= job.sync_every or job.stop.is_set()
            if isinstance(event, CheckpointSaved) and due:
                _sync_checkpoint(job, out, event.path)
                synced = time.monotonic()
        if job.stop.is_set():
            raise Stopped
        for file in _RUN_FILES:
            job.store.put(job.name(f"{RUN}/{file}"), out / file)
        job.store.remove(job.name(CHECKPOINT))
        return figures  # none where it was complete before, on a machine that was then lost

    def _config(self, entry: Entry) -> "tuple[TrainConfig, LPIPS | None]":
        from audioplane.train import PRESETS
        from audioplane.train.config import with_fine_iterations, without_lpips

        config = (self.configs or PRESETS)[entry.preset]
        chosen = {"torso": entry.torso, "expression": entry.expression}
        model = {name: value for name, value in chosen.items() if value}
        config = config.with_changes(seed=entry.seed, model=model)
        if entry.speech:
            config = replace(config, speech=entry.speech)
        if entry.iterations is not None:
            config = with_fine_iterations(config, entry.iterations)
        lpips = found_lpips() if config.loss.lpips else None
        if config.loss.lpips and lpips is None:
            config = without_lpips(config)
        return config, lpips


def _completed_subject(job: VideoJob, config: "TrainConfig") -> "Subject":
    """The subject with all that a training reads. What is made goes into the store, as another
    machine may evaluate and pack."""
    from audioplane.prepare import complete_subject
    from audioplane.subject import load_subject

    folder, model = fetched_subject(job), config.model
    before = set(folder.rglob("*"))
    subject = complete_subject(
        load_subject(folder), config.speech, model.torso, model.expression, job.report
    )
    if set(folder.rglob("*")) != before:
        publish_subject(job)
    return subject


def run_folder(job: VideoJob) -> Path:
    """Where the run is in scratch."""
    return job.scratch / f"run-{job.keys['train'][:12]}"


def found_lpips() -> "LPIPS | None":
    """LPIPS, if its weights are on this machine."""
    from audioplane.perceptual import LPIPS

    try:
        return LPIPS.load()
    except ModelError:
        return None


def _checkpoint_folder(job: VideoJob) -> str:
    return job.name(f"{CHECKPOINT}/{job.keys['train'][:12]}")


def _sync_checkpoint(job: VideoJob, out: Path, checkpoint: Path) -> None:
    """Copy what a resumed training needs, its checkpoint last: a head of a later iteration is
    written again on the way."""
    folder = _checkpoint_folder(job)
    for file in _RUN_FILES:
        if (out / file).exists():
            job.store.put(f"{folder}/{file}", out / file)
    job.store.put(f"{folder}/checkpoint.safetensors", checkpoint)


def _fetch_checkpoint(job: VideoJob, out: Path) -> None:
    """Take up a training of another machine, where it got further than this one's own."""
    from audioplane.run import RunPaths
    from audioplane.run.tensors import read_facts

    paths, folder = RunPaths(out), _checkpoint_folder(job)
    fetched = job.scratch / "fetched.safetensors"
    if not job.store.fetch(f"{folder}/checkpoint.safetensors", fetched):
        return
    iteration = int(read_facts(fetched)["iteration"])
    own = paths.latest()
    if own is not None and int(own.stem) >= iteration:
        fetched.unlink()
        return
    for file in _RUN_FILES:
        job.store.fetch(f"{folder}/{file}", out / file)
    paths.checkpoints.mkdir(parents=True, exist_ok=True)
    fetched.replace(paths.checkpoint(iteration))


def fetched_run(job: VideoJob) -> Path:
    """The run in scratch, always from the store: scratch may hold the head so far of a training
    that another machine finished. Raises `StoreError`."""
    out = run_folder(job)
    for file in _RUN_FILES:
        if not job.store.fetch(job.name(f"{RUN}/{file}"), out / file):
            raise Removed(f"{job.store.place(job.name(RUN))} was removed: run again", "train")
    return out


@dataclass(frozen=True)
class EvaluateStep:
    """Trained head → scores on the held-out frames."""

    name: str = "evaluate"

    def settings(self, entry: Entry) -> Mapping[str, Any]:
        return {}

    def run(self, job: VideoJob) -> Mapping[str, float]:
        from audioplane.evaluate import evaluate

        out = job.scratch / EVALUATION
        shutil.rmtree(out, ignore_errors=True)
        evaluation = evaluate(
            fetched_run(job),
            subject=fetched_subject(job),
            out=out,
            poses="tracked",
            lpips=found_lpips(),
            device=job.device,
            report=job.report,
        )
        preview = job.scratch / PREVIEW
        _write_preview(out / "tracked" / "side_by_side.mp4", preview)
        job.store.put_folder(job.name(EVALUATION), out)
        job.store.put(job.name(PREVIEW), preview)
        return figures_of(evaluation)


def figures_of(evaluation: "Evaluation") -> dict[str, float]:
    """The scores that the fleet's table shows."""
    scores = evaluation.reports["tracked"]
    whole, mouth = scores.means["whole"], scores.means["mouth"]
    found = {
        "psnr": whole.psnr,
        "ssim": whole.ssim,
        "lpips": whole.lpips,
        "mouth_psnr": mouth.psnr,
        "lmd": scores.lips.lmd,
        "mac": scores.lips.mac,
    }
    return {name: round(value, 4) for name, value in found.items() if value is not None}


def _write_preview(video: Path, out: Path) -> None:
    """The middle frame of the held-out video, small."""
    import cv2

    from audioplane.media.image import write_image
    from audioplane.media.video import probe_video, read_frames

    middle = int(probe_video(video).duration * FPS / 2)
    image = next(read_frames(video, first=middle))
    height, width = image.shape[:2]
    size = (round(width * PREVIEW_HEIGHT / height), PREVIEW_HEIGHT)
    write_image(out, cv2.resize(image, size, interpolation=cv2.INTER_AREA), 85)


@dataclass(frozen=True)
class PackStep:
    """Trained head → one file."""

    name: str = "pack"

    def settings(self, entry: Entry) -> Mapping[str, Any]:
        return {}

    def run(self, job: VideoJob) -> Mapping[str, float]:
        from audioplane.run import open_run, pack

        file = job.scratch / f"{job.entry.name}.head"
        pack(open_run(fetched_run(job), fetched_subject(job)), file, job.report)
        job.store.put(job.name(file.name), file)
        return {"megabytes": round(file.stat().st_size / 1e6, 2)}


STEPS: Sequence[Step] = (PrepareStep(), TrainStep(), EvaluateStep(), PackStep())
"""What happens to a video, in order."""
