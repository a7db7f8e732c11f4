"""The loss of one frame: the head's box, rendered and compared with the recording."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from audioplane.head import Gaussians, View, splat_head
from audioplane.splat import Splat
from audioplane.subject import FrameRef
from audioplane.train.frames import TrainFrame
from audioplane.train.losses import ImageLoss, Step, psnr


def on_one_colour(
    colours: UInt8[Tensor, "h w 3"], alpha: UInt8[Tensor, "h w"], colour: Float[Tensor, "3"]
) -> Float[Tensor, "h w 3"]:
    """Colours times their alpha, as an image, 0 to 1, before a wall of that colour."""
    clear = (255 - alpha)[..., None].float()
    return torch.addcmul(colours.float(), clear, colour).div_(255)


@dataclass(frozen=True)
class FrameResult:
    """A rendered frame and its loss."""

    loss: Float[Tensor, ""]
    psnr: float
    """Inside the box around the mask."""
    splat: Splat
    dynamism: Float[Tensor, "h w"]
    """Dynamic map g, without gradient."""
    mouth: Float[Tensor, "h w"]
    """The paper's m."""
    mask: Bool[Tensor, "h w"]
    """Pixels of the head, or of the whole person."""


class FrameLoss:
    """Renders frames of one subject on one device and takes their loss."""

    def __init__(
        self,
        loss: ImageLoss,
        K: Float[np.ndarray, "3 3"],
        full_size: int,
        device: torch.device | str,
    ):
        """`K` belongs to images `full_size` pixels wide."""
        self._loss, self._device = loss, device
        self._K = torch.from_numpy(K).float()
        self.full_size = full_size

    def put(self, array: np.ndarray) -> Tensor:
        """An array on the device."""
        return torch.from_numpy(array).to(self._device, non_blocking=True)

    def __call__(
        self,
        iteration: int,
        frame: TrainFrame,
        viewmat: Float[Tensor, "4 4"],
        gaussians: Gaussians,
        dynamism: Float[Tensor, " n"],
        fine: bool,
        generator: torch.Generator,
    ) -> FrameResult:
        """Render the box around the mask of a frame and compare it, in a fine or coarse iteration.

        What is behind has one random colour in target and render: alpha must be right to hide it,
        so no loss on the coverage is needed. Raises `ValueError` for
        Gaussians that are not finite.
        """
        colour = torch.rand(3, generator=generator).to(self._device, non_blocking=True)
        left, top, right, bottom = frame.box
        mask = self.put(frame.mask)
        target = on_one_colour(self.put(frame.colours), self.put(frame.alpha), colour)
        mouth = self.put(frame.mouth).float()
        K = self._intrinsics(frame)
        K[0, 2] -= left
        K[1, 2] -= top
        view = View(viewmat, K, right - left, bottom - top)
        splat = splat_head(gaussians, dynamism, view, colour)
        # Plane by plane, as the rasterizer draws: slices along the planes copy less.
        planes = splat.image.permute(2, 0, 1)
        image = planes[:3].permute(1, 2, 0)
        full_size = frame.size[1] == self.full_size
        step = Step(
            iteration, fine, full_size, image, target, planes[3], mouth, mask, gaussians, dynamism
        )
        return FrameResult(
            frame.scale * self._loss(step),
            psnr(image, target),
            splat,
            planes[3].detach(),
            mouth,
            mask,
        )

    def render_whole(
        self,
        frame: TrainFrame,
        ref: FrameRef,
        gaussians: Gaussians,
        dynamism: Float[Tensor, " n"],
    ) -> tuple[Float[Tensor, "h w 3"], Float[Tensor, "h w 3"]]:
        """A whole frame as tracked and its target, both on grey. Raises as a call does."""
        height, width = frame.size
        viewmat = torch.from_numpy(ref.viewmat).float()
        view = View(viewmat, self._intrinsics(frame), width, height)
        grey = dynamism.new_full((3,), 0.5)
        target = grey.repeat(height, width, 1)
        target[frame.cut] = on_one_colour(self.put(frame.colours), self.put(frame.alpha), grey)
        return splat_head(gaussians, dynamism, view, grey).image[..., :3], target

    def _intrinsics(self, frame: TrainFrame) -> Float[Tensor, "3 3"]:
        """K at the size of a training frame."""
        K = self._K.clone()
        K[:2] *= frame.size[1] / self.full_size
        return K


def mean_dynamism(result: FrameResult) -> dict[str, float]:
    """Mean g inside the mouth mask and in the rest of the mask, where there is any."""
    parts = {"inside": result.mouth > 0, "outside": result.mask & (result.mouth == 0)}
    return {k: result.dynamism[p].mean().item() for k, p in parts.items() if p.any()}
