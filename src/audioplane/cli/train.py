"""`audioplane train`."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import tyro

from audioplane.cli.arguments import Device, SubjectArgument
from audioplane.cli.console import console, progress_reports
from audioplane.cli.weights import LpipsWeights

if TYPE_CHECKING:
    from audioplane.subject import Subject
    from audioplane.train import Prior, TrainConfig


@dataclass(frozen=True)
class Switches:
    """Design choices of the paper; what is not given is the preset's: the paper's, but for
    --moving (laptop, demo: face)."""

    encoder: Literal["audio-plane", "concat", "six-plane"] | None = None
    """Audio through factorised planes; appended to the space planes' features ("w/o A"); or no
    audio but the time in six planes, to compare."""
    attention: Literal["cross", "mlp"] | None = None
    """What weighs the audio prototypes: cross-attention, or scores that an MLP predicts."""
    fusion: Literal["concat", "add", "multiply"] | None = None
    """What becomes of the three sets of planes."""
    dynamism: bool | None = None
    """Dynamic splatting; False is "w/o D"."""
    margin: float | None = None
    """Margin of the mask loss (Eq. 9)."""
    scales: tuple[int, ...] | None = None
    """Scales of the planes."""
    grid_size: int | None = None
    """H, cells of the coarsest plane."""
    moving: Literal["all", "face"] | None = None
    """Which Gaussians the audio deforms: all, as in the paper, or those of the lower face."""
    expression: Literal["blink", "upper-face"] | None = None
    """What else moves Gaussians: the lids of the eyes alone, or brows, lids, squint and gaze those
    of the whole upper face, where the subject tells them."""
    torso: Literal["auto", "recorded", "model"] | None = None
    """What is below the head: the recording's own torso, as in the paper, or Gaussians of the whole
    person, hair, neck and shoulders in one. Presets demo and laptop are auto: the whole person
    where hair falls onto the shoulders."""
    detail: bool | None = None
    """Whether the head gets a map of what its Gaussians are too large for: skin, grain and fine
    lines of one frame, which they carry. Preset laptop does."""
    cell_features: int | None = None
    """D, numbers that a cell holds; a multiple of 8."""


@dataclass(frozen=True)
class Train:
    """Learn a head from a subject. Run again after an interruption, it goes on where it was."""

    STOPPED: ClassVar[str] = "stopped; the same command goes on where it was"

    subject: SubjectArgument
    """Folder that 'prepare' made (or a subject of the AD-NeRF family)."""
    out: Path
    """Folder of the run: checkpoints, the head to drive, events."""
    preset: Literal["demo", "laptop", "paper"] = "laptop"
    """demo: minutes at 192 px on 2 cores; laptop: 7 to 9 minutes of processor time, 3 to 8 for a
    video of 5 to 8 s; paper: as published."""
    speech: Annotated[str | None, tyro.conf.arg(metavar="KIND")] = None
    """Kind of speech features, if not the preset's: a file aud_KIND.npy in the subject, which
    'audioplane speech' adds."""
    iterations: int | None = None
    """Fine iterations, if not the preset's; what depends on them shrinks or grows with them."""
    prior: Literal["none"] | Path | None = None
    """File that 'prior' made of other people: the audio encoder starts from it, on its kind of
    speech features. Preset laptop starts from one of synthetic speakers, if not told 'none'."""
    seed: int = 0
    """Same seed, same head."""
    switches: Annotated[Switches, tyro.conf.arg(name="")] = Switches()
    weights: Annotated[LpipsWeights, tyro.conf.arg(name="")] = LpipsWeights()
    device: Device = "auto"
    """Where it trains; auto: on an NVIDIA GPU where there is one and gsplat is installed."""

    def run(self) -> None:
        from audioplane.cli.device import use_device
        from audioplane.cli.training import show_training, signals_set
        from audioplane.prepare import complete_subject
        from audioplane.subject import check_subject, load_subject
        from audioplane.train.config import without_lpips
        from audioplane.train.initial import decided_for
        from audioplane.train.run import is_complete, train_head

        config, prior = self._settings()
        subject = load_subject(self.subject)
        device = use_device(self.device)
        console.print(f"device: {device}")
        lpips = self.weights.find() if config.loss.lpips else None
        if config.loss.lpips and lpips is None:
            config = without_lpips(config)
        console.print(f"loss between images: {config.loss.describe()}")
        for line in check_subject(subject).warnings():
            console.print(line)
        model = config.model
        with progress_reports(self) as report:
            subject = complete_subject(
                subject, config.speech, model.torso, model.expression, report
            )
        decided = decided_for(subject, config)
        for line in _decisions(subject, config, decided):
            console.print(line)
        with signals_set() as stop:
            events = train_head(subject, decided, self.out, device, lpips, stop, prior=prior)
            show_training(events)
        if stop.is_set() and not is_complete(self.out, decided):
            raise KeyboardInterrupt

    def _settings(self) -> "tuple[TrainConfig, Prior | None]":
        """The preset with what was asked for, and the prior that was."""
        from audioplane.train import PRESETS, read_prior
        from audioplane.train.config import checked, with_fine_iterations

        chosen = {k: v for k, v in asdict(self.switches).items() if v is not None}
        loss = {"margin": chosen.pop("margin")} if "margin" in chosen else {}
        config = PRESETS[self.preset].with_changes(seed=self.seed, model=chosen, loss=loss)
        prior = read_prior(self.prior) if isinstance(self.prior, Path) else None
        if self.prior == "none":
            config = replace(config, prior="")
        if speech := self.speech or (prior and prior.speech):
            config = replace(config, speech=speech)
        if self.iterations is not None:
            config = with_fine_iterations(config, self.iterations)
        return checked(config), prior


def _decisions(subject: "Subject", asked: "TrainConfig", decided: "TrainConfig") -> Iterator[str]:
    """What a training does otherwise than its settings ask, or that they left to the subject."""
    if asked.model.torso == "auto" and decided.model.torso == "model":
        yield (
            "hair falls onto the shoulders: head, hair and torso are learned as one; "
            "--torso recorded keeps the recording's torso"
        )
    if decided.fine_iterations < asked.fine_iterations:
        yield (
            f"a short video: {decided.fine_iterations:,} fine iterations instead of "
            f"{asked.fine_iterations:,}, which would make the head worse; --iterations has its own "
            "number"
        )
    if asked.model.expression == "upper-face" and not subject.has_expression:
        yield (
            "the subject has no expression.npy and no landmarker is at hand: brows and gaze are "
            "not learned, blinks are"
        )
