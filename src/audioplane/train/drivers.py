"""What deforms each Gaussian: nothing, the audio, or the expression of the upper face."""

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from audioplane.head import BY_AUDIO, BY_EXPRESSION, STILL, Gaussians, Head
from audioplane.splat import rasterize
from audioplane.subject import FrameRef, Subject
from audioplane.subject.expression import BLINK, CONTROLS
from audioplane.subject.expression import STILL as NARROWEST
from audioplane.train.config import ModelConfig
from audioplane.train.views import Observation, look_up, project

_HARDLY_SEEN = 3e-5
"""Of the head's pixels: what fills less of them is not worth deforming."""
_VIEWS = 8
_OF_THE_BODY = 0.5
"""Weight of the body from which neither audio nor expression deforms a Gaussian."""


def expression_numbers(model: ModelConfig) -> int:
    """Numbers of an expression for a head that is trained so."""
    return len(CONTROLS) if model.expression == "upper-face" else BLINK


def learn_range(head: Head, subject: Subject, refs: tuple[FrameRef, ...]) -> None:
    """Teach a new head the expressions of its training frames; blinks are 0 to 1 for everybody."""
    if head.shape.expression != BLINK:
        rows = np.stack([subject.expression(ref) for ref in refs])
        head.expression.learn_range(rows, NARROWEST)


def assign_drivers(
    head: Head,
    views: list[Observation],
    K: Float[np.ndarray, "3 3"],
    moving: str,
    settled: bool = False,
) -> None:
    """Tell a head what drives each of its Gaussians; `moving` as of `choose_drivers`.

    `settled`: no Gaussian comes or goes any more, so that an expression of the whole upper face
    need not drive those that are hidden.
    """
    upper_face = head.shape.expression != BLINK
    driver = choose_drivers(head.gaussians.means, views, K, moving, upper_face)
    if (weights := head.body_weights()) is not None:
        driver[weights > _OF_THE_BODY] = STILL
    if settled and upper_face:
        driver[hardly_seen(head.gaussians, views, K) & (driver == BY_EXPRESSION)] = STILL
    head.moved_by = driver


def choose_drivers(
    means: Float[Tensor, "n 3"],
    views: list[Observation],
    K: Float[np.ndarray, "3 3"],
    moving: str,
    upper_face: bool = False,
) -> Tensor:
    """What drives each Gaussian [n] uint8: nothing, audio, or the expression.

    With `moving` "face" the audio drives the front half of what lies in the lower face's region in
    most views; with "all" whatever the expression does not drive. The expression drives the eyes
    and, if asked for, the upper face as far as it is not the lower one.
    """
    points = means.detach().cpu().double().numpy()
    face, eyes, upper = (np.zeros(len(points)) for _ in range(3))
    for view in views:
        pixels, depth = project(points, view, K)
        front = depth < view.viewmat[2, 3]
        face += look_up(view.face, pixels, False) & front
        eyes += look_up(view.eyes, pixels, False) & front
        upper += look_up(view.upper_face, pixels, False) & front
    driver = np.full(len(points), BY_AUDIO if moving == "all" else STILL, np.uint8)
    if upper_face:
        driver[upper > len(views) / 2] = BY_EXPRESSION
    driver[face > len(views) / 2] = BY_AUDIO
    driver[eyes > len(views) / 2] = BY_EXPRESSION
    return torch.from_numpy(driver).to(means.device)


def hardly_seen(
    gaussians: Gaussians, views: list[Observation], K: Float[np.ndarray, "3 3"]
) -> Bool[Tensor, " n"]:
    """Gaussians that fill almost nothing of the head in any view, most of which lie under others:
    the gradient of an image's sum by a feature is the area that a Gaussian fills."""
    area, seen = torch.zeros_like(gaussians.logits), 0
    K_ = torch.from_numpy(K).float().to(area)
    for view in views[:: max(1, len(views) // _VIEWS)]:
        height, width = view.head.shape
        feature = torch.ones(len(area), 1, device=area.device, requires_grad=True)
        splat = rasterize(
            gaussians.means.detach(),
            gaussians.quats.detach(),
            gaussians.log_scales.detach().exp(),
            gaussians.logits.detach().sigmoid(),
            feature,
            torch.from_numpy(view.viewmat).float().to(area),
            K_,
            width,
            height,
            feature.new_zeros(1),
        )
        area += torch.autograd.grad(splat.image.sum(), feature)[0][:, 0]
        seen += int(view.head.sum())
    return area < _HARDLY_SEEN * seen
