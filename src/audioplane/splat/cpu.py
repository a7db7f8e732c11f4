"""The rasterizer on a CPU: numba kernels behind two autograd functions, all in float32."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from audioplane.splat import cpu_blend, cpu_project
from audioplane.splat.simd import LANES
from audioplane.splat.types import Splat


def _array(tensor: Tensor) -> np.ndarray:
    return np.ascontiguousarray(tensor.detach().numpy(), dtype=np.float32)


class _Project(torch.autograd.Function):
    """means, quats, scales, viewmat → means2d, conics (differentiable), depths, extents."""

    @staticmethod
    def forward(ctx, means, quats, scales, viewmat, opacities, K, size):
        n = len(means)
        inputs = [_array(x) for x in (means, quats, scales, viewmat, K)]
        m, q, s, V, intrinsics = inputs
        size = (np.float32(size[0]), np.float32(size[1]))
        means2d, conics = np.empty((n, 2), np.float32), np.empty((n, 3), np.float32)
        depths, extents = np.empty(n, np.float32), np.empty((n, 2), np.float32)
        cpu_project.project_forward(
            m, q, s, _array(opacities), V, intrinsics, size, means2d, conics, depths, extents
        )
        ctx.arrays = (*inputs, size, conics, extents)
        outputs = tuple(torch.from_numpy(x) for x in (means2d, conics, depths, extents))
        ctx.mark_non_differentiable(outputs[2], outputs[3])
        return outputs

    @staticmethod
    def backward(ctx, *grad_outputs):
        dmeans2d, dconics = grad_outputs[:2]
        m, q, s, V, K, size, conics, extents = ctx.arrays
        dmeans, dquats, dscales = np.empty_like(m), np.empty_like(q), np.empty_like(s)
        chunks = -(-len(m) // cpu_project.CHUNK)
        dviews = np.empty((chunks, 3, 4), np.float32)
        cpu_project.project_backward(
            m,
            q,
            s,
            V,
            K,
            size,
            conics,
            extents,
            _array(dmeans2d),
            _array(dconics),
            dmeans,
            dquats,
            dscales,
            dviews,
        )
        dview = np.zeros((4, 4), np.float32)
        dview[:3] = dviews.sum(0)
        gradients = (torch.from_numpy(x) for x in (dmeans, dquats, dscales, dview))
        return (*gradients, None, None, None)


@dataclass(frozen=True)
class _Rows:
    """Gaussians in drawing order and the rows that they touch."""

    order: np.ndarray
    packed: np.ndarray
    colours: np.ndarray
    first_row: np.ndarray
    first_pair: np.ndarray
    row_start: np.ndarray
    items: np.ndarray


def drawing_order(depths: np.ndarray, extents: np.ndarray) -> np.ndarray:
    """Indices of the drawn Gaussians, nearest first, equal depths by index."""
    drawn = np.flatnonzero(extents[:, 0] > 0)
    # A positive float's bits order as the float does: one integer sort gives a stable order.
    keys = (depths[drawn].view(np.uint32).astype(np.uint64) << np.uint64(32)) | drawn.astype(
        np.uint64
    )
    keys.sort()
    return (keys & np.uint64(0xFFFFFFFF)).astype(np.int32)


def _arrange(arrays: list[np.ndarray], height: int) -> _Rows:
    means2d, conics, opacities, features, depths, extents = arrays
    order = drawing_order(depths, extents)
    first_row, first_pair, row_start = cpu_blend.bin_rows(order, means2d, extents, height)
    items = cpu_blend.fill_rows(first_row, first_pair, row_start)
    packed, colours = cpu_blend.pack(order, means2d, conics, opacities, features)
    return _Rows(order, packed, colours, first_row, first_pair, row_start, items)


def _planar(picture: np.ndarray, stride: int) -> np.ndarray:
    """[h, w, c] to zero-padded [c, h, stride]."""
    height, width, channels = picture.shape
    planar = np.zeros((channels, height, stride), np.float32)
    planar[:, :, :width] = picture.transpose(2, 0, 1)
    return planar


class _Blend(torch.autograd.Function):
    """means2d, conics, opacities, features, background → image [h,w,c], coverage [h,w]."""

    @staticmethod
    def forward(ctx, means2d, conics, opacities, features, background, depths, extents, size):
        width, height = size
        arrays = [_array(x) for x in (means2d, conics, opacities, features, depths, extents)]
        rows = _arrange(arrays, height)
        stride = -(-width // LANES) * LANES
        image = np.zeros((arrays[3].shape[1], height, stride), np.float32)
        transmittance = np.empty((height, stride), np.float32)
        cpu_blend.blend_forward(
            rows.packed, rows.colours, rows.items, rows.row_start, width, image, transmittance
        )
        T = torch.from_numpy(transmittance)
        planar = torch.from_numpy(image)
        if background is not None:
            back = background.detach().to(torch.float32).expand(height, width, -1).permute(2, 0, 1)
            planar[:, :, :width].addcmul_(T[:, :width], back)
        ctx.save = (rows, arrays, image, transmittance, size)
        ctx.background = None if background is None else background.shape
        return planar[:, :, :width].permute(1, 2, 0), 1 - T[:, :width]

    @staticmethod
    def backward(ctx, *grad_outputs):
        dimage, dalpha = grad_outputs
        rows, (means2d, conics, opacities, features, _, _), image, transmittance, size = ctx.save
        width, height = size
        stride = transmittance.shape[1]
        gradient = _planar(dimage.numpy(), stride)
        dcoverage = np.zeros((height, stride), np.float32)
        dcoverage[:, :width] = dalpha.numpy()
        total = np.einsum("chw,chw->hw", image, gradient) + (1 - transmittance) * dcoverage
        pairs = np.empty((rows.first_pair[-1], cpu_blend.MOMENTS + features.shape[1]), np.float32)
        cpu_blend.blend_backward(
            rows.packed,
            rows.colours,
            rows.items,
            rows.row_start,
            width,
            gradient,
            dcoverage,
            total,
            rows.first_row,
            rows.first_pair,
            pairs,
        )
        outputs = [np.zeros_like(x) for x in (means2d, conics, opacities, features)]
        cpu_blend.gather_pairs(
            rows.order, rows.packed, rows.first_row, rows.first_pair, pairs, *outputs
        )
        dbackground = None
        if ctx.background is not None and ctx.needs_input_grad[4]:
            full = torch.from_numpy(transmittance[:, :width, None]) * dimage
            dbackground = full.sum_to_size(ctx.background)
        return (*(torch.from_numpy(x) for x in outputs), dbackground, None, None, None)


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
    """Blend Gaussians front to back; arguments as `audioplane.splat.rasterize`."""
    size = (width, height)
    means2d, conics, depths, extents = _Project.apply(
        means, quats, scales, viewmat, opacities, K, size
    )
    image, alpha = _Blend.apply(
        means2d, conics, opacities, features, background, depths, extents, size
    )
    radii = extents.amax(-1)
    return Splat(image, alpha, means2d, radii, radii > 0)
