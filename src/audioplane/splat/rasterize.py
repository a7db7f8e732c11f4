"""The entry point of the rasterizer."""

import torch
from jaxtyping import Float
from torch import Tensor

from audioplane.splat import cpu, cuda
from audioplane.splat.types import Splat

_BACKENDS = {"cpu": cpu.rasterize, "cuda": cuda.rasterize}


def _check_shapes(inputs: dict[str, Tensor], width: int, height: int) -> None:
    """Check that all inputs fit together: the kernels check no bounds."""
    n, c = inputs["means"].shape[:1], inputs["features"].shape[-1:]
    wanted = {
        "means": [(*n, 3)],
        "quats": [(*n, 4)],
        "scales": [(*n, 3)],
        "opacities": [(*n,)],
        "features": [(*n, *c)],
        "viewmat": [(4, 4)],
        "K": [(3, 3)],
        "background": [(*c,), (height, width, *c)],
    }
    for name, tensor in inputs.items():
        if tensor.shape not in wanted[name]:
            fits = " or ".join(map(str, wanted[name]))
            raise ValueError(f"rasterize: {name} has shape {tuple(tensor.shape)}, expected {fits}")


def _check(inputs: dict[str, Tensor]) -> None:
    """Check that all inputs are finite and on one device that has a rasterizer."""
    device = inputs["means"].device
    for name, tensor in inputs.items():
        if tensor.device != device:
            raise ValueError(f"rasterize: {name} is on {tensor.device}, means on {device}")
    if device.type not in _BACKENDS:
        works = " and ".join(_BACKENDS)
        raise ValueError(f"rasterize: the inputs are on {device}, it works on {works}")
    # Sums cost little and are finite only if all numbers are; a GPU is waited for once.
    if torch.stack([tensor.detach().sum() for tensor in inputs.values()]).isfinite().all():
        return
    for name, tensor in inputs.items():
        if not tensor.isfinite().all():
            raise ValueError(f"rasterize: {name} holds a number that is not finite")


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

    The inputs' device selects the backend: `cpu` or `cuda` (gsplat, the extra `audioplane[cuda]`).

    Args:
        means: Centres in the world, metres.
        quats: Rotations, wxyz, any length but zero.
        scales: Standard deviations along the rotated axes, metres, positive.
        opacities: 0 to 1.
        features: The blended channels: colours and any others.
        viewmat: World→camera, OpenCV axes.
        K: Camera intrinsics, pixels; its skew is taken to be zero.
        width: Image width, pixels.
        height: Image height, pixels.
        background: Features behind the Gaussians, [c] or [h, w, c]; None is zero.

    Returns:
        The image, its coverage and the projected means, float32.

    Raises:
        ValueError: an input is of another shape, on another device than the means, or on one
            without a rasterizer, or holds a number that is not finite (the message names it).
        DeviceError: the inputs are on a GPU and gsplat is not installed or cannot compile.
    """
    inputs = {
        "means": means,
        "quats": quats,
        "scales": scales,
        "opacities": opacities,
        "features": features,
        "viewmat": viewmat,
        "K": K,
    }
    if background is not None:
        inputs["background"] = background
    _check_shapes(inputs, width, height)
    _check(inputs)
    return _BACKENDS[means.device.type](
        means, quats, scales, opacities, features, viewmat, K, width, height, background
    )
