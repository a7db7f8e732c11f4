"""An ablation: the paper's tables on a subject, variant by variant."""

import json
import math
import shutil
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from audioplane.assets import write_text
from audioplane.errors import MediaError, TrainingError
from audioplane.evaluate import ScoreReport, Tools, evaluate
from audioplane.executors import Executor, SerialExecutor, complete
from audioplane.experiments.ablate.page import ablation_page
from audioplane.experiments.ablate.report import VariantResult, to_json
from audioplane.experiments.ablate.tables import Variant, variants
from audioplane.experiments.training import finish_training
from audioplane.perceptual import LPIPS
from audioplane.progress import Progress, Report, ignore
from audioplane.run import open_run
from audioplane.subject import Subject, load_subject
from audioplane.train import TrainConfig, Trainer
from audioplane.train.config import within_iterations, without_lpips
from audioplane.train.run import train_head
from audioplane.train.views import mouth_density, observe

JSON_NAME, PAGE_NAME = "report.json", "report.html"
_WARM_UP, _TIMED = 10, 30
_TRAINING_SHARE = 0.85
"""Of a variant's time; the rest is for loading and evaluation."""
_LEAST_ITERATIONS = 40
_Kept = TypeVar("_Kept")


@dataclass(frozen=True)
class Pace:
    """How long an iteration takes, seconds."""

    full: float
    """At the frames' own size."""
    half: float
    """At half of it."""

    def seconds(self, plan: TrainConfig) -> float:
        """What a training takes, its coarse stage counted as slow as its fine one."""
        total = plan.iterations
        half = min(plan.half_size_iterations, total)
        return half * self.half + (total - half) * self.full


def ablate(
    subject: Path | str,
    out: Path | str,
    config: TrainConfig,
    tables: Sequence[int] = (1, 2, 3),
    minutes: float = 120.0,
    tools: Tools | None = None,
    report: Report | None = None,
    executor: Executor | None = None,
) -> dict[str, VariantResult]:
    """Train and score every variant that the paper's tables need; an interrupted one goes on.

    Writes the runs, `report.json` and `report.html` into `out`, the reports after every variant.

    Args:
        subject: Folder of the subject.
        out: Folder for everything that is made.
        config: Settings of the full model, what the tables change as the paper has it; `minutes`
            sets the number of its iterations.
        tables: Which of the paper's tables: 1 Audio-Plane and dynamic splatting, 2 attention and
            fusion, 3 the margin of the mask loss.
        minutes: For all variants together.
        tools: What the scores are computed with; None leaves what needs weights empty.
        report: Receives the progress, from executors that pass it on.
        executor: Where variants are trained, several at once; here, one after the other, if None.
            On other machines the folders have to be where they are here.

    Returns:
        What each variant reached, by its key.

    Raises:
        SubjectError: `subject` is not one.
        TrainingError: `out` holds an ablation of another subject, with other settings or with
            damaged files, `config` is not of the tables' full model, or `minutes` is no time.
        ModelError: The landmarker that is named is not there.
        WorkError: A variant failed in another process or on another machine.
        MediaError: `out` cannot be written.
    """
    out, tools, report = Path(out), tools or Tools(), report or ignore
    if not 0 < minutes < math.inf:
        raise TrainingError(f"budget={minutes:g}: choose a number of minutes above 0")
    if not tables:
        raise TrainingError("tables: name one of the paper's, 1 to 3")
    tools.landmarker_file()  # a named one is there, or it ends here
    # No prior fits all variants, so none has one.
    config = config.with_changes(prior="")
    person, chosen = load_subject(Path(subject)), variants(tables)
    _require_full_model(config, chosen.values())
    executor = executor or SerialExecutor()
    base = _plan(person, out, config, minutes, len(chosen), executor.slots, tools.lpips)
    kept = {key: out / key / "result.json" for key in chosen}
    results = {
        key: _read(VariantResult, file, "delete it to have the variant trained again")
        for key, file in kept.items()
    }
    found = {key: result for key, result in results.items() if result is not None}
    shared = _Shared(person.paths.root.resolve(), base, tools)
    tasks = [
        _Task(key, f"{key}, {i} of {len(chosen)}", shared, variant, (out / key).resolve())
        for i, (key, variant) in enumerate(chosen.items(), 1)
        if key not in found
    ]

    def in_order() -> dict[str, VariantResult]:
        return {key: found[key] for key in chosen if key in found}

    _write_reports(out, tables, in_order(), _facts(person, base))
    for task, result in complete(executor, _train_variant, tasks, attrgetter("name"), report):
        found[task.key] = result
        write_text(kept[task.key], json.dumps(asdict(result), indent=1))
        _write_reports(out, tables, in_order(), _facts(person, base))
    return in_order()


