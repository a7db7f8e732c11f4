"""The commands, one dataclass each: fields are the arguments, `run` does the work."""

import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from audioplane.cli.console import console, output, progress_bar
from audioplane.cli.provenance import ProvenanceOptions
from audioplane.cli.weights import LpipsWeights, ScoreWeights

Kind = Literal["mel", "phones", "mel+phones", "deepspeech", "wav2vec2", "hubert"]
PathArgument = Annotated[Path, tyro.conf.Positional]
Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True)
class Prepare:
    """Make a video of somebody talking into a subject. Continues where it was interrupted."""

    video: PathArgument
    """The video: one person, speaking, any format."""
    out: Path
    """Folder of the subject."""
    size: int = 512
    """Height and width of the frames, pixels."""
    speech: Kind = "mel+phones"
    """Kind of speech features; deepspeech, wav2vec2 and hubert need the extra 'speech' and a model
    file, see --speech-model. 'audioplane speech' adds other kinds later."""
    speech_model: Path | None = None
    """The file or folder of that kind's network; looked up if not given."""
    face_landmarker: Path | None = None
    """MediaPipe's face_landmarker.task; looked up or downloaded if not given."""
    segmenter: Path | None = None
    """MediaPipe's selfie_multiclass_256x256.tflite, which also knows hair and clothes; without it
    the person is cut out by selfie_segmentation.tflite, looked up or downloaded."""
    focal: float | None = None
    """Focal length, pixels of the subject's frames; searched for if not given."""
    sound_late: float | None = None
    """Milliseconds by which the sound comes after the picture, below zero if before it; it is moved
    by as much. If not given it is estimated, and moved where it is more than 100; 0 leaves it."""
    consent: str = ""
    """Who agreed to the making of this head, and to what; goes into every video of it."""
    force: bool = False
    """Start anew in a folder that holds another preparation, and go on with a clip that preflight
    refuses."""

    def run(self) -> None:
        from audioplane.prepare import PrepareOptions, StageProgress, prepare_subject

        options = PrepareOptions(
            size=self.size,
            speech=(self.speech,),
            speech_model=self.speech_model,
            face_landmarker=self.face_landmarker,
            segmenter=self.segmenter,
            focal=self.focal,
            sound_late=None if self.sound_late is None else self.sound_late / 1000,
            consent=self.consent,
            force=self.force,
        )
        with progress_bar() as bar:
            tasks = {}

            def report(p: StageProgress) -> None:
                if p.stage not in tasks:
                    tasks[p.stage] = bar.add_task(p.stage, total=p.total or None, note="")
                bar.update(tasks[p.stage], completed=p.done, total=p.total or None)
                if p.message:
                    console.print(f"{p.stage}: {p.message}")

            info = prepare_subject(self.video, self.out, options, report)
        usable = info.n_frames - len(info.flags)
        console.print(f"{self.out}: {usable} of {info.n_frames} frames can be used")


@dataclass(frozen=True)
class Speech:
    """Add a kind of speech features to a subject, ours or a peer's."""

    subject: PathArgument
    """Folder of the subject."""
    kind: Kind = "mel+phones"
    """Kind of speech features; written to aud_KIND.npy, for 'train --speech KIND'."""
    model: Path | None = None
    """The file or folder of that kind's network; looked up if not given."""

    def run(self) -> None:
        from audioplane.cli.speech import add_features

        shape = add_features(self.subject, self.kind, self.model)
        sizes = " x ".join(str(n) for n in shape)
        console.print(f"{self.subject}: aud_{self.kind}.npy, {sizes} (frames, window, features)")


@dataclass(frozen=True)
class Inspect:
    """Show what a subject holds, what it lacks and what that costs, and draw some of its frames."""

    subject: PathArgument
    """Folder of the subject, ours or a peer's."""
    out: Path | None = None
    """The picture: frames with landmarks, masks and the head's axes; SUBJECT/inspect.png if not
    given."""
    json: bool = False
    """Print the facts as JSON on standard output."""

    def run(self) -> None:
        from audioplane.cli.inspect import inspect_subject

        inspect_subject(self.subject, self.out or self.subject / "inspect.png", self.json)


@dataclass(frozen=True)
class Preflight:
    """Judge a video before the long work: length, face, light, sound, sync; with advice.

    'prepare' does so too, and refuses what is hopeless.
    """

    video: PathArgument
    """The video: one person, speaking, any format."""
    out: Path | None = None
    """Folder for preflight.html: the verdict with pictures and plots."""
    json: bool = False
    """Print figures and findings as JSON on standard output."""
    face_landmarker: Path | None = None
    """MediaPipe's face_landmarker.task; looked up or downloaded if not given."""

    def run(self) -> None:
        from audioplane.cli.preflight import run_preflight

        run_preflight(self.video, self.out, self.json, self.face_landmarker)


