"""Robustness of the mark: python examples/mark_trials.py VIDEO … prints the table of
docs/marking.md. Each video is cut into clips, which are marked, treated and read again."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import tyro
from jaxtyping import UInt8
from rich.progress import track

from audioplane.mark import THRESHOLD, Marker, MarkPayload, MarkReading, read_mark
from audioplane.media.video import read_frames
from audioplane.media.writer import VideoWriter

_KEY = bytes(range(32))
Frame = UInt8[np.ndarray, "h w 3"]


@dataclass(frozen=True)
class Treatment:
    """Treatment of a clip, in the order of the fields, except that `crf` comes last."""

    name: str
    lost: float = 0.0
    """Share of the frames that are lost."""
    closed_up: bool = False
    """The rest is shown without gaps, so faster; otherwise a frame stays until the next."""
    crop: float = 0.0
    """Share of width and height that is cropped, at a random place."""
    scale: float = 1.0
    gamma: float = 1.0
    gain: float = 1.0
    crf: int = 18


_TOGETHER = Treatment("all of these", lost=0.5, crop=0.1, scale=0.5, gamma=0.8, gain=1.15, crf=28)
TREATMENTS = (
    Treatment("as written, H.264 at CRF 18"),
    Treatment("H.264 at CRF 28", crf=28),
    Treatment("half size", scale=0.5),
    Treatment("a tenth cropped", crop=0.1),
    Treatment("brightness + 15 %, gamma 0.8", gamma=0.8, gain=1.15),
    Treatment("brightness − 20 %, gamma 1.25", gamma=1.25, gain=0.8),
    Treatment("half of the frames lost", lost=0.5),
    _TOGETHER,
    replace(_TOGETHER, name="all of these, gaps closed", closed_up=True),
    Treatment("a third cropped, CRF 28", crop=0.33, crf=28),
    Treatment("H.264 at CRF 34", crf=34),
    Treatment("a quarter of the size, CRF 28", scale=0.25, crf=28),
)


def treated(frames: list[Frame], how: Treatment, rng: np.random.Generator) -> Iterator[Frame]:
    """The frames after a treatment, not yet encoded."""
    n, (height, width) = len(frames), frames[0].shape[:2]
    kept = np.sort(rng.permutation(n)[: round(n * (1 - how.lost))])
    last = np.searchsorted(kept, np.arange(n), "right") - 1
    shown = kept if how.closed_up else kept[np.maximum(last, 0)]
    tall, wide = round(height * (1 - how.crop)), round(width * (1 - how.crop))
    top, left = rng.integers(0, height - tall + 1), rng.integers(0, width - wide + 1)
    size = (round(wide * how.scale), round(tall * how.scale))
    levels = how.gain * 255 * np.linspace(0, 1, 256) ** how.gamma
    table = np.clip(levels + 0.5, 0, 255).astype(np.uint8)
    for k in shown:
        piece = frames[k][top : top + tall, left : left + wide]
        yield table[cv2.resize(piece, size, interpolation=cv2.INTER_AREA)]


def psnr(frames: list[Frame], others: list[Frame]) -> float:
    """Of the worst frame, dB."""
    worst = max(
        float(np.mean((a.astype(np.float32) - b) ** 2)) for a, b in zip(frames, others, strict=True)
    )
    return 10 * np.log10(255**2 / worst)


def _through_file(frames: Iterator[Frame], crf: int) -> MarkReading:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        first = next(frames)
        with VideoWriter(path, first.shape[1], first.shape[0], crf=crf) as video:
            video.write(first)
            for frame in frames:
                video.write(frame)
        reading = read_mark(read_frames(path), _KEY)
    assert reading is not None
    return reading


@dataclass(frozen=True)
class MarkTrials:
    """Mark, treat and read clips of videos."""

    videos: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Unmarked videos."""
    seconds: float = 4.0
    """Length of a clip."""
    clips: int = 20
    """Most clips of a video."""
    rounds: int = 1
    """Times that each clip is treated with "all of these"."""

    def run(self) -> None:
        results: dict[str, list[MarkReading]] = {t.name: [] for t in TREATMENTS}
        unmarked: list[MarkReading] = []
        quality, right = [], 0
        for clip, frames in enumerate(track(self._clips(), "clips")):
            payload = MarkPayload(clip, 2**32 - 1 - clip)
            marker = Marker(frames[0].shape[1], frames[0].shape[0], payload, _KEY)
            marked = [marker.mark(frame, i) for i, frame in enumerate(frames)]
            quality.append(psnr(frames, marked))
            for how in TREATMENTS:
                for turn in range(self.rounds if how is _TOGETHER else 1):
                    rng = np.random.default_rng([clip, turn])
                    reading = _through_file(treated(marked, how, rng), how.crf)
                    right += reading.payload in (None, payload)
                    results[how.name].append(reading)
            unmarked.append(_through_file(iter(frames), 18))
        self._show(results, unmarked, quality)
        n = sum(map(len, results.values()))
        print(f"{n - right} of {n} payloads were read wrongly")

    def _clips(self) -> Iterator[list[Frame]]:
        length = round(self.seconds * 25)
        for video in self.videos:
            frames = read_frames(video)
            for _ in range(self.clips):
                clip = list(islice(frames, length))
                if len(clip) < length:
                    break
                yield clip

    def _show(
        self,
        results: dict[str, list[MarkReading]],
        unmarked: list[MarkReading],
        quality: list[float],
    ) -> None:
        print(
            f"{len(quality)} clips of {self.seconds:g} s; PSNR of the worst frame "
            f"{min(quality):.2f} dB, mean {np.mean(quality):.2f}; score needed {THRESHOLD:.2f}"
        )
        print(f"{'treatment':34}{'clips':>7}{'found':>8}{'by sync':>9}{'read':>8}{'lowest':>8}")
        for name, readings in [*results.items(), ("not marked", unmarked)]:
            n = len(readings)
            found = sum(r.found for r in readings)
            by_sync = sum(r.score >= r.threshold for r in readings)
            read = sum(r.payload is not None for r in readings)
            scores = [r.score for r in readings]
            edge = max(scores) if name == "not marked" else min(scores)
            print(f"{name:34}{n:7}{found / n:8.1%}{by_sync / n:9.1%}{read / n:8.1%}{edge:8.1f}")


if __name__ == "__main__":
    tyro.cli(MarkTrials).run()
