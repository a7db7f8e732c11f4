"""Rendering of a trained head without autograd.

On the CPU, undriven Gaussians are prepared once, a frame updates only the others, and no memory
is allocated per frame.
"""

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from audioplane.drive import frame_kernels
from audioplane.head import (
    Head,
    Motion,
    View,
    body_kernels,
    detail_kernels,
    follow_body,
    splat_head,
)
from audioplane.head.body import body_motion
from audioplane.splat.cpu import Canvas


def _arrays(tensors: dict[str, Tensor]) -> tuple[np.ndarray, ...]:
    names = ("means", "quats", "log_scales", "logits", "sh")
    return tuple(tensors[name].detach().contiguous().numpy() for name in names)


class FrameRenderer:
    """Renders a head on the CPU as it is now; later changes of its weights have no effect."""

    def __init__(self, head: Head, width: int, height: int):
        """Raises `ValueError` where the head's detail map is not of this size."""
        if head.detail is not None:  # the kernel checks no bounds
            head.detail.require_size(width, height)
        self._head = head
        by_audio, by_expression = head.moving()
        index = torch.cat([by_audio, by_expression])
        self._n_audio, self._index = len(by_audio), index.numpy()
        with torch.no_grad():
            self._S = head.space_features(index) if head.folded is None else head.folded
        self._raw = _arrays(head.gaussians.tensors())
        means, quats, log_scales, logits, sh = self._raw
        opacities = 1 / (1 + np.exp(-logits))
        self._moved = (means.copy(), quats.copy(), np.exp(log_scales), opacities, sh.copy())
        n = len(means)
        with torch.no_grad():
            weights = head.body_weights()
        self._weights = None
        if weights is not None:
            self._weights, self._placed = weights.numpy(), (means.copy(), quats.copy())
        self._detail = None if head.detail is None else head.detail.arrays()
        self._features = np.zeros((n, 4), np.float32)
        self._width, self._plate = width, (height, width, 3)
        self._canvas = Canvas(n, 4, width, height)

    @torch.no_grad()
    def render(
        self, motion: Motion, view: View, plate: UInt8[np.ndarray, "h w 3"]
    ) -> tuple[UInt8[np.ndarray, "h w 3"], Float[np.ndarray, "h w"]]:
        """The head over a plate, and the dynamic map g (paper, Eq. 8).

        Raises `ValueError` for a plate of another size than the frames'.
        """
        if plate.shape != self._plate:
            raise ValueError(f"a plate of {plate.shape} instead of {self._plate}")
        deltas = self._head.deltas(motion, self._S, self._n_audio)
        rows, dynamism = (x.numpy() for x in deltas)
        frame_kernels.deform(self._index, rows, dynamism, self._raw, self._moved)
        means, quats, scales, opacities, sh = self._moved
        if self._weights is not None:
            if view.body is None:
                raise ValueError("a head with a body needs views that say where the body is")
            pose = tuple(x.numpy() for x in body_motion(view.viewmat, view.body))
            body_kernels.blend((means, quats, self._weights), pose, self._placed)
            means, quats = self._placed
        viewmat = view.viewmat.numpy()
        centre = -viewmat[:3, :3].T @ viewmat[:3, 3]
        frame_kernels.see_colours(sh, means, centre, self._features)
        self._features[self._index[: self._n_audio], 3] = dynamism[: self._n_audio]
        K, canvas = view.K.numpy(), self._canvas
        canvas.draw(means, quats, scales, opacities, self._features, viewmat, K)
        if self._detail is not None:
            seen = canvas.image, canvas.transmittance
            detail_kernels.add_detail(self._detail, means, viewmat, K, *seen)
        out, dynamic = np.empty_like(plate), np.empty(plate.shape[:2], np.float32)
        frame_kernels.composite(canvas.image, canvas.transmittance, plate, out, dynamic)
        return out, dynamic

    @property
    def coverage(self) -> Float[np.ndarray, "h w"]:
        """How much of the plate the last image hides, 0 to 1."""
        return 1 - self._canvas.transmittance[:, : self._width]


class TensorRenderer:
    """Renders a head with PyTorch alone, on its own device; the results are arrays."""

    @torch.no_grad()
    def __init__(self, head: Head):
        self._head = head
        self._S = head.space_features(torch.cat(head.moving()))
        self._weights = head.body_weights()
        self._detail = None if head.detail is None else head.detail.to(head.device)

    @torch.no_grad()
    def render(
        self, motion: Motion, view: View, plate: UInt8[np.ndarray, "h w 3"]
    ) -> tuple[UInt8[np.ndarray, "h w 3"], Float[np.ndarray, "h w"]]:
        """As `FrameRenderer.render`."""
        behind = torch.from_numpy(plate).to(self._head.device).float() / 255
        gaussians, dynamism = self._head.deform(motion, self._S)
        gaussians = follow_body(gaussians, self._weights, view.viewmat, view.body)
        splat = splat_head(gaussians, dynamism, view, behind)
        image, self.coverage = splat.image, splat.alpha.cpu().numpy()
        shown = image[..., :3]
        if self._detail is not None:
            shading = splat.alpha * self._detail.shading(gaussians.means, view)
            shown = shown + shading[..., None]
        colours = (255 * shown).clamp(0, 255) + 0.5
        dynamic = image[..., 3].clamp_max(1)
        return colours.to(torch.uint8).cpu().numpy(), dynamic.cpu().numpy()


def renderer_for(head: Head, width: int, height: int) -> FrameRenderer | TensorRenderer:
    """The fastest renderer on the head's device."""
    if head.device.type == "cpu":
        return FrameRenderer(head, width, height)
    return TensorRenderer(head)
