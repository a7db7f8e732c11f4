"""The verbs of `import audioplane`: prepare, train, evaluate, pack, export and verify in one call
each.

They are named apart from the packages that do the work: `audioplane.train` is a package.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event

from audioplane.credentials import ProvenanceOptions, Verification, verify
from audioplane.errors import TrainingError
from audioplane.evaluate import evaluate as evaluate_run
from audioplane.export import export_gaussians as write_gaussians
from audioplane.perceptual import LPIPS
from audioplane.prepare import PrepareOptions, complete_subject
from audioplane.prepare import prepare_subject as prepare
from audioplane.progress import Report, ignore
from audioplane.run import Run, open_run, pack
from audioplane.splat.device import choose_device
from audioplane.subject import Subject, load_subject
from audioplane.train import (
    PRESETS,
    Prior,
    PriorConfig,
    PriorEvent,
    TrainConfig,
    TrainEvent,
    read_prior,
)
from audioplane.train import train_prior as across_people
from audioplane.train.config import checked, with_fine_iterations, without_lpips
from audioplane.train.losses import ExtraLosses
from audioplane.train.run import train_head as train
from audioplane.web import WebExport
from audioplane.web import export_web as write_web

__all__ = [
    "evaluate_run",
    "export_gaussians",
    "export_web",
    "pack_run",
    "prepare_subject",
    "train_head",
    "train_prior",
    "verify_video",
]


def prepare_subject(
    video: Path | str,
    out: Path | str,
    *,
    consent: str = "",
    options: PrepareOptions | None = None,
    report: Report | None = None,
) -> Subject:
    """Make a video of somebody talking into a subject; continues where it was interrupted.

    Args:
        video: One person, speaking, facing the camera; any format, size and frame rate.
        out: The subject's folder; made if it is not there.
        consent: Who agreed to the making of this head, and to what; goes into every video of it.
        options: Size, feature kind, model files and more; by default 512 x 512 pixels and
            mel bands with the phones of any language (`mel+ipa`). Its `consent` counts where this
            one is empty.
        report: Called with the progress of every stage and with what was found.

    Returns:
        The subject, with frames at 25 a second and speech features float32 [T, W, F].

    Raises:
        PrepareError: The video is hopeless, too few frames are usable, or the folder is in use.
        MediaError: The video cannot be read, or the folder cannot be written.
        ModelError: A model file is neither here nor to be had.
    """
    options = options or PrepareOptions()
    if consent:
        options = replace(options, consent=consent)
    prepare(Path(video), Path(out), options, report or ignore)
    return load_subject(Path(out))


def train_head(  # noqa: PLR0913 - one keyword a question that a caller may have
    subject: Subject | Path | str,
    out: Path | str,
    *,
    config: TrainConfig | str = "laptop",
    speech: str | None = None,
    iterations: int | None = None,
    seed: int | None = None,
    device: str = "auto",
    lpips: LPIPS | None = None,
    extra_losses: ExtraLosses | None = None,
    prior: Prior | Path | str | None = None,
    stop: Event | None = None,
) -> Iterator[TrainEvent]:
    """Learn a head from a subject, yielding what happens; it learns while it is iterated.

    Called again with the same arguments it goes on from the last checkpoint in `out`; on the CPU a
    run that was interrupted ends with the same bits as one that was not.

    Args:
        subject: A prepared subject, or its folder; prior work's folders too.
        out: The run folder; made if it is not there.
        config: Name of a preset ("demo", "laptop", "paper") or settings.
        speech: Feature kind, if not that of `config`.
        iterations: Fine iterations, if not those of `config`; the rest of the plan scales.
        seed: Same seed, same head.
        device: "cpu", "cuda", or "auto": an NVIDIA GPU where there is one and gsplat.
        lpips: LPIPS with its weights; without it D-SSIM stands in where the settings ask for it.
        extra_losses: Losses of your own: name -> (weight, function of a `train.losses.Step`).
        stop: Set it, from another thread or a signal, to save a checkpoint and end.
        prior: What `train_prior` made of other people: the audio encoder starts from it, and the
            feature kind is its own where `speech` names none. Preset "laptop" starts from the one
            that is shipped, of synthetic speakers; "none" from nothing.

    Yields:
        `Progress`, `Validated` and `CheckpointSaved` (`audioplane.train.events`).

    Raises:
        SubjectError: The subject cannot be trained on.
        TrainingError: The settings do not fit, the folder holds another run, or a number is not
            finite; the last checkpoint stands.
        DeviceError: The device cannot be used here.
    """
    if isinstance(config, str):
        if config not in PRESETS:
            raise TrainingError(f"config={config!r}: choose one of {', '.join(PRESETS)}")
        config = PRESETS[config]
    if prior == "none":
        config, prior = replace(config, prior=""), None
    opened_prior = read_prior(Path(prior)) if isinstance(prior, Path | str) else prior
    speech = speech or (opened_prior.speech if opened_prior else None)
    changes = {"speech": speech, "seed": seed}
    config = replace(config, **{k: v for k, v in changes.items() if v is not None})
    if iterations is not None:
        config = with_fine_iterations(config, iterations)
    if lpips is None and config.loss.lpips:
        config = without_lpips(config)
    config = checked(config)
    opened = subject if isinstance(subject, Subject) else load_subject(Path(subject))
    model = config.model
    opened = complete_subject(opened, config.speech, model.torso, model.expression)
    chosen = choose_device(device).device
    return train(
        opened,
        config,
        Path(out),
        chosen,
        lpips,
        extra_losses=extra_losses,
        stop=stop,
        prior=opened_prior,
    )


def train_prior(
    subjects: Sequence[Subject | Path | str],
    out: Path | str,
    *,
    held_out: Subject | Path | str | None = None,
    config: PriorConfig | None = None,
    stop: Event | None = None,
) -> Iterator[PriorEvent]:
    """Train an audio encoder on several people, for `train_head(prior=)`; it learns while it is
    iterated.

    Called again with the same arguments it goes on from the checkpoint beside `out`, and ends with
    the same bits.

    Args:
        subjects: Prepared subjects, or their folders; everybody once. None are needed with
            `config=PriorConfig(synthetic=20)`.
        out: The file, about 0.25 MB.
        held_out: Somebody else, on whom the prior is scored.
        config: Feature kind, iterations, seed and more.
        stop: Set it, from another thread or a signal, to save a checkpoint and end.

    Yields:
        `PriorProgress`, and `PriorWritten` at the end (`audioplane.train.prior_training`).

    Raises:
        SubjectError: A subject has no sound to compute the features from, or no landmarks.
        TrainingError: Nobody to learn from, one person twice, or a checkpoint of other settings.
    """

    config = config or PriorConfig()

    def opened(subject: Subject | Path | str) -> Subject:
        return subject if isinstance(subject, Subject) else load_subject(Path(subject))

    other = None if held_out is None else opened(held_out)
    people = [opened(subject) for subject in subjects]  # all are there, before the work on one
    if other is not None:
        other = complete_subject(other, config.speech)
    people = [complete_subject(person, config.speech) for person in people]
    return across_people(people, Path(out), config, other, stop)


def pack_run(
    run: Run | Path | str,
    out: Path | str,
    *,
    subject: Path | str | None = None,
    report: Report = ignore,
) -> Path:
    """Write a trained head into one file that opens anywhere, without its subject.

    Args:
        run: The run folder, or an open run.
        out: The file; `.head` is added to a name without a suffix.
        subject: The subject's folder, if it is not where it was when the head was trained.
        report: Called after every frame of the footage.

    Returns:
        Where it was written: 12 MB for a head of 512 x 512 pixels and 21 s of footage, 4 MB where
        the torso is modelled.

    Raises:
        CheckpointError: There is no trained head.
        SubjectError: The subject is not there, or is another one.
        MediaError: The file cannot be written.
    """
    return pack(run if isinstance(run, Run) else open_run(run, subject), Path(out), report)


def export_gaussians(
    run: Run | Path | str,
    out: Path | str,
    *,
    speech: Path | str | None = None,
    frame: int | None = None,
    subject: Path | str | None = None,
    consent: str = "",
    report: Report = ignore,
) -> list[Path]:
    """Write a head's Gaussians for other programs: 3DGS's PLY, or glTF with KHR_gaussian_splatting.

    Args:
        run: The run folder, a pack, or an open run.
        out: The file, .ply or .glb; of a whole speech, out-00000.ply and so on beside it.
        speech: A sound file that it speaks; None for a head at rest.
        frame: The one frame of the speech to write, from 0; None for all.
        subject: The subject's folder, if it is not where it was when the head was trained.
        consent: Who agreed to the making of this head, where it does not state that.
        report: Called after every file.

    Returns:
        The files.

    Raises:
        CredentialsError: Nobody consented to the making of this head.
        CheckpointError: There is no trained head.
        MediaError: The suffix is another one, or a file cannot be read or written.
        SpeechError: The features cannot be computed, or the speech has no such frame.
    """
    opened = run if isinstance(run, Run) else open_run(run, subject)
    spoken = None if speech is None else Path(speech)
    return write_gaussians(opened, Path(out), spoken, frame, consent, report)


def export_web(
    run: Run | Path | str,
    out: Path | str,
    *,
    subject: Path | str | None = None,
    speech: Sequence[Path | str] = (),
    provenance: ProvenanceOptions | None = None,
    report: Report = ignore,
) -> WebExport:
    """Write a folder of static files with which any browser shows a head that speaks, without a
    server (docs/browser.md). Whoever opens the page has the head.

    Args:
        run: The run folder, a pack, or an open run.
        out: The folder; made if it is not there.
        subject: The subject's folder, if it is not where it was when the head was trained.
        speech: Sound files with more speech, in the subject's language, by which a head whose
            features the page does not compute is taught to hear mel bands.
        provenance: Whose consent, where the head does not state it, and the key of the mark.
        report: Called with progress.

    Returns:
        Where it was written and how large it is.

    Raises:
        CredentialsError: Nobody consented to the making of this head, or the mark is switched off.
        CheckpointError: There is no trained head, or it is of a kind that browsers cannot compute.
        SubjectError: The subject is not there, or is another one.
        SpeechError: The features of its kind cannot be computed here.
        MediaError: The folder cannot be written, or a sound cannot be read.
    """
    opened = run if isinstance(run, Run) else open_run(run, subject)
    more = [Path(path) for path in speech]
    return write_web(opened, Path(out), provenance or ProvenanceOptions(), more, report)


def verify_video(path: Path | str, mark_key: Path | str | None = None) -> Verification:
    """Look for audioplane's mark and for credentials in a video; nothing is fetched.

    Args:
        path: A video in any format; its first 64 s are looked at, 2 s at least are needed.
        mark_key: File of the key of the mark's payload; by default this installation's.

    Returns:
        What was found; `made_here` tells whether it was made with audioplane.

    Raises:
        MediaError: The file is no video that can be read.
        CredentialsError: The key cannot be read.
    """
    return verify(Path(path), mark_key)
