"""`audioplane ablate`: the paper's tables on a subject, one variant after the other."""

import json
import shutil
import time
from dataclasses import asdict, replace
from pathlib import Path

from audioplane.cli.console import console
from audioplane.cli.training import show_training
from audioplane.errors import MediaError, TrainingError
from audioplane.evaluate import ScoreReport, evaluate
from audioplane.experiments.ablate import VariantResult, variants, write_reports
from audioplane.perceptual import LPIPS
from audioplane.subject import Subject, load_subject
from audioplane.train import TrainConfig, Trainer, load_head
from audioplane.train.config import within_iterations, without_lpips
from audioplane.train.run import name_loss, train_head
from audioplane.train.views import mouth_density, observe

_WARM_UP, _TIMED = 10, 30
_TRAINING_SHARE = 0.85
"""Of a variant's time; the rest is for loading and evaluation."""


def run_ablation(
    subject: Path,
    out: Path,
    tables: tuple[int, ...],
    config: TrainConfig,
    budget: float,
    lpips: LPIPS | None,
) -> dict[str, VariantResult]:
    """Train and score every variant that the tables need; goes on where it was interrupted.

    `config` is the full model's; the budget, minutes for all variants, sets its iterations.
    """
    person, chosen = load_subject(subject), variants(tables)
    base = _plan(person, out, config, budget, len(chosen), lpips)
    results: dict[str, VariantResult] = {}
    facts = {
        "subject": person.paths.root.name,
        "iterations of every variant": f"{base.coarse_iterations} coarse, "
        f"{base.fine_iterations} fine",
        "pictures": f"half size for the first {base.half_size_iterations} iterations",
        "Gaussians": f"at most {base.max_gaussians}; driven by audio: {base.moving}",
        "loss between pictures": name_loss(base),
        "seed": str(base.seed),
    }
    for i, (key, row) in enumerate(chosen.items()):
        folder, kept = out / key, out / key / "result.json"
        if kept.exists():
            results[key] = VariantResult(**json.loads(kept.read_text()))
            continue
        console.print(f"variant {i + 1} of {len(chosen)}: {key}")
        started = time.perf_counter()
        config = replace(base, **row.changes)
        show_training(train_head(person, config, folder, lpips=lpips))
        seconds = time.perf_counter() - started
        report = evaluate(
            folder,
            subject=subject,
            out=folder / "evaluation",
            poses="tracked",
            lpips=lpips,
            device="cpu",
        )
        results[key] = _result(report.reports["tracked"], folder, person, config, seconds)
        kept.write_text(json.dumps(asdict(results[key]), indent=1))
        write_reports(out, tables, results, facts)
    write_reports(out, tables, results, facts)
    return results


def _plan(
    subject: Subject, out: Path, config: TrainConfig, budget: float, n: int, lpips: LPIPS | None
) -> TrainConfig:
    """The settings that all variants share: as many iterations as the budget (minutes) allows.

    The number is measured once and kept in plan.json, so that a resumed ablation has the same.
    """
    if config.lambda_lpips and lpips is None:
        config = without_lpips(config)
    path = out / "plan.json"
    asked = {"base": asdict(config), "budget": budget, "variants": n}
    try:
        out.mkdir(parents=True, exist_ok=True)
        if path.exists():
            kept = json.loads(path.read_text())
            if kept["asked"] != json.loads(json.dumps(asked)):
                raise TrainingError(f"{out} holds an ablation with other settings: choose another")
            return within_iterations(config, kept["iterations"])
        iterations = _affordable(subject, out, config, 60 * budget / n * _TRAINING_SHARE, lpips)
        path.write_text(json.dumps({"asked": asked, "iterations": iterations}, indent=1))
    except OSError as e:
        raise MediaError(f"{out} cannot be written ({e}): choose another --out") from e
    return within_iterations(config, iterations)


def _affordable(
    subject: Subject, out: Path, config: TrainConfig, seconds: float, lpips: LPIPS | None
) -> int:
    """Iterations that fit into a time, each as slow as with three quarters of the Gaussians."""
    probe = replace(
        config,
        coarse_iterations=0,
        fine_iterations=10 * (_WARM_UP + _TIMED),
        initial_points=max(10, round(0.75 * config.max_gaussians)),
        densify_until=0,
        validate_every=10**9,
        checkpoint_every=10**9,
    )
    trainer = Trainer(subject, probe, lpips=lpips)
    events = trainer.run(out / "probe")
    while trainer.iteration < _WARM_UP:
        next(events)
    first, started = trainer.iteration, time.perf_counter()
    while trainer.iteration < first + _TIMED:
        next(events)
    rate = (trainer.iteration - first) / (time.perf_counter() - started)
    return max(40, round(seconds * rate))


def _result(
    report: ScoreReport, run: Path, subject: Subject, config: TrainConfig, seconds: float
) -> VariantResult:
    whole, mouth, lips = report.means["whole"], report.means["mouth"], report.lips
    means = load_head(run).head.gaussians.means.double().numpy()
    shutil.rmtree(run / "checkpoints", ignore_errors=True)
    return VariantResult(
        psnr=whole.psnr,
        ssim=whole.ssim,
        lpips=whole.lpips,
        mouth_psnr=mouth.psnr,
        lmd=lips.lmd,
        mac=lips.mac,
        spread=lips.spread,
        density=mouth_density(means, observe(subject, subject.train), subject.K),
        gaussians=len(means),
        iterations=config.coarse_iterations + config.fine_iterations,
        seconds=round(seconds, 1),
    )
