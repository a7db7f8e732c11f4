"""Lip sync from landmarks: the mouth's error, and whether it opens when it should.

LMD (Chen et al. 2018): mean distance of the mouth landmarks 48–67 after each mouth's own mean is
taken away, pixels. MAC: Pearson correlation over time between the mouth apertures of render and
ground truth; needs no weights, and is blind to where the mouth sits.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float

MIN_FRAMES = 8
"""Fewest frames for a correlation."""
MIN_SPREAD = 0.05
"""A mouth whose aperture varies by less than this part of the true variation does not move."""
MAX_LAG = 10
"""Frames to either side among which the lag is sought."""


@dataclass(frozen=True)
class MouthTrack:
    """The mouth over T frames, as one reader of landmarks sees it."""

    aperture: Float[np.ndarray, " t"]
    """`subject.regions.mouth_aperture`."""
    landmarks: Float[np.ndarray, "t 20 2"]
    """Landmarks 48–67, pixels."""
    found: Bool[np.ndarray, " t"]
    """Frames in which a mouth was seen; the others hold no meaningful values."""


@dataclass(frozen=True)
class LipScores:
    """Lip sync of a render; a score that cannot be computed is None, with the reason in `empty`."""

    lmd: float | None = None
    """Landmark distance, pixels, mean over frames."""
    mac: float | None = None
    """Mouth aperture correlation, −1 to 1."""
    lag: int | None = None
    """Frames by which the render's mouth is late: where the correlation is highest."""
    mac_at_lag: float | None = None
    """The correlation there."""
    spread: float | None = None
    """Standard deviation of the render's aperture over the ground truth's: below 1, lips that
    move too little."""
    n_frames: int = 0
    """Frames in which both mouths were seen."""
    source: str = ""
    """What the landmarks were read with."""
    source_accuracy: float | None = None
    """Correlation of that source's aperture with the subject's own landmarks, on the same
    ground-truth frames."""
    empty: dict[str, str] = field(default_factory=dict)
    """Why a score is None, by its name."""


def landmark_distance(
    rendered: Float[np.ndarray, "t 20 2"], true: Float[np.ndarray, "t 20 2"]
) -> Float[np.ndarray, " t"]:
    """LMD of every frame, pixels."""
    offset = (rendered - rendered.mean(1, keepdims=True)) - (true - true.mean(1, keepdims=True))
    return np.linalg.norm(offset, axis=-1).mean(-1)


def correlation(a: Float[np.ndarray, " t"], b: Float[np.ndarray, " t"]) -> float:
    """Pearson correlation; NaN where one of the two is constant."""
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / norm if norm > 0 else float("nan")


Found = tuple[Bool[np.ndarray, " t"], Bool[np.ndarray, " t"]]
"""The frames in which a mouth was found: of the one series, of the other."""


def find_lag(
    late: Float[np.ndarray, " t"],
    reference: Float[np.ndarray, " t"],
    max_lag: int = MAX_LAG,
    found: Found | None = None,
) -> tuple[int, float]:
    """Frames (at most `max_lag`, and a quarter of all) by which `late` follows `reference`.

    Args:
        late: one row a frame, as `reference`.
        reference: the same without delay.
        max_lag: the longest lag to either side.
        found: the frames of `late`, and of `reference`, that count; None for all.

    Returns:
        The lag of the highest correlation, and that correlation.
    """
    n = len(reference)
    seen, known = found or (np.ones(n, bool), np.ones(n, bool))
    together = int((seen & known).sum())
    reach = min(max_lag, together // 4)
    fewest = max(MIN_FRAMES - MIN_FRAMES // 4, together // 4)
    scores = {}
    for lag in range(-reach, reach + 1):
        first, second = slice(max(0, lag), n + min(0, lag)), slice(max(0, -lag), n - max(0, lag))
        both = seen[first] & known[second]
        if lag and both.sum() < fewest:
            continue
        a, b = late[first][both], reference[second][both]
        scores[lag] = np.nan_to_num(correlation(a, b), nan=-1.0)
    best = max(scores, key=lambda lag: (scores[lag], -abs(lag)))
    return best, float(scores[best])


def aperture_scores(
    rendered: Float[np.ndarray, " t"],
    true: Float[np.ndarray, " t"],
    source: str = "",
    found: Found | None = None,
) -> LipScores:
    """MAC and its companions of two apertures of the same frames, one row a frame in order; `found`
    as of `find_lag`."""
    both = np.ones(len(true), bool) if found is None else found[0] & found[1]
    own, theirs = rendered[both], true[both]
    n = len(theirs)
    if n < MIN_FRAMES:
        reason = f"{n} frames with a mouth in both, at least {MIN_FRAMES} are needed"
        return LipScores(n_frames=n, source=source, empty=_without_aperture(reason))
    true_std, std = float(theirs.std()), float(own.std())
    if true_std < 1e-6:
        reason = "the ground truth's mouth does not move"
        return LipScores(n_frames=n, source=source, empty=_without_aperture(reason))
    spread = std / true_std
    if spread < MIN_SPREAD:
        reason = f"the render's mouth does not move (spread {spread:.3f} of the true one)"
        empty = {k: reason for k in ("mac", "lag", "mac_at_lag")}
        return LipScores(spread=spread, n_frames=n, source=source, empty=empty)
    lag, at_lag = find_lag(rendered, true, found=found)
    return LipScores(None, correlation(own, theirs), lag, at_lag, spread, n, source)


def lip_scores(
    rendered: MouthTrack, true: MouthTrack, source: str, accuracy: float | None = None
) -> LipScores:
    """LMD and MAC of a render against the ground truth, both read by the same `source`."""
    found = rendered.found, true.found
    scores = aperture_scores(rendered.aperture, true.aperture, source, found)
    both = found[0] & found[1]
    lmd, empty = None, dict(scores.empty)
    if both.any():
        lmd = float(landmark_distance(rendered.landmarks[both], true.landmarks[both]).mean())
    else:
        empty["lmd"] = "no frame with a mouth in both render and ground truth"
    return replace(scores, lmd=lmd, source_accuracy=accuracy, empty=empty)


def _without_aperture(reason: str) -> dict[str, str]:
    return {name: reason for name in ("mac", "lag", "mac_at_lag", "spread")}
