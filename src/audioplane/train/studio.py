"""Where the frames of a training are drawn and set beside the recorded ones."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from audioplane.head import Gaussians, View, splat_head
from audioplane.perceptual import LPIPS
from audioplane.splat import Splat
from audioplane.subject import FrameRef, Subject
from audioplane.train.config import TrainConfig
from audioplane.train.frames import TrainFrame
from audioplane.train.losses import psnr
from audioplane.train.picture_loss import PictureLoss, on_one_colour


@dataclass(frozen=True)
class Judged:
    """A drawn frame and what it lacks."""

    loss: Float[Tensor, ""]
    psnr: float
    """Inside the head's box."""
    splat: Splat
    dynamism: Float[Tensor, "h w"]
    """Dynamic map g, without gradient."""
    mouth: Float[Tensor, "h w"]
    """Mask m."""


class Studio:
    """Cameras, masks and losses of one subject's frames on one device."""

    def __init__(
        self, subject: Subject, config: TrainConfig, lpips: LPIPS | None, device: torch.device | str
    ):
        """Raises `TrainingError` if the settings ask for LPIPS without its weights."""
        self._judge = PictureLoss(config, lpips, device)
        self._K, self._device = torch.from_numpy(subject.K).float(), device
        self.full_size = subject.background.shape[1]
        """Width of the subject's pictures, pixels."""

    def put(self, array: np.ndarray) -> Tensor:
        """An array on the device."""
        return torch.from_numpy(array).to(self._device, non_blocking=True)

    def judge(
        self,
        frame: TrainFrame,
        viewmat: Float[Tensor, "4 4"],
        gaussians: Gaussians,
        dynamism: Float[Tensor, " n"],
        fine: bool,
        generator: torch.Generator,
    ) -> Judged:
        """Draw the head's box of a frame and compare it, in a fine or coarse iteration.

        Whatever is not head has one random colour in target and background: the silhouette must be
        right to hide it, so no loss on the coverage is needed. Raises `ValueError` for Gaussians
        that are not finite.
        """
        colour = torch.rand(3, generator=generator).to(self._device, non_blocking=True)
        left, top, right, bottom = frame.box
        cut = np.s_[top:bottom, left:right]
        target = on_one_colour(frame.image[cut], frame.head[cut], colour)
        mouth = self.put(frame.mouth[cut]).float()
        K = self._intrinsics(frame)
        K[0, 2] -= left
        K[1, 2] -= top
        view = View(viewmat, K, right - left, bottom - top)
        splat = splat_head(gaussians, dynamism, view, colour)
        # Plane by plane, as the rasterizer draws: slices along the planes copy less.
        planes = splat.image.permute(2, 0, 1)
        loss = self._judge(planes, target, mouth, fine, generator)
        quality = psnr(planes[:3].permute(1, 2, 0), target)
        return Judged(loss, quality, splat, planes[3].detach(), mouth)

    def show(
        self,
        frame: TrainFrame,
        ref: FrameRef,
        gaussians: Gaussians,
        dynamism: Float[Tensor, " n"],
    ) -> tuple[Float[Tensor, "h w 3"], Float[Tensor, "h w 3"]]:
        """A whole frame as tracked and its target, both on grey. Raises as `judge` does."""
        height, width = frame.head.shape
        viewmat = torch.from_numpy(ref.viewmat).float()
        view = View(viewmat, self._intrinsics(frame), width, height)
        grey = dynamism.new_full((3,), 0.5)
        target = on_one_colour(frame.image, frame.head, grey)
        return splat_head(gaussians, dynamism, view, grey).image[..., :3], target

    def _intrinsics(self, frame: TrainFrame) -> Float[Tensor, "3 3"]:
        """K at the size of a training frame."""
        K = self._K.clone()
        K[:2] *= frame.image.shape[1] / self.full_size
        return K


def mean_dynamism(judged: Judged, head: Bool[Tensor, "h w"]) -> dict[str, float]:
    """Mean g inside the mouth mask and in the rest of the head, where there is any."""
    parts = {"inside": judged.mouth > 0, "outside": head & (judged.mouth == 0)}
    return {k: judged.dynamism[p].mean().item() for k, p in parts.items() if p.any()}
