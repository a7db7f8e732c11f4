"""The benchmark suites of `audioplane bench`."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from audioplane.bench.measure import Figure, Stopwatch
from audioplane.bench.scenes import seeded_detail, seeded_head, standard_scene, view
from audioplane.drive import Animator
from audioplane.drive.renderer import renderer_for
from audioplane.head import Motion
from audioplane.mark import Marker, MarkPayload
from audioplane.media.writer import VideoWriter
from audioplane.run import SubjectFootage
from audioplane.speech import compute_features
from audioplane.splat import rasterize
from audioplane.subject import Subject, load_subject
from audioplane.synthetic import make_synthetic, make_synthetic_sentence
from audioplane.train import PRESETS, Progress, Trainer

_SIZE = 512
_GROWTH = ((5_000, 20_000, 80_000), (256, 512, 1024))
_SUBJECT_SECONDS = 0.8
_SPEECH_SECONDS = 8.0


def bench_splat(watch: Stopwatch) -> Iterator[Figure]:
    """The rasterizer alone: the standard scene, then more Gaussians and more pixels."""
    n = 20_000
    yield _forward(watch, n, _SIZE, "forward", 0.6)
    yield _backward(watch, n, _SIZE, "forward + backward", 2.2)
    for count in _GROWTH[0]:
        for size in _GROWTH[1]:
            name = f"{count:,} Gaussians, {size}²"
            yield _forward(watch, count, size, f"{name}, forward")
            yield _backward(watch, count, size, f"{name}, forward + backward")


def _arguments(watch: Stopwatch, n: int, size: int) -> dict:
    seen = view(size)
    tensors = standard_scene(n) | {"viewmat": seen.viewmat, "K": seen.K}
    on_device = {name: tensor.to(watch.device) for name, tensor in tensors.items()}
    return on_device | {"width": size, "height": size}


def _pairs(arguments: dict) -> str:
    """The number of (row, Gaussian) pairs in a scene."""
    splat = rasterize(**arguments)
    y, radius = splat.means2d[:, 1], splat.radii
    first = (y - radius).clamp(0, arguments["height"]).floor()
    last = (y + radius).clamp(0, arguments["height"]).ceil()
    return f"{int((last - first)[splat.visible].sum()):,} (row, Gaussian) pairs"


def _forward(watch: Stopwatch, n: int, size: int, name: str, goal: float | None = None) -> Figure:
    arguments = _arguments(watch, n, size)
    with torch.no_grad():
        note = _pairs(arguments)
        return watch.time(name, lambda: rasterize(**arguments), gaussians=n, goal=goal, note=note)


def _backward(watch: Stopwatch, n: int, size: int, name: str, goal: float | None = None) -> Figure:
    arguments = _arguments(watch, n, size)
    for key, value in arguments.items():
        if isinstance(value, torch.Tensor) and key != "K":
            value.requires_grad_()
    gradient = torch.rand(size, size, 5, device=watch.device)

    def work() -> None:
        splat = rasterize(**arguments)
        splat.image.backward(gradient)

    return watch.time(name, work, gaussians=n, goal=goal)


def bench_head(watch: Stopwatch) -> Iterator[Figure]:
    """A head as `drive` renders it: from speech features to the finished image, `uint8`."""
    for n, goal in ((10_000, 1.1), (20_000, 1.6)):
        seen, head = view(_SIZE), seeded_head(n)
        detail, head = seeded_detail(head, seen), head.to(watch.device)
        generator = torch.Generator().manual_seed(3)
        windows = torch.randn(250, 16, head.shape.feature_dim, generator=generator)
        windows = windows.to(watch.device)
        shape = (_SIZE, _SIZE, 3)
        plate = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8).numpy()
        renderer = renderer_for(head, _SIZE, _SIZE)

        def speak(head=head, windows=windows) -> torch.Tensor:
            with torch.no_grad():
                return head.audio_codes(windows)

        codes = speak()
        motion = Motion(codes[0], codes[1])

        def draw(renderer=renderer, motion=motion, plate=plate, seen=seen) -> None:
            renderer.render(motion, seen, plate)

        moving = sum(len(index) for index in head.moving())
        coded = watch.time("speech features to codes, a frame", speak, 7, len(codes), n)
        drawn = watch.time(
            "codes to image, a frame", draw, 25, gaussians=n, note=f"{moving:,} of them move"
        )
        yield coded
        yield drawn
        whole = Figure("both", coded.ms + drawn.ms, coded.m + drawn.m, n, goal)
        yield replace(whole, note=f"{1e3 / whole.ms:.0f} frames/s")
        head.detail = detail
        detailed = partial(draw, renderer_for(head, _SIZE, _SIZE))
        yield watch.time("codes to image with a detail map, a frame", detailed, 25, gaussians=n)


def bench_drive(watch: Stopwatch) -> Iterator[Figure]:
    """From sound to a video file, as `drive` does it, with a head of 10,000 Gaussians at 512²."""
    n = 10_000
    with tempfile.TemporaryDirectory() as folder:
        subject = _subject(Path(folder))
        views = {r.img_id: torch.from_numpy(r.viewmat).float() for r in subject.train}
        animator = Animator(
            seeded_head(n).to(watch.device), SubjectFootage.of(subject, list(views)), views
        )
        sound = make_synthetic_sentence(_SPEECH_SECONDS, seed=4).waveform
        path, count = Path(folder) / "out.mp4", round(_SPEECH_SECONDS * 25)
        marker = Marker(_SIZE, _SIZE, MarkPayload(1, 2), bytes(32))

        def work() -> None:
            codes = animator.codes(compute_features(sound))
            with VideoWriter(path, _SIZE, _SIZE, audio=sound) as video:
                for _, frame in animator.speak(codes, marker):
                    video.write(frame.image)

        figure = watch.time("from sound to video, a frame", work, 3, count, n)
        yield replace(figure, note=f"{1e3 / figure.ms:.1f} frames/s")
        plate = subject.background
        yield watch.time("of this the mark, a frame", lambda: marker.mark(plate, 3), 25)


def bench_train(watch: Stopwatch) -> Iterator[Figure]:
    """One iteration of the fine stage, everything trained, 10,000 Gaussians."""
    n = 10_000
    with tempfile.TemporaryDirectory() as folder:
        subject = _subject(Path(folder))
        for size, goal in ((_SIZE, 5.0), (_SIZE // 2, None)):
            config = PRESETS["laptop"].with_changes(
                density={"initial": n, "maximum": n, "until": 0},
                rates={"poses_from": 0},
                coarse_iterations=0,
                fine_iterations=250,
                half_size_iterations=0 if size == _SIZE else 250,
                checkpoint_every=10_000,
                validate_every=10_000,
            )
            trainer = Trainer(subject, config, watch.device)
            events = trainer.run(Path(folder) / f"run{size}")
            progress = (e for e in events if isinstance(e, Progress))
            figure = watch.time(
                f"fine iteration at {size}²", lambda p=progress: next(p), 20, 10, n, goal
            )
            yield replace(figure, note=f"{1e3 / figure.ms:.1f} iterations/s")


def _subject(folder: Path) -> Subject:
    """A few frames of the right size; their content does not matter."""
    root = folder / "subject"
    if not root.exists():
        make_synthetic(root, _SUBJECT_SECONDS, _SIZE)
    return load_subject(root)


SUITES = {
    "splat": bench_splat,
    "head": bench_head,
    "drive": bench_drive,
    "train": bench_train,
}
