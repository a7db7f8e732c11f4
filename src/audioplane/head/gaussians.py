"""3D Gaussians: their raw parameters, activations and colours (3DGS, Kerbl et al. 2023)."""

from dataclasses import dataclass, fields

import torch
from jaxtyping import Float
from torch import Tensor

SH_C0 = 0.28209479177387814
SH_C1 = 0.4886025119029199
SH_BASES = 4
"""Spherical-harmonics bases of a colour: degree 1."""


@dataclass(frozen=True)
class Gaussians:
    """Raw (pre-activation) parameters of n Gaussians, b spherical-harmonics bases."""

    means: Float[Tensor, "n 3"]
    """Centres, metres, axes fixed to the head."""
    quats: Float[Tensor, "n 4"]
    """Rotations, wxyz, any length."""
    log_scales: Float[Tensor, "n 3"]
    """Logarithm of the standard deviations, metres."""
    logits: Float[Tensor, " n"]
    """Opacity before the sigmoid."""
    sh: Float[Tensor, "n b 3"]
    """Spherical-harmonics coefficients of the colour; b is 1 or 4."""

    def __len__(self) -> int:
        return len(self.means)

    def tensors(self) -> dict[str, Tensor]:
        """The parameters by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


def sh_colours(
    sh: Float[Tensor, "n b 3"], means: Float[Tensor, "n 3"], viewmat: Float[Tensor, "4 4"]
) -> Float[Tensor, "n 3"]:
    """Colours (0 to 1, not clamped above) of Gaussians seen from a camera; degree 0 or 1."""
    colours = SH_C0 * sh[:, 0] + 0.5
    if sh.shape[1] == 4:
        centre = -viewmat[:3, :3].T @ viewmat[:3, 3]
        x, y, z = torch.nn.functional.normalize(means - centre, dim=-1).unbind(-1)
        basis = torch.stack([-y, z, -x], -1) * SH_C1
        colours = colours + torch.einsum("nb,nbc->nc", basis, sh[:, 1:])
    return colours.clamp_min(0.0)


def colour_to_sh(colours: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
    """Degree-0 coefficient of a colour (0 to 1) in all directions."""
    return (colours - 0.5) / SH_C0
