"""The paper's Table 4: what it reports of eight systems on its two test sets."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class SetFigures:
    """On one test set."""

    psnr: float | None
    ssim: float | None
    lpips: float | None
    syncnet: float


@dataclass(frozen=True)
class Published:
    """One row."""

    method: str
    a: SetFigures
    b: SetFigures
    fps: float | None
    """On an NVIDIA RTX 3090 Ti."""


def _row(method: str, a: tuple[float, ...], b: tuple[float, ...], fps: float) -> Published:
    return Published(method, SetFigures(*a), SetFigures(*b), fps)


TRUTH = Published(
    "ground truth",
    SetFigures(None, None, None, 9.175),
    SetFigures(None, None, None, 8.266),
    None,
)
TABLE = (
    _row("MakeItTalk", (29.46, 0.908, 0.092, 5.647), (31.75, 0.945, 0.042, 4.906), 10.0),
    _row("Wav2Lip", (31.58, 0.913, 0.082, 8.554), (32.58, 0.951, 0.092, 8.044), 15.0),
    _row("AD-NeRF", (31.65, 0.922, 0.082, 4.311), (32.33, 0.953, 0.048, 4.321), 0.1),
    _row("RAD-NeRF", (30.20, 0.927, 0.041, 6.537), (32.86, 0.946, 0.039, 5.323), 32.0),
    _row("ER-NeRF", (29.66, 0.921, 0.037, 6.549), (32.83, 0.944, 0.041, 5.124), 34.0),
    _row("GaussianTalker", (29.05, 0.913, 0.042, 6.438), (30.16, 0.922, 0.043, 5.059), 20.0),
    _row("TalkingGaussian", (28.92, 0.910, 0.043, 5.026), (30.83, 0.923, 0.042, 5.405), 45.0),
    _row("Audio-Plane", (31.69, 0.929, 0.035, 6.700), (32.88, 0.956, 0.038, 5.518), 43.0),
)


def published(name: str) -> Published | None:
    """The row of a method, by its name in any spelling; "ours" is the paper's own."""
    plain = _plain(name)
    if plain == "ours":
        return TABLE[-1]
    return next((row for row in TABLE if _plain(row.method) == plain), None)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
