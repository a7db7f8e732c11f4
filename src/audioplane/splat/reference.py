"""The reference rasterizer in plain float64 PyTorch: slow and simple, the oracle of the others.

Legend: Σ covariance, μ mean, R rotation, S scale (3DGS, Kerbl et al. 2023); J the projection's
Jacobian and W the view rotation (EWA splatting, Zwicker et al. 2001); T transmittance.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from audioplane.splat.constants import (
    ALPHA_MAX,
    ALPHA_MIN,
    EPS2D,
    FIELD_MARGIN,
    NEAR,
    TRANSMITTANCE_MIN,
)
from audioplane.splat.types import Splat


def quat_to_rotation(quats: Float[Tensor, "n 4"]) -> Float[Tensor, "n 3 3"]:
    """Rotation matrices of quaternions (wxyz, any length; zero counts as no rotation)."""
    norm = quats.norm(dim=-1, keepdim=True)
    identity = quats.new_tensor([1.0, 0, 0, 0])
    w, x, y, z = torch.where(norm > 0, quats / norm.clamp_min(1e-30), identity).unbind(-1)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def covariance(quats: Float[Tensor, "n 4"], scales: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3 3"]:
    """Eq. 1: Σ = R S Sᵀ Rᵀ."""
    m = quat_to_rotation(quats) * scales[:, None, :]
    return m @ m.transpose(-1, -2)


def project(means, quats, scales, viewmat, K, width, height):
    """Means in pixels [n,2], 2-D covariances [n,2,2] and depths [n] of all Gaussians."""
    W, t = viewmat[:3, :3], viewmat[:3, 3]
    x, y, z = (means @ W.T + t).unbind(-1)
    z = torch.where(z > NEAR, z, torch.ones_like(z))
    fx, fy, cx, cy = K[0, 0], K[1, 1], K[0, 2], K[1, 2]
    mx, my = FIELD_MARGIN * width / fx, FIELD_MARGIN * height / fy
    u = (x / z).clamp(float(-cx / fx - mx), float((width - cx) / fx + mx))
    v = (y / z).clamp(float(-cy / fy - my), float((height - cy) / fy + my))
    zero = torch.zeros_like(z)
    J = torch.stack(
        [
            torch.stack([fx / z, zero, -fx * u / z], -1),
            torch.stack([zero, fy / z, -fy * v / z], -1),
        ],
        -2,
    )
    JW = J @ W
    cov2d = JW @ covariance(quats, scales) @ JW.transpose(-1, -2)
    cov2d = cov2d + EPS2D * torch.eye(2, dtype=cov2d.dtype)
    means2d = torch.stack([fx * x / z + cx, fy * y / z + cy], -1)
    return means2d, cov2d, z


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
    means2d, cov2d, depths = project(means, quats, scales, viewmat, K, width, height)
    in_front = (means @ viewmat[2, :3] + viewmat[2, 3]) > NEAR
    determinant = cov2d[:, 0, 0] * cov2d[:, 1, 1] - cov2d[:, 0, 1] ** 2
    conics = torch.linalg.inv(cov2d)
    cut = 2 * torch.log((opacities.detach() / ALPHA_MIN).clamp_min(1e-30))
    drawn = in_front & (cut > 0) & (determinant > 0)
    extent = torch.sqrt(
        cut.clamp_min(0)[:, None] * torch.stack([cov2d[:, 0, 0], cov2d[:, 1, 1]], -1)
    ).detach()
    size = means.new_tensor([width, height])
    inside = ((means2d + extent > 0.5) & (means2d - extent < size - 0.5)).all(-1)
    visible = drawn & inside

    xs = torch.arange(width, dtype=means.dtype) + 0.5
    ys = torch.arange(height, dtype=means.dtype) + 0.5
    image = means.new_zeros(height, width, features.shape[1])
    T = means.new_ones(height, width)
    alive = torch.ones(height, width, dtype=torch.bool)
    for i in torch.argsort(depths, stable=True).tolist():
        if not visible[i]:
            continue
        dx, dy = xs[None, :] - means2d[i, 0], ys[:, None] - means2d[i, 1]
        a, b, c = conics[i, 0, 0], conics[i, 0, 1], conics[i, 1, 1]
        sigma = 0.5 * (a * dx**2 + c * dy**2) + b * dx * dy
        alpha = (opacities[i] * torch.exp(-sigma)).clamp_max(ALPHA_MAX)
        alpha = torch.where((alpha >= ALPHA_MIN) & alive, alpha, 0.0)
        T_next = T * (1 - alpha)
        alive = alive & (T_next > TRANSMITTANCE_MIN)
        weight = torch.where(alive, alpha * T, 0.0)
        image = image + weight[..., None] * features[i]
        T = torch.where(alive, T_next, T)
    if background is not None:
        image = image + T[..., None] * background
    radii = torch.where(visible, extent.amax(-1), 0.0)
    return Splat(image, 1 - T, means2d, radii, visible)
