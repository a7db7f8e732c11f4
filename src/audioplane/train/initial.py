"""What training starts from: the head's bounds, random Gaussians inside them."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from audioplane.errors import TrainingError
from audioplane.head import Gaussians, Head
from audioplane.head.body import BodyWeights
from audioplane.head.gaussians import SH_BASES, colour_to_sh
from audioplane.subject import FrameRef, Subject
from audioplane.subject.hair import has_long_hair
from audioplane.train.config import NEIGHBOURS, TrainConfig, with_fine_iterations
from audioplane.train.density import joined
from audioplane.train.views import Observation, look_up, observe, project

_INITIAL_OPACITY = 0.1
_TORSO_DEPTH = (-0.1, 0.45)
"""Where a torso lies against the head's centre, away from the camera, head widths."""
_RAMP = 0.4
"""Of the distance from nose to chin: over so much the body's weight rises below the chin."""
_SATURATED = 4.0
"""Logit of a weight of 1 or, negative, 0."""
_MARGIN = 0.05
"""Of the Gaussians' box, around it."""


@dataclass(frozen=True)
class Bounds:
    """Box around the head and its width, in world units."""

    low: Float[np.ndarray, "3"]
    high: Float[np.ndarray, "3"]
    head_width: float


@dataclass(frozen=True)
class Start:
    """What a training knows of its subject before the first iteration."""

    views: list[Observation]
    head_width: float
    """World units."""


def decided_for(subject: Subject, config: TrainConfig) -> TrainConfig:
    """The settings with all decided that depends on the subject: what it gets below its head,
    whether its upper face is known, and how long a fine stage its video bears
    (`TrainConfig.passes`).

    Raises `MediaError` or `SubjectError` where labels or the body's motion are damaged.
    """
    if config.model.torso == "auto":
        whole = subject.body(subject.train[0]) is not None and has_long_hair(subject)
        config = config.with_changes(model={"torso": "model" if whole else "recorded"})
    if not subject.has_expression:
        config = config.with_changes(model={"expression": "blink"})
    most = config.passes * len(subject.train)
    return with_fine_iterations(config, most) if 0 < most < config.fine_iterations else config


def start_head(
    head: Head,
    subject: Subject,
    refs: tuple[FrameRef, ...],
    config: TrainConfig,
    generator: torch.Generator,
) -> Start:
    """Fill a new head with its first Gaussians, from training frames.

    Raises `TrainingError` or `SubjectError` where they do not show what it needs.
    """
    K, count = subject.K, config.density.initial
    views = observe(subject, refs, with_body=head.body is not None)
    bounds = find_bounds(views, K)
    head.low.copy_(torch.from_numpy(bounds.low))
    head.high.copy_(torch.from_numpy(bounds.high))
    head.gaussians = random_gaussians(views, K, bounds, count, generator)
    if head.body is not None:
        torso = torso_gaussians(views, K, bounds.head_width, count, generator)
        head.gaussians = joined(head.gaussians, torso)
        place_body(head.body, views, K, head.gaussians.means)
    return Start(views, bounds.head_width)


def find_bounds(views: list[Observation], K: Float[np.ndarray, "3 3"]) -> Bounds:
    """Box that holds the head's silhouettes; as deep as it is wide, around the origin.

    Raises `TrainingError` if no view shows a head.
    """
    boxes = []
    for view in views:
        if not view.head.any():
            continue
        ys, xs = np.nonzero(view.head)
        corners = np.array([[xs.min(), ys.min()], [xs.max() + 1, ys.max() + 1]])
        turned = _in_head(view, corners, K)[:, :2]
        boxes.append([turned.min(0), turned.max(0)])
    if not boxes:
        raise TrainingError("no frame shows a head: look at the subject's parsing folder")
    corners = np.median(boxes, axis=0)
    width = float(corners[1, 0] - corners[0, 0])
    margin = 0.15 * width
    low = np.array([*(corners[0] - margin), -0.65 * width])
    high = np.array([*(corners[1] + margin), 0.65 * width])
    return Bounds(low, high, width)


