"""The rasterizer on an NVIDIA GPU: a thin adapter over gsplat's kernels, all in float32.

gsplat 1.5.3 has ALPHA_MAX, ALPHA_MIN, TRANSMITTANCE_MIN and FIELD_MARGIN compiled in, with the
values of `constants`; NEAR and EPS2D are passed.
"""

from dataclasses import replace
from types import ModuleType

import torch
from jaxtyping import Float
from torch import Tensor

from audioplane.errors import DeviceError
from audioplane.splat.constants import EPS2D, NEAR
from audioplane.splat.types import Splat

_TILE = 16


def _gsplat() -> ModuleType:
    """gsplat with its kernels: the first call on a machine compiles them, which takes minutes."""
    try:
        import gsplat  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise DeviceError(
            f'rendering on a GPU needs gsplat: pip install "audioplane[cuda]" ({error})'
        ) from error
    cause, reason = None, "no CUDA toolkit found"
    try:
        from gsplat.cuda._backend import _C as kernels  # pyright: ignore[reportMissingImports]
    except (ImportError, OSError, RuntimeError) as error:
        kernels, cause, reason = None, error, str(error).partition("\n")[0]
    if kernels is None:
        raise DeviceError(
            f"gsplat could not compile its kernels ({reason}): it needs a C++ compiler and nvcc of "
            f"the CUDA toolkit {torch.version.cuda}"
        ) from cause
    return gsplat


def _unit_where_zero(quats: Float[Tensor, "n 4"]) -> Float[Tensor, "n 4"]:
    """Zero quaternions as no rotation: gsplat divides by their length."""
    zero = quats.square().sum(-1, keepdim=True) < torch.finfo(torch.float32).tiny
    return torch.where(zero, quats.new_tensor([1.0, 0, 0, 0]), quats)


def _draw_nothing(
    means: Float[Tensor, "0 3"],
    opacities: Float[Tensor, " 0"],
    features: Float[Tensor, "0 c"],
    width: int,
    height: int,
) -> Splat:
    """The splat of no Gaussians: gsplat divides by their number. Sums keep the graph."""
    image = features.sum(0).expand(height, width, -1)
    alpha = opacities.sum().expand(height, width)
    return Splat(image, alpha, means[:, :2], means.new_zeros(0), means[:, 0] > 0)


def _lay_behind(splat: Splat, background: Float[Tensor, "..."] | None) -> Splat:
    """gsplat takes one colour at most: every background is laid behind here."""
    if background is None:
        return splat
    image = splat.image + (1 - splat.alpha)[..., None] * background.float()
    return replace(splat, image=image)


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
    """Blend Gaussians front to back; arguments as `audioplane.splat.rasterize`, 1 to 513 channels.

    Unlike the CPU's, `radii` are rounded up to whole pixels, `visible` counts what comes near the
    image's border without reaching a pixel's centre, and `means2d` are zero where not drawn.

    Raises:
        DeviceError: gsplat is not installed or cannot compile its kernels.
    """
    tensors = (means, quats, scales, opacities, features, viewmat, K)
    means, quats, scales, opacities, features, viewmat, K = (x.float() for x in tensors)
    if len(means) == 0:
        return _lay_behind(_draw_nothing(means, opacities, features, width, height), background)
    # `gsplat.rasterization` chains these four calls too, but keeps the camera's axis on the
    # projected means: a slice of them is no longer on the way to the image and gets no gradient.
    gsplat = _gsplat()
    radii, projected, depths, conics, _ = gsplat.fully_fused_projection(
        means,
        None,
        _unit_where_zero(quats),
        scales,
        viewmat[None],
        K[None],
        width,
        height,
        eps2d=EPS2D,
        near_plane=NEAR,
        packed=False,
        calc_compensations=False,
        camera_model="pinhole",
        opacities=opacities,
    )
    extents = radii[0].amax(-1)
    visible = extents > 0
    # gsplat leaves what it does not draw as the memory was.
    means2d = torch.where(visible[:, None], projected[0], 0.0)
    columns, rows = -(-width // _TILE), -(-height // _TILE)
    _, pairs, items = gsplat.isect_tiles(means2d[None], radii, depths, _TILE, columns, rows)
    starts = gsplat.isect_offset_encode(pairs, 1, columns, rows)
    image, alpha = gsplat.rasterize_to_pixels(
        means2d[None],
        conics,
        features[None],
        opacities[None],
        width,
        height,
        _TILE,
        starts,
        items,
        packed=False,
    )
    splat = Splat(image[0], alpha[0, ..., 0], means2d, extents.float(), visible)
    return _lay_behind(splat, background)