@dataclass(frozen=True)
class Doctor:
    """Say what is installed, which model files are here, and what each missing thing would give."""

    json: bool = False
    """Print the report as JSON on standard output."""

    def run(self) -> None:
        from audioplane.cli.doctor import run_doctor

        run_doctor(self.json)


@dataclass(frozen=True)
class Switches:
    """Design choices of the paper; what is not given is the preset's, and that is the paper's."""

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
    cell_features: int | None = None
    """D, numbers that a cell holds; a multiple of 8."""


@dataclass(frozen=True)
class Train:
    """Learn a head from a subject. Run again after an interruption, it goes on where it was."""

    subject: PathArgument
    """Folder that 'prepare' made (or a subject of the AD-NeRF family)."""
    out: Path
    """Folder of the run: checkpoints, the head to drive, events."""
    preset: Literal["demo", "laptop", "paper"] = "laptop"
    """demo: minutes at 192 px on 2 cores; laptop: 6 to 15 minutes at 512 px; paper: as
    published."""
    speech: Annotated[str | None, tyro.conf.arg(metavar="KIND")] = None
    """Kind of speech features, if not the preset's: a file aud_KIND.npy in the subject, which
    'audioplane speech' adds."""
    iterations: int | None = None
    """Fine iterations, if not the preset's; what depends on them shrinks or grows with them."""
    seed: int = 0
    """Same seed, same head."""
    switches: Annotated[Switches, tyro.conf.arg(name="")] = Switches()
    weights: Annotated[LpipsWeights, tyro.conf.arg(name="")] = LpipsWeights()
    device: Device = "auto"
    """Where it trains; auto: on an NVIDIA GPU where there is one and gsplat is installed."""

    def run(self) -> None:
        from audioplane.cli.device import choose_device
        from audioplane.cli.training import show_training
        from audioplane.subject import load_subject
        from audioplane.train import PRESETS
        from audioplane.train.config import with_fine_iterations, without_lpips
        from audioplane.train.run import name_loss, train_head

        chosen = {k: v for k, v in asdict(self.switches).items() if v is not None}
        config = replace(PRESETS[self.preset], seed=self.seed, **chosen)
        if self.speech:
            config = replace(config, speech=self.speech)
        if self.iterations is not None:
            config = with_fine_iterations(config, self.iterations)
        device = choose_device(self.device)
        console.print(f"device: {device}")
        lpips = self.weights.find() if config.lambda_lpips else None
        if config.lambda_lpips and lpips is None:
            config = without_lpips(config)
        console.print(f"loss between pictures: {name_loss(config)}")
        show_training(train_head(load_subject(self.subject), config, self.out, device, lpips))