def random_gaussians(
    views: list[Observation],
    K: Float[np.ndarray, "3 3"],
    bounds: Bounds,
    count: int,
    generator: torch.Generator,
) -> Gaussians:
    """`count` random points inside the visual hull, coloured by the views that see them."""
    seed = int(torch.randint(2**31, (1,), generator=generator))
    rng = np.random.default_rng(seed)
    shown = [view for view in views if view.head.any()]
    kept: list[np.ndarray] = []
    for _ in range(100):
        points = rng.uniform(bounds.low, bounds.high, (4 * count, 3))
        inside = np.ones(len(points), bool)
        for view in shown:
            inside &= look_up(view.head, project(points, view, K)[0], False)
        kept.append(points[inside])
        if sum(map(len, kept)) >= count:
            break
    means = np.concatenate(kept)[:count]
    if len(means) < min(count, 50):
        raise TrainingError(
            "the head's silhouettes share no volume: the poses do not fit the frames; prepare again"
        )
    colours = np.mean([look_up(v.image, project(means, v, K)[0], 128) for v in views], 0)
    return _gaussians_at(means, colours, generator)


def torso_gaussians(
    views: list[Observation],
    K: Float[np.ndarray, "3 3"],
    head_width: float,
    count: int,
    generator: torch.Generator,
) -> Gaussians:
    """`count` random points on the torso, at about the head's depth, where the body stands as in
    the reference frame. Raises `TrainingError` where no view shows a torso.
    """
    rng = np.random.default_rng(int(torch.randint(2**31, (1,), generator=generator)))
    seen = [view for view in views if view.torso.any()]
    if not seen:
        raise TrainingError("no frame shows a torso: train with the recorded one")
    means, colours = [], []
    for view, n in zip(seen, _shares(count, len(seen)), strict=True):
        assert view.body is not None
        rows, columns = np.nonzero(view.torso)
        chosen = rng.integers(len(rows), size=n)
        pixels = np.stack([columns[chosen], rows[chosen]], 1) + 0.5
        depth = view.viewmat[2, 3] + head_width * rng.uniform(*_TORSO_DEPTH, n)
        rays = np.pad((pixels - K[:2, 2]) / [K[0, 0], K[1, 1]], ((0, 0), (0, 1)), constant_values=1)
        camera = depth[:, None] * rays
        means.append((camera - view.body[:3, 3]) @ view.body[:3, :3])
        colours.append(view.image[rows[chosen], columns[chosen]])
    return _gaussians_at(np.concatenate(means), np.concatenate(colours).astype(float), generator)


def _shares(count: int, n: int) -> list[int]:
    """A number in n parts that differ by one at most."""
    return [(count + i) // n for i in range(n)]


def _gaussians_at(
    means: Float[np.ndarray, "n 3"], colours: Float[np.ndarray, "n 3"], generator: torch.Generator
) -> Gaussians:
    """Gaussians at points, as large as they are apart; colours 0 to 255."""
    # Half a second of import that no head being driven needs.
    from scipy.spatial import KDTree

    distance = KDTree(means).query(means, NEIGHBOURS)[0][:, 1:].mean(1)
    n = len(means)
    sh = torch.zeros(n, SH_BASES, 3)
    sh[:, 0] = colour_to_sh(torch.from_numpy(colours / 255).float())
    return Gaussians(
        means=torch.from_numpy(means).float(),
        quats=torch.randn(n, 4, generator=generator),
        log_scales=torch.from_numpy(np.log(distance / 2)).float()[:, None].repeat(1, 3),
        logits=torch.full((n,), float(np.log(_INITIAL_OPACITY / (1 - _INITIAL_OPACITY)))),
        sh=sh,
    )


@torch.no_grad()
def place_body(
    body: BodyWeights, views: list[Observation], K: Float[np.ndarray, "3 3"], means: Tensor
) -> None:
    """Weights over the box around the Gaussians: from 0 at the chin to 1 less than half a nose's
    distance below it, along the face."""
    low, high = means.amin(0), means.amax(0)
    body.low.copy_(low - _MARGIN * (high - low))
    body.high.copy_(high + _MARGIN * (high - low))
    nose, chin = np.median([_in_head(v, v.landmarks[[30, 8]], K) for v in views], 0)
    down = torch.from_numpy(chin - nose).float()
    length = float(down.norm())
    below = (body.nodes() - torch.from_numpy(chin).float()) @ (down / length)
    body.logits.copy_((2 * below / (_RAMP * length) - 1).clamp(-1, 1) * _SATURATED)


def _in_head(
    view: Observation, pixels: np.ndarray, K: Float[np.ndarray, "3 3"]
) -> Float[np.ndarray, "n 3"]:
    """Pixels [n, 2] on the plane through the head's centre, in the head's own axes: y points down
    in our subjects and up in prior work's."""
    depth = view.viewmat[2, 3]
    centre = view.viewmat[:2, 3] / depth * K[0, 0] + K[:2, 2]
    offsets = np.pad((pixels - centre) * depth / K[0, 0], ((0, 0), (0, 1)))
    return offsets @ view.viewmat[:3, :3]
