"""The detail map: texture finer than the Gaussians, as a still image that they carry.

The Gaussians of a cheek are 5 to 15 pixels wide (docs/decisions/train.md). What they leave out of
one training frame, the reference, is kept in that frame's pixels. Over it lies a mesh with a vertex
every `STEP` pixels; each moves in the image as the Gaussians do that are seen at it in the
reference, so the map follows head, lips, lids and body.
"""

from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Float, Int8, Int32
from torch import Tensor
from torch.nn.functional import grid_sample

from audioplane.head.detail_kernels import LEVEL, ROUNDS, STEP
from audioplane.head.view import View

_TYPES = [torch.int8, torch.int32, torch.float32, torch.float32]


@dataclass(frozen=True)
class DetailMap:
    """A detail map and the Gaussians that carry it."""

    texture: Int8[Tensor, "h w"]
    """Luminance beside what the Gaussians show, in `LEVEL` of a byte's values, by the reference
    frame's pixels."""
    carriers: Int32[Tensor, "r c k"]
    """Indices of the Gaussians that carry each vertex of the mesh."""
    weights: Float[Tensor, "r c k"]
    """Their shares; they sum to 1."""
    origins: Float[Tensor, "r c 2"]
    """Where the mean of the carriers, so weighted, is in the reference frame, pixels (x, y)."""

    def tensors(self) -> dict[str, Tensor]:
        """All of it, by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def of(cls, tensors: dict[str, Tensor], n_gaussians: int) -> "DetailMap":
        """The map of a head of so many Gaussians. Raises `ValueError` if it cannot be its map."""
        texture, carriers = tensors["texture"], tensors["carriers"]
        weights, origins = tensors["weights"], tensors["origins"]
        if [x.dtype for x in (texture, carriers, weights, origins)] != _TYPES:
            raise ValueError("the detail map's numbers are of other types")
        vertices, held = mesh_size(*texture.shape), carriers.shape
        if len(held) != 3 or held[:2] != vertices or not held[2]:
            raise ValueError(f"the detail map's mesh is not {vertices[0]} x {vertices[1]}")
        if weights.shape != held or origins.shape != (*vertices, 2):
            raise ValueError("the parts of the detail map do not fit each other")
        if not 0 <= int(carriers.min()) <= int(carriers.max()) < n_gaussians:
            raise ValueError("Gaussians that the head does not have carry the detail map")
        return cls(texture, carriers, weights, origins)

    def require_size(self, width: int, height: int) -> None:
        """Raise `ValueError` unless it is the map of frames of this size: a larger one would be
        drawn beyond them."""
        if self.texture.shape != (height, width):
            rows, columns = self.texture.shape
            raise ValueError(f"a detail map of {columns} x {rows} pixels, not {width} x {height}")

    def arrays(self) -> tuple[np.ndarray, ...]:
        """As the kernel takes it: the texture in a ring of zeros, carriers, weights, origins."""
        texture, *mesh = (x.contiguous().numpy() for x in self.tensors().values())
        return np.pad(texture, 1), *mesh

    def to(self, device: torch.device) -> "DetailMap":
        """The same on a device."""
        return DetailMap(**{name: x.to(device) for name, x in self.tensors().items()})

    def shading(self, means: Float[Tensor, "n 3"], view: View) -> Float[Tensor, "h w"]:
        """What the map adds to each colour where the head covers all, 1 is white.

        The oracle of `detail_kernels.add_detail`, and what a GPU runs.

        Args:
            means: of all Gaussians of the frame, where they are drawn.
            view: of the reference frame's size.
        """
        height, width = self.texture.shape
        now = carried(seen_at(means, view), self.carriers, self.weights)
        moved = (now - self.origins).permute(2, 0, 1)[None]
        nodes = vertices(height, width).to(means.device)
        seen = nodes
        for _ in range(ROUNDS):
            seen = nodes - _sampled(moved, seen / STEP)
        pixels = (_grid(height, width).to(means.device) + 0.5) / STEP
        found = _sampled(seen.permute(2, 0, 1)[None], pixels)
        size = found.new_tensor([width, height])
        unit = 2 * found / size - 1
        texture = self.texture.float()[None, None]
        return grid_sample(texture, unit[None], align_corners=False)[0, 0] * (LEVEL / 255)


def mesh_size(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of the mesh over an image."""
    return -(-height // STEP) + 1, -(-width // STEP) + 1


def vertices(height: int, width: int) -> Float[Tensor, "r c 2"]:
    """Where the vertices of the mesh over an image are in the reference frame, pixels (x, y)."""
    return STEP * _grid(*mesh_size(height, width))


def seen_at(points: Float[Tensor, "n 3"], view: View) -> Float[Tensor, "n 2"]:
    """Where points are in the image, pixels."""
    viewmat, K = (x.to(points.device) for x in (view.viewmat, view.K))
    seen = (points @ viewmat[:3, :3].T + viewmat[:3, 3]) @ K.T
    return seen[:, :2] / seen[:, 2:]


def carried(
    points: Float[Tensor, "n 2"], carriers: Int32[Tensor, "r c k"], weights: Float[Tensor, "r c k"]
) -> Float[Tensor, "r c 2"]:
    """Means of some points, by their weights."""
    return (weights[..., None] * points[carriers.long()]).sum(2)


def _grid(rows: int, columns: int) -> Float[Tensor, "r c 2"]:
    """The indices (x, y) of a grid."""
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    return torch.stack([x, y], -1).float()


def _sampled(values: Float[Tensor, "1 2 r c"], at: Float[Tensor, "h w 2"]) -> Tensor:
    """Bilinear values at indices (x, y) of their grid; beyond its border, those of the border."""
    rows, columns = values.shape[2:]
    unit = 2 * at / at.new_tensor([columns - 1, rows - 1]) - 1
    sampled = grid_sample(values, unit[None], padding_mode="border", align_corners=True)
    return sampled[0].permute(1, 2, 0)
