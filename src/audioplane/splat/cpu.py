"""The rasterizer on a CPU: numba kernels behind two autograd functions, all in float32."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numba
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from audioplane.simd import LANES
from audioplane.splat import cpu_bands, cpu_blend, cpu_project
from audioplane.splat.types import Splat


def _array(tensor: Tensor) -> np.ndarray:
    return np.ascontiguousarray(tensor.detach().numpy(), dtype=np.float32)


class _Project(torch.autograd.Function):
    """means, quats, scales, viewmat → means2d, conics (differentiable), depths, extents."""

    @staticmethod
    def forward(ctx, means, quats, scales, viewmat, opacities, K, size):
        n = len(means)
        inputs = means, quats, scales, viewmat, K
        m, q, s, V, intrinsics = (_array(x) for x in inputs)
        size = (np.float32(size[0]), np.float32(size[1]))
        means2d, conics = np.empty((n, 2), np.float32), np.empty((n, 3), np.float32)
        depths, extents = np.empty(n, np.float32), np.empty((n, 2), np.float32)
        cpu_project.project_forward(
            m, q, s, _array(opacities), V, intrinsics, size, means2d, conics, depths, extents
        )
        ctx.save_for_backward(*inputs)
        ctx.made = (size, conics, extents)
        outputs = tuple(torch.from_numpy(x) for x in (means2d, conics, depths, extents))
        ctx.mark_non_differentiable(outputs[2], outputs[3])
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx, *grad_outputs):  # pyright: ignore[reportIncompatibleMethodOverride]
        dmeans2d, dconics = grad_outputs[:2]
        m, q, s, V, K = (_array(x) for x in ctx.saved_tensors)
        size, conics, extents = ctx.made
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
class _Bands:
    """Gaussians in drawing order and the bands that they touch."""

    order: np.ndarray
    packed: np.ndarray
    first_band: np.ndarray
    first_pair: np.ndarray
    band_start: np.ndarray
    items: np.ndarray
    work: np.ndarray
    """The bands in the order that they are worked on."""

    @property
    def longest(self) -> int:
        """Gaussians of the fullest band."""
        return int(np.diff(self.band_start).max(initial=0))


def _arrange(arrays: list[np.ndarray], height: int) -> _Bands:
    means2d, conics, opacities, features, depths, extents = arrays
    order = cpu_bands.drawing_order(depths, extents)
    first_band, first_pair, band_start = cpu_bands.bin_bands(order, means2d, extents, height)
    items = cpu_bands.fill_bands(first_band, first_pair, band_start)
    record = cpu_bands.COLOURS + _whole_lanes(features.shape[1])
    packed = np.empty((len(order), record), np.float32)
    cpu_bands.pack(order, means2d, conics, opacities, features, packed)
    work = _scattered(len(band_start) - 1)
    return _Bands(order, packed, first_band, first_pair, band_start, items, work)


def _whole_lanes(n: int) -> int:
    return -(-n // LANES) * LANES


@lru_cache(maxsize=64)
def _scattered(n: int) -> np.ndarray:
    """0 … n−1 such that every stretch of it is spread over the whole: threads get equal work."""
    step = max(1, round(0.618 * n))
    while math.gcd(step, n) > 1:
        step += 1
    return (np.arange(n) * step % n).astype(np.int32)


def _scratch(bands: _Bands, stride: int) -> tuple[np.ndarray, ...]:
    """What `cpu_blend` works in, one of each for a thread."""
    threads, longest, tiles = numba.get_num_threads(), bands.longest, stride // LANES
    features = bands.packed.shape[1] - cpu_bands.COLOURS
    return (
        np.empty((threads, longest, cpu_blend.READY_COLOURS + features), np.float32),
        np.empty((threads, tiles), np.int32),
        np.empty((threads, tiles, longest), np.int32),
        np.empty((threads, longest), np.int32),
        np.empty((threads, 3, cpu_blend.CHUNK, LANES), np.float32),
    )


def _channels(n: int) -> tuple[np.float32, ...]:
    """What tells the kernels how many channels they are compiled for."""
    return (np.float32(0),) * n


def _draw(
    bands: _Bands,
    scratch: tuple[np.ndarray, ...],
    backdrop: Float[np.ndarray, "_ _ c"],
    image: Float[np.ndarray, "c h stride"],
    transmittance: Float[np.ndarray, "h stride"],
    width: int,
) -> None:
    """Blend Gaussians into planar images."""
    cpu_blend.blend_forward(
        bands.packed,
        bands.items,
        bands.band_start,
        bands.work,
        width,
        scratch,
        _channels(len(image)),
        backdrop,
        image,
        transmittance,
    )


def _planar(image: Tensor, stride: int) -> np.ndarray:
    """[h, w, c] to zero-padded [c, h, stride]; an image that lies so in memory is not copied."""
    height, width, channels = image.shape
    planes = image.permute(2, 0, 1)
    if width == stride and planes.is_contiguous():
        return planes.numpy()
    padded = torch.zeros if width < stride else torch.empty
    planar = padded(channels, height, stride)
    planar[:, :, :width] = planes
    return planar.numpy()


class _Blend(torch.autograd.Function):
    """means2d, conics, opacities, features, background → image [h,w,c], coverage [h,w]."""

    @staticmethod
    def forward(ctx, means2d, conics, opacities, features, background, depths, extents, size):
        width, height = size
        arrays = [_array(x) for x in (means2d, conics, opacities, features, depths, extents)]
        bands, stride = _arrange(arrays, height), _whole_lanes(width)
        image = np.empty((features.shape[1], height, stride), np.float32)
        transmittance = np.empty((height, stride), np.float32)
        backdrop = _backdrop(background, len(image))
        _draw(bands, _scratch(bands, stride), backdrop, image, transmittance, width)
        ctx.save = (bands, image, transmittance, size, len(means2d))
        ctx.background = None if background is None else background.shape
        ctx.set_materialize_grads(False)
        T = torch.from_numpy(transmittance)[:, :width]
        blended = torch.from_numpy(image)[:, :, :width].permute(1, 2, 0)
        ctx.save_for_backward(blended)
        return blended, 1 - T

    @staticmethod
    @once_differentiable
    def backward(ctx, *grad_outputs):  # pyright: ignore[reportIncompatibleMethodOverride]
        _ = ctx.saved_tensors  # refused where `image`, which is its memory, was changed in place
        dimage, dalpha = grad_outputs
        bands, image, transmittance, (width, height), n = ctx.save
        channels = _channels(len(image))
        stride = transmittance.shape[1]
        if dimage is None:
            dimage = torch.zeros(height, width, len(channels))
        if dalpha is None:
            dalpha = torch.zeros(height, width)
        columns = _whole_lanes(cpu_blend.SHARE_COLOURS + len(channels))
        shares = (numba.get_num_threads(), bands.longest, columns)
        pairs = np.empty((bands.first_pair[-1], cpu_blend.GEOMETRY + len(channels)), np.float32)
        cpu_blend.blend_backward(
            bands.packed,
            bands.items,
            bands.band_start,
            bands.work,
            width,
            _scratch(bands, stride),
            np.empty(shares, np.float32),
            channels,
            image,
            transmittance,
            _planar(dimage, stride),
            _planar(dalpha[..., None], stride)[0],
            bands.first_band,
            bands.first_pair,
            pairs,
        )
        outputs = [np.zeros((n, *s), np.float32) for s in ((2,), (3,), (), (len(channels),))]
        cpu_blend.gather_pairs(bands.order, bands.first_pair, pairs, *outputs)
        dbackground = None
        if ctx.needs_input_grad[4]:
            full = torch.from_numpy(transmittance)[:, :width, None] * dimage
            dbackground = full.sum_to_size(ctx.background)
        return (*(torch.from_numpy(x) for x in outputs), dbackground, None, None, None)


def _backdrop(background: Tensor | None, channels: int) -> np.ndarray:
    """A background as [h, w, c], [1, 1, c] or, for none, [0, 0, c]."""
    if background is None:
        return np.empty((0, 0, channels), np.float32)
    array = _array(background)
    return array if array.ndim == 3 else array[None, None]


class Canvas:
    """Draws scenes of n Gaussians, one after the other, in memory that it keeps; no gradients."""

    def __init__(self, n: int, channels: int, width: int, height: int):
        self._size = (width, height)
        stride = _whole_lanes(width)
        self.image = np.empty((channels, height, stride), np.float32)
        """The last image over black, planar; columns from `width` on are of no meaning."""
        self.transmittance = np.empty((height, stride), np.float32)
        """How much of what lies behind shows through."""
        self._backdrop = _backdrop(None, channels)
        self._means2d, self._conics = np.empty((n, 2), np.float32), np.empty((n, 3), np.float32)
        self._depths, self._extents = np.empty(n, np.float32), np.empty((n, 2), np.float32)
        self._scratch: tuple[np.ndarray, ...] = (np.empty((0, 0)),)

    def draw(
        self,
        means: Float[np.ndarray, "n 3"],
        quats: Float[np.ndarray, "n 4"],
        scales: Float[np.ndarray, "n 3"],
        opacities: Float[np.ndarray, " n"],
        features: Float[np.ndarray, "n c"],
        viewmat: Float[np.ndarray, "4 4"],
        K: Float[np.ndarray, "3 3"],
    ) -> None:
        """Fill `image` and `transmittance`; arguments as `audioplane.splat.rasterize`, float32."""
        width, height = self._size
        projected = (self._means2d, self._conics, self._depths, self._extents)
        size = (np.float32(width), np.float32(height))
        cpu_project.project_forward(means, quats, scales, opacities, viewmat, K, size, *projected)
        bands = _arrange(
            [self._means2d, self._conics, opacities, features, self._depths, self._extents], height
        )
        threads, longest = self._scratch[0].shape[:2]
        if threads != numba.get_num_threads() or longest < bands.longest:
            self._scratch = _scratch(bands, self.transmittance.shape[1])
        _draw(bands, self._scratch, self._backdrop, self.image, self.transmittance, width)


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
