"""What a rendered frame is judged by: L1, D-SSIM, LPIPS and the mask loss."""

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from audioplane.errors import TrainingError
from audioplane.perceptual import LPIPS, SMALLEST_SIDE, random_patches
from audioplane.train.config import TrainConfig
from audioplane.train.losses import mask_loss, still_loss
from audioplane.train.photometric import photometric_loss


def on_one_colour(
    image: UInt8[np.ndarray, "h w 3"], head: Bool[np.ndarray, "h w"], colour: Float[Tensor, "3"]
) -> Float[Tensor, "h w 3"]:
    """A picture, 0 to 1 and on the colour's device, with that colour where it is not head."""
    pixels, inside = (
        torch.from_numpy(x).to(colour.device, non_blocking=True) for x in (image, head)
    )
    return torch.where(inside[..., None], pixels.float() / 255, colour)


class PictureLoss:
    """The weighted losses of the settings; raises `TrainingError` if they lack LPIPS's weights."""

    def __init__(self, config: TrainConfig, lpips: LPIPS | None, device: torch.device | str):
        if config.lambda_lpips and lpips is None:
            raise TrainingError("the settings ask for LPIPS, and its weights were not given")
        self._config = config
        self._lpips = lpips.to(device) if lpips is not None and config.lambda_lpips else None

    def __call__(
        self,
        planes: Float[Tensor, "4 h w"],
        target: Float[Tensor, "h w 3"],
        mouth: Float[Tensor, "h w"],
        fine: bool,
        generator: torch.Generator,
    ) -> Float[Tensor, ""]:
        """The loss of colours and dynamic map (planes, as the rasterizer draws) in a fine or coarse
        iteration; `mouth` is the mask m."""
        c = self._config
        image = planes[:3].permute(1, 2, 0)
        loss = photometric_loss(image, target, 1 + c.mouth_weight * mouth, c.lambda_dssim)
        if self._lpips is not None and min(mouth.shape) >= SMALLEST_SIDE:
            pair = (image, target)
            if c.lpips_patches:
                pair = random_patches(*pair, c.lpips_patch_size, c.lpips_patches, generator)
            loss = loss + c.lambda_lpips * self._lpips(*pair).mean()
        if fine and c.dynamism:
            loss = loss + c.lambda_mask * mask_loss(planes[3], mouth, c.margin)
            if c.lambda_still:
                loss = loss + c.lambda_still * still_loss(planes[3], mouth)
        return loss
