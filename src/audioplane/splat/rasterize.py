"""The one door to the rasterizer."""

import torch
from jaxtyping import Float
from torch import Tensor

from audioplane.splat import cpu
from audioplane.splat.types import Splat


def rasterize(
    means: Float[Tensor, "n 3"],
    quats: Float[Tensor, "n 4"],
    scales: Float[Tensor, "n 3"],
    opacities: Float[Tensor, " n"],
    features: Float[Tensor, "n c"],
    viewmat: Float[Tensor, "4 4"],
    K: Float[Tensor, "3 3"],
    width: int,
    height: int,
    background: Float[Tensor, "..."] | None = None,
) -> Splat:
    """Eq. 2: splat Gaussians into an image, differentiable in every tensor but K.

    Args:
        means: Centres in the world, metres.
        quats: Rotations, wxyz, any length but zero.
        scales: Standard deviations along the rotated axes, metres, positive.
        opacities: 0 to 1.
        features: What is blended: colours and any other channels.
        viewmat: World→camera, OpenCV axes.
        K: Camera intrinsics, pixels.
        width: Image width, pixels.
        height: Image height, pixels.
        background: Features behind the Gaussians, [c] or [h, w, c]; None is zero.

    Returns:
        The image, its coverage and the projected means.

    Raises:
        ValueError: an input holds a number that is not finite (the message names it), or does not
            lie on the CPU.
    """
    inputs = {
        "means": means,
        "quats": quats,
        "scales": scales,
        "opacities": opacities,
        "features": features,
        "viewmat": viewmat,
        "background": background,
    }
    for name, tensor in inputs.items():
        if tensor is not None and tensor.device.type != "cpu":
            raise ValueError(
                f"rasterize: {name} lies on {tensor.device}, this rasterizer is the CPU's"
            )
        if tensor is not None and not torch.isfinite(tensor).all():
            raise ValueError(f"rasterize: {name} holds a number that is not finite")
    return cpu.rasterize(
        means, quats, scales, opacities, features, viewmat, K, width, height, background
    )