def _require_full_model(config: TrainConfig, chosen: Iterable[Variant]) -> None:
    """Raises `TrainingError` where a row without changes would not be what its label says."""
    for variant in chosen:
        for group, changes in variant.changes.items():
            for name in changes:
                own, papers = (getattr(getattr(c, group), name) for c in (config, TrainConfig()))
                if own != papers:
                    raise TrainingError(
                        f"{name}={own}: the tables' full model has {papers}: leave it at that"
                    )


def _write_reports(
    out: Path, tables: Sequence[int], results: dict[str, VariantResult], facts: dict[str, str]
) -> None:
    write_text(out / JSON_NAME, to_json(results, facts))
    write_text(out / PAGE_NAME, ablation_page(tables, results, facts))


def _facts(person: Subject, base: TrainConfig) -> dict[str, str]:
    """What holds for all variants, for people."""
    return {
        "subject": person.paths.root.name,
        "iterations of every variant": f"{base.coarse_iterations} coarse, "
        f"{base.fine_iterations} fine",
        "images": f"half size for the first {base.half_size_iterations} iterations",
        "Gaussians": f"at most {base.density.maximum}; driven by audio: {base.model.moving}",
        "loss between images": base.loss.describe(),
        "seed": str(base.seed),
    }


def _read(kind: type[_Kept], path: Path, remedy: str) -> _Kept | None:
    """What a JSON file of an ablation holds; None where there is none. NaN is None: older ones had
    it for figures without a value."""
    try:
        if not path.exists():
            return None
        return kind(**json.loads(path.read_text(), parse_constant=lambda name: None))
    except OSError as e:
        raise MediaError(f"{path} cannot be read ({e.strerror})") from e
    except (ValueError, TypeError) as e:
        raise TrainingError(f"{path} is damaged or of another version: {remedy}") from e


@dataclass(frozen=True)
class _Plan:
    """What plan.json holds."""

    asked: dict[str, Any]
    iterations: int
    subject: str = ""
    """Its identity; older plans do not say."""


def _plan(
    subject: Subject,
    out: Path,
    config: TrainConfig,
    minutes: float,
    n: int,
    slots: int,
    lpips: LPIPS | None,
) -> TrainConfig:
    """The settings that all n variants share, `slots` at once: as many iterations as fit.

    The number is measured once and kept in plan.json, so that a resumed ablation has the same.
    """
    if config.loss.lpips and lpips is None:
        config = without_lpips(config)
    path = out / "plan.json"
    asked = {"base": asdict(config), "budget": minutes, "variants": n}
    kept = _read(_Plan, path, f"delete {out}, or choose another folder")
    if kept is not None:
        if kept.subject not in ("", subject.identity):
            raise TrainingError(f"{out} holds an ablation of another subject: choose another")
        if kept.asked != json.loads(json.dumps(asked)):
            raise TrainingError(f"{out} holds an ablation with other settings: choose another")
        return within_iterations(config, kept.iterations)
    pace = measure_pace(subject, out, config, lpips)
    turns = math.ceil(n / slots)
    iterations = affordable(config, pace, 60 * minutes / turns * _TRAINING_SHARE)
    plan = _Plan(asked, iterations, subject.identity)
    write_text(path, json.dumps(asdict(plan), indent=1))
    return within_iterations(config, iterations)


def affordable(config: TrainConfig, pace: Pace, seconds: float) -> int:
    """The most iterations of both stages that a training of these settings does in a time."""
    low, high = _LEAST_ITERATIONS, 1 + round(seconds / min(pace.half, pace.full))
    while high - low > 1:  # low fits, high does not
        middle = (low + high) // 2
        fits = pace.seconds(within_iterations(config, middle)) <= seconds
        low, high = (middle, high) if fits else (low, middle)
    return low


