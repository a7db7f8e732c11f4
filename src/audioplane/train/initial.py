"""What training starts from: the head's bounds, random Gaussians inside them, what moves."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from audioplane.errors import TrainingError
from audioplane.head import BY_AUDIO, BY_EYES, STILL, Gaussians
from audioplane.head.gaussians import SH_BASES, colour_to_sh
from audioplane.train.views import Observation, look_up, project

_INITIAL_OPACITY = 0.1


@dataclass(frozen=True)
class Bounds:
    """Box around the head and its width, in world units."""

    low: Float[np.ndarray, "3"]
    high: Float[np.ndarray, "3"]
    head_width: float


def find_bounds(views: list[Observation], K: Float[np.ndarray, "3 3"]) -> Bounds:
    """Box that holds the head's silhouettes; as deep as it is wide, around the origin.

    Raises `TrainingError` if no view shows a head.
    """
    boxes = []
    for view in views:
        if not view.head.any():
            continue
        ys, xs = np.nonzero(view.head)
        depth = view.viewmat[2, 3]
        centre = view.viewmat[:2, 3] / depth * K[0, 0] + K[:2, 2]
        corners = np.array([[xs.min(), ys.min()], [xs.max() + 1, ys.max() + 1]])
        offsets = np.pad((corners - centre) * depth / K[0, 0], ((0, 0), (0, 1)))
        # To the head's own axes: y points down in our subjects and up in the peers'.
        turned = (offsets @ view.viewmat[:3, :3])[:, :2]
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
    kept: list[np.ndarray] = []
    for _ in range(100):
        points = rng.uniform(bounds.low, bounds.high, (4 * count, 3))
        inside = np.ones(len(points), bool)
        for view in views:
            inside &= look_up(view.head, project(points, view, K)[0], False)
        kept.append(points[inside])
        if sum(map(len, kept)) >= count:
            break
    means = np.concatenate(kept)[:count]
    if len(means) < min(count, 50):
        raise TrainingError(
            "the head's silhouettes share no volume: the poses do not fit the frames; prepare again"
        )
    colours = np.mean([look_up(v.image, project(means, v, K)[0], 128) for v in views], 0) / 255
    # Half a second of import that no head being driven needs.
    from scipy.spatial import KDTree

    distance = KDTree(means).query(means, 4)[0][:, 1:].mean(1)
    n = len(means)
    sh = torch.zeros(n, SH_BASES, 3)
    sh[:, 0] = colour_to_sh(torch.from_numpy(colours).float())
    return Gaussians(
        means=torch.from_numpy(means).float(),
        quats=torch.randn(n, 4, generator=generator),
        log_scales=torch.from_numpy(np.log(distance / 2)).float()[:, None].repeat(1, 3),
        logits=torch.full((n,), float(np.log(_INITIAL_OPACITY / (1 - _INITIAL_OPACITY)))),
        sh=sh,
    )


def choose_drivers(
    means: Float[Tensor, "n 3"], views: list[Observation], K: Float[np.ndarray, "3 3"], moving: str
) -> Tensor:
    """What drives each Gaussian [n] uint8: nothing, audio, or eyes.

    With `moving` "face" the audio drives the front half of what lies in the lower face's region in
    most views; with "all" whatever the eyes do not drive.
    """
    points = means.detach().cpu().double().numpy()
    face, eyes = np.zeros(len(points)), np.zeros(len(points))
    for view in views:
        pixels, depth = project(points, view, K)
        front = depth < view.viewmat[2, 3]
        face += look_up(view.face, pixels, False) & front
        eyes += look_up(view.eyes, pixels, False) & front
    driver = np.full(len(points), BY_AUDIO if moving == "all" else STILL, np.uint8)
    driver[face > len(views) / 2] = BY_AUDIO
    driver[eyes > len(views) / 2] = BY_EYES
    return torch.from_numpy(driver).to(means.device)