@dataclass(frozen=True)
class Drive:
    """Let a trained head speak: any sound of any length becomes a video."""

    run_folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Folder of a training run."""
    speech: PathArgument
    """Sound or video file with the speech."""
    out: Path
    """The video to write, mp4: 25 frames a second, H.264 and AAC."""
    subject: Path | None = None
    """The subject, if its folder has moved since the training."""
    speech_model: Path | None = None
    """File or folder of the network, if the head was trained on what one hears; looked up if not
    given."""
    articulation: float = 1.0
    """How far the lips move, as a multiple of what the head learned: heads that are not sure of a
    voice mumble, 1.5 opens their mouths."""
    crf: int = 18
    """H.264 quality, 0 (lossless) to 51 (worst)."""
    provenance: Annotated[ProvenanceOptions, tyro.conf.arg(name="")] = ProvenanceOptions()
    device: Device = "auto"
    """Where it draws; auto: on an NVIDIA GPU where there is one and gsplat is installed."""

    def run(self) -> None:
        from audioplane.cli.device import choose_device
        from audioplane.cli.drive import Manner, drive_file

        started = time.perf_counter()
        device = choose_device(self.device)
        files = (self.run_folder, self.speech, self.out)
        manner = Manner(self.subject, self.speech_model, self.articulation, self.crf)
        n = drive_file(*files, self.provenance, manner, device)
        rate = n / (time.perf_counter() - started)
        console.print(f"{self.out}: {n / 25:.2f} s, {rate:.1f} frames/s from file to file")


@dataclass(frozen=True)
class Verify:
    """Tell whether a video was made with audioplane: by its invisible mark and its credentials.

    Exit status 0 if one of them says so and nothing speaks against it, 1 otherwise. Videos that
    others have cut, scaled or encoded anew keep the mark only.
    """

    file: PathArgument
    """A video, any format."""
    mark_key: Path | None = None
    """Key of the mark's payload; this installation's (or $AUDIOPLANE_MARK_KEY) if not given."""
    json: bool = False
    """Print what was found as JSON on standard output."""

    def run(self) -> None:
        from audioplane.cli.verify import run_verify

        run_verify(self.file, self.mark_key, self.json)


@dataclass(frozen=True)
class Evaluate:
    """Score a trained head on the frames that it never saw: report.html shows what came out."""

    run_folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Folder of a training run."""
    out: Path | None = None
    """Folder for report.html and metrics.json; RUN/evaluation if not given."""
    subject: Path | None = None
    """The subject, if its folder has moved since the training."""
    face_landmarker: Path | None = None
    """MediaPipe's face_landmarker.task; looked up if not given."""
    poses: Literal["tracked", "refined", "both"] = "both"
    """Poses of the held-out frames: as tracked, or refined against them with the head frozen."""
    weights: Annotated[ScoreWeights, tyro.conf.arg(name="")] = ScoreWeights()
    json: bool = False
    """Print what metrics.json holds on standard output."""
    device: Device = "auto"
    """Where it draws; auto: on an NVIDIA GPU where there is one and gsplat is installed."""

    def run(self) -> None:
        from audioplane.cli.device import choose_device
        from audioplane.cli.evaluate import evaluate_run

        out, device = self.out or self.run_folder / "evaluation", choose_device(self.device)
        lpips, syncnet = self.weights.find(), self.weights.find_syncnet()
        model = self.face_landmarker
        evaluation = evaluate_run(
            self.run_folder, out, self.subject, model, self.poses, device, lpips, syncnet
        )
        if self.json:
            sys.stdout.write(evaluation.to_json() + "\n")
            return
        for name, report in evaluation.reports.items():
            output.print(f"\nheld-out poses {name}")
            output.print(report.to_table())
        console.print(f"{out}: report.html, metrics.json; film and contact sheet of each")


@dataclass(frozen=True)
class Demo:
    """See it all work on a drawn head: make it, train it, let it speak what it never heard."""

    out: Path = Path("demo")
    """Folder for the subject, the run, demo.mp4, report.html, contact_sheet.png and table.txt."""
    seconds: float = 20.0
    """Length of the drawn video."""
    size: int = 192
    """Height and width of its frames, pixels."""
    iterations: int | None = None
    """Fine iterations, if not those of preset demo."""

    def run(self) -> None:
        from audioplane.cli.demo import run_demo

        run_demo(self.out, self.seconds, self.size, self.iterations)


@dataclass(frozen=True)
class Ablate:
    """Train the variants of the paper's Tables 1 to 3 on a subject and set ours beside the paper's.

    Continues where it was interrupted.
    """

    subject: PathArgument
    """Folder that 'prepare' made."""
    out: Path
    """Folder for the variants, report.html and report.json."""
    tables: tuple[Literal[1, 2, 3], ...] = (1, 2, 3)
    """Which tables: 1 Audio-Plane and dynamic splatting, 2 attention and fusion, 3 the margin."""
    budget: float = 120.0
    """Minutes for all variants together; each gets the same number of iterations."""
    preset: Literal["demo", "laptop", "paper"] = "laptop"
    """Settings that the variants share."""
    moving: Literal["all", "face"] = "all"
    """Which Gaussians the audio deforms: all, as in the paper, or those of the lower face."""
    seed: int = 0
    """Of every variant."""
    weights: Annotated[LpipsWeights, tyro.conf.arg(name="")] = LpipsWeights()

    def run(self) -> None:
        from audioplane.cli.ablate import run_ablation
        from audioplane.train import PRESETS

        config = replace(PRESETS[self.preset], moving=self.moving, seed=self.seed)
        run_ablation(self.subject, self.out, self.tables, config, self.budget, self.weights.find())
        console.print(f"{self.out}: report.html, report.json")


@dataclass(frozen=True)
class Bench:
    """Measure how fast this machine is: in milliseconds, and in matrix products of the same run."""

    what: Annotated[Literal["splat", "head", "drive", "train", "all"], tyro.conf.Positional] = "all"
    """splat: the rasterizer; head: speech features to picture; drive: sound to video; train: an
    iteration of the fine stage."""
    json: bool = False
    """Print the figures as JSON on standard output."""
    device: Device = "auto"
    """What is measured; auto: an NVIDIA GPU where there is one and gsplat is installed."""

    def run(self) -> None:
        from audioplane.cli.bench import run_bench
        from audioplane.cli.device import choose_device

        run_bench(self.what, choose_device(self.device), self.json)