def measure_pace(subject: Subject, out: Path, config: TrainConfig, lpips: LPIPS | None) -> Pace:
    """Time iterations of the fine stage, each with three quarters of the Gaussians."""
    full = _time_iteration(subject, out / "probe", probe(config, half_size=False), lpips)
    if not config.half_size_iterations:
        return Pace(full, full)
    half = _time_iteration(subject, out / "probe", probe(config, half_size=True), lpips)
    return Pace(full, half)


def probe(config: TrainConfig, half_size: bool) -> TrainConfig:
    """A short training whose iterations are all like those of one part of the real one."""
    iterations = 10 * (_WARM_UP + _TIMED)
    return config.with_changes(
        coarse_iterations=0,
        fine_iterations=iterations,
        half_size_iterations=iterations if half_size else 0,
        rates={"poses_from": 0},
        density={"initial": max(10, round(0.75 * config.density.maximum)), "until": 0},
        validate_every=10**9,
        checkpoint_every=10**9,
    )


def _time_iteration(subject: Subject, out: Path, config: TrainConfig, lpips: LPIPS | None) -> float:
    trainer = Trainer(subject, config, lpips=lpips)
    events = trainer.run(out)
    while trainer.iteration < _WARM_UP:
        next(events)
    first, started = trainer.iteration, time.perf_counter()
    while trainer.iteration < first + _TIMED:
        next(events)
    return (time.perf_counter() - started) / (trainer.iteration - first)


@dataclass(frozen=True)
class _Shared:
    """What all variants need."""

    subject: Path
    base: TrainConfig
    tools: Tools


@dataclass(frozen=True)
class _Task:
    """A variant to be trained and scored."""

    key: str
    name: str
    """For people."""
    shared: _Shared
    variant: Variant
    run: Path


def _train_variant(task: _Task, report: Report, stop: threading.Event) -> VariantResult:
    person, run, tools = load_subject(task.shared.subject), task.run, task.shared.tools
    config, started = task.shared.base.with_changes(**task.variant.changes), time.perf_counter()
    events = train_head(person, config, run, lpips=tools.lpips, stop=stop)
    finish_training(events, task.name, report)
    if stop.is_set():
        raise TrainingError("stopped; a checkpoint is kept")
    seconds = time.perf_counter() - started

    def told(progress: Progress) -> None:
        report(replace(progress, task=f"{task.name}: {progress.task}"))

    evaluation = evaluate(
        run,
        subject=person.paths.root,
        out=run / "evaluation",
        poses="tracked",
        lpips=tools.lpips,
        syncnet=tools.syncnet,
        landmarker=tools.landmarker,
        device="cpu",
        report=told,
    )
    means = open_run(run).head.gaussians.means.double().numpy()
    shutil.rmtree(run / "checkpoints", ignore_errors=True)
    with np.errstate(divide="ignore", invalid="ignore"):  # no mouth may be seen
        density = mouth_density(means, observe(person, person.train), person.K)
    return variant_result(
        evaluation.reports["tracked"],
        density=density,
        gaussians=len(means),
        iterations=config.iterations,
        seconds=round(seconds, 1),
    )


def variant_result(
    scores: ScoreReport, density: float, gaussians: int, iterations: int, seconds: float
) -> VariantResult:
    """What the tables keep of a variant's scores."""
    whole, mouth, lips = scores.means["whole"], scores.means["mouth"], scores.lips
    empty = {k: v for k, v in scores.reasons.items() if k in ("lpips", "syncnet", "lmd", "mac")}
    if not math.isfinite(density):
        empty["density"] = "the masks show no mouth, or no Gaussian lies beside it"
    return VariantResult(
        psnr=whole.psnr,
        ssim=whole.ssim,
        lpips=whole.lpips,
        mouth_psnr=mouth.psnr,
        lmd=lips.lmd,
        mac=lips.mac,
        spread=lips.spread,
        density=density if math.isfinite(density) else None,
        gaussians=gaussians,
        iterations=iterations,
        seconds=seconds,
        syncnet=scores.syncnet.confidence,
        empty=empty,
    )
