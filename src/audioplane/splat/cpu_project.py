"""Projection of Gaussians to the image plane and its gradient, numba kernels.

Legend: p mean in camera axes, W view rotation, J Jacobian of the projection, M = R·S,
T = J·W, U = T·M, Σ₂ = U·Uᵀ + ε·I, conic = Σ₂⁻¹ as (A, B, C): σ = ½(A·dx² + C·dy²) + B·dx·dy.
"""

import math
from typing import no_type_check

import numpy as np
from numba import prange

from audioplane.jit import jit
from audioplane.splat.constants import ALPHA_MIN, EPS2D, FIELD_MARGIN, NEAR

CHUNK = 256
"""Gaussians a parallel step; fixed, so that sums do not depend on the number of threads."""

_MARGIN = np.float32(FIELD_MARGIN)
_NEAR = np.float32(NEAR)
_EPS = np.float32(EPS2D)


@jit()
@no_type_check
def _rotation(q, R):
    """Fill R with the rotation of quaternion q (wxyz) and return 1/|q|; a zero q is no rotation."""
    norm = math.sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3])
    inverse = np.float32(1.0 / norm) if norm > 0 else np.float32(0.0)
    w = q[0] * inverse if norm > 0 else np.float32(1.0)
    x, y, z = q[1] * inverse, q[2] * inverse, q[3] * inverse
    one, two = np.float32(1), np.float32(2)
    R[0, 0], R[0, 1], R[0, 2] = (
        one - two * (y * y + z * z),
        two * (x * y - w * z),
        two * (x * z + w * y),
    )
    R[1, 0], R[1, 1], R[1, 2] = (
        two * (x * y + w * z),
        one - two * (x * x + z * z),
        two * (y * z - w * x),
    )
    R[2, 0], R[2, 1], R[2, 2] = (
        two * (x * z - w * y),
        two * (y * z + w * x),
        one - two * (x * x + y * y),
    )
    return inverse


@jit()
@no_type_check
def _view_product(V, K, size, px, py, pz, T):
    """Fill T = J·W and return u, v and whether each was clamped to the field of view."""
    fx, fy, cx, cy = K[0, 0], K[1, 1], K[0, 2], K[1, 2]
    width, height = size
    mx, my = _MARGIN * width / fx, _MARGIN * height / fy
    rz = np.float32(1) / pz
    u, v = px * rz, py * rz
    uc = min(max(u, -cx / fx - mx), (width - cx) / fx + mx)
    vc = min(max(v, -cy / fy - my), (height - cy) / fy + my)
    for k in range(3):
        T[0, k] = fx * rz * (V[0, k] - uc * V[2, k])
        T[1, k] = fy * rz * (V[1, k] - vc * V[2, k])
    return uc, vc, uc != u, vc != v


@jit(parallel=True)
@no_type_check
def project_forward(means, quats, scales, opacities, V, K, size, means2d, conics, depths, extents):
    """Fill means2d [n,2], conics [n,3], depths [n], extents [n,2] (0 where not drawn), float32.

    extents is half the box outside which the opacity stays under 1/255.
    """
    n = len(means)
    width, height = size
    half, two = np.float32(0.5), np.float32(2)
    for chunk in prange((n + CHUNK - 1) // CHUNK):
        R = np.empty((3, 3), np.float32)
        T = np.empty((2, 3), np.float32)
        for i in range(chunk * CHUNK, min(n, (chunk + 1) * CHUNK)):
            m = means[i]
            px = V[0, 0] * m[0] + V[0, 1] * m[1] + V[0, 2] * m[2] + V[0, 3]
            py = V[1, 0] * m[0] + V[1, 1] * m[1] + V[1, 2] * m[2] + V[1, 3]
            pz = V[2, 0] * m[0] + V[2, 1] * m[1] + V[2, 2] * m[2] + V[2, 3]
            extents[i] = 0
            conics[i] = 0
            means2d[i] = 0
            depths[i] = pz
            if not pz > _NEAR:
                continue
            _rotation(quats[i], R)
            _view_product(V, K, size, px, py, pz, T)
            a, b, c = _EPS, np.float32(0), _EPS
            for k in range(3):
                u0 = (T[0, 0] * R[0, k] + T[0, 1] * R[1, k] + T[0, 2] * R[2, k]) * scales[i, k]
                u1 = (T[1, 0] * R[0, k] + T[1, 1] * R[1, k] + T[1, 2] * R[2, k]) * scales[i, k]
                a += u0 * u0
                b += u0 * u1
                c += u1 * u1
            det = a * c - b * b
            mx, my = K[0, 0] * px / pz + K[0, 2], K[1, 1] * py / pz + K[1, 2]
            means2d[i, 0], means2d[i, 1] = mx, my
            if not (det > 0 and opacities[i] > ALPHA_MIN):
                continue
            inverse = np.float32(1) / det
            conics[i, 0], conics[i, 1], conics[i, 2] = c * inverse, -b * inverse, a * inverse
            cut = two * np.float32(math.log(opacities[i] / ALPHA_MIN))
            ex, ey = np.float32(math.sqrt(cut * a)), np.float32(math.sqrt(cut * c))
            if (
                mx + ex > half
                and mx - ex < width - half
                and my + ey > half
                and my - ey < height - half
            ):
                extents[i, 0], extents[i, 1] = ex, ey


@jit()
@no_type_check
def _rotation_gradient(q, inverse, dR, dq):
    """Gradient of `_rotation` with respect to the quaternion it was given."""
    if inverse == 0:
        dq[:] = 0
        return
    w, x, y, z = q[0] * inverse, q[1] * inverse, q[2] * inverse, q[3] * inverse
    two = np.float32(2)
    gw = two * (x * (dR[2, 1] - dR[1, 2]) + y * (dR[0, 2] - dR[2, 0]) + z * (dR[1, 0] - dR[0, 1]))
    gx = two * (
        -two * x * (dR[1, 1] + dR[2, 2])
        + y * (dR[0, 1] + dR[1, 0])
        + z * (dR[0, 2] + dR[2, 0])
        + w * (dR[2, 1] - dR[1, 2])
    )
    gy = two * (
        x * (dR[0, 1] + dR[1, 0])
        - two * y * (dR[0, 0] + dR[2, 2])
        + z * (dR[1, 2] + dR[2, 1])
        + w * (dR[0, 2] - dR[2, 0])
    )
    gz = two * (
        x * (dR[0, 2] + dR[2, 0])
        + y * (dR[1, 2] + dR[2, 1])
        - two * z * (dR[0, 0] + dR[1, 1])
        + w * (dR[1, 0] - dR[0, 1])
    )
    along = gw * w + gx * x + gy * y + gz * z
    dq[0], dq[1] = (gw - along * w) * inverse, (gx - along * x) * inverse
    dq[2], dq[3] = (gy - along * y) * inverse, (gz - along * z) * inverse


@jit()
@no_type_check
def _covariance_gradient(conic, dconic, T, R, scale, dT, dR, dscale):
    """From the conic's gradient to those of T = J·W, of the rotation and of the scales."""
    A, B, C = conic
    gA, gB, gC = dconic[0], np.float32(0.5) * dconic[1], dconic[2]
    # dΣ₂ = −Q·G·Q with Q the conic; then dU = 2·dΣ₂·U.
    h00, h01 = gA * A + gB * B, gA * B + gB * C
    h10, h11 = gB * A + gC * B, gB * B + gC * C
    s00 = -np.float32(2) * (A * h00 + B * h10)
    s01 = -np.float32(2) * (A * h01 + B * h11)
    s11 = -np.float32(2) * (B * h01 + C * h11)
    dT[:] = 0
    for k in range(3):
        t0 = T[0, 0] * R[0, k] + T[0, 1] * R[1, k] + T[0, 2] * R[2, k]
        t1 = T[1, 0] * R[0, k] + T[1, 1] * R[1, k] + T[1, 2] * R[2, k]
        s = scale[k]
        d0, d1 = (s00 * t0 + s01 * t1) * s, (s01 * t0 + s11 * t1) * s
        dscale[k] = d0 * t0 + d1 * t1
        for j in range(3):
            dR[j, k] = (T[0, j] * d0 + T[1, j] * d1) * s
            dT[0, j] += d0 * R[j, k] * s
            dT[1, j] += d1 * R[j, k] * s


@jit(parallel=True)
@no_type_check
def project_backward(
    means,
    quats,
    scales,
    V,
    K,
    size,
    conics,
    extents,
    dmeans2d,
    dconics,
    dmeans,
    dquats,
    dscales,
    dviews,
):
    """Fill dmeans [n,3], dquats [n,4], dscales [n,3], dviews [chunks,3,4]; 0 where not drawn."""
    n = len(means)
    fx, fy = K[0, 0], K[1, 1]
    for chunk in prange((n + CHUNK - 1) // CHUNK):
        R = np.empty((3, 3), np.float32)
        T = np.empty((2, 3), np.float32)
        dR = np.empty((3, 3), np.float32)
        dT = np.empty((2, 3), np.float32)
        dV = dviews[chunk]
        dV[:] = 0
        for i in range(chunk * CHUNK, min(n, (chunk + 1) * CHUNK)):
            if extents[i, 0] == 0:
                dmeans[i] = 0
                dquats[i] = 0
                dscales[i] = 0
                continue
            m = means[i]
            px = V[0, 0] * m[0] + V[0, 1] * m[1] + V[0, 2] * m[2] + V[0, 3]
            py = V[1, 0] * m[0] + V[1, 1] * m[1] + V[1, 2] * m[2] + V[1, 3]
            pz = V[2, 0] * m[0] + V[2, 1] * m[1] + V[2, 2] * m[2] + V[2, 3]
            inverse = _rotation(quats[i], R)
            u, v, clamped_u, clamped_v = _view_product(V, K, size, px, py, pz, T)
            _covariance_gradient(conics[i], dconics[i], T, R, scales[i], dT, dR, dscales[i])
            _rotation_gradient(quats[i], inverse, dR, dquats[i])

            rz = np.float32(1) / pz
            # J's entries: fx/z, −fx·u/z, fy/z, −fy·v/z.
            dj00, dj02, dj11, dj12 = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
            for k in range(3):
                dj00 += dT[0, k] * V[0, k]
                dj02 += dT[0, k] * V[2, k]
                dj11 += dT[1, k] * V[1, k]
                dj12 += dT[1, k] * V[2, k]
                dV[0, k] += fx * rz * dT[0, k]
                dV[1, k] += fy * rz * dT[1, k]
                dV[2, k] -= rz * (fx * u * dT[0, k] + fy * v * dT[1, k])
            gx, gy = fx * rz * dmeans2d[i, 0], fy * rz * dmeans2d[i, 1]
            gz = -(gx * px + gy * py) * rz
            gz += rz * rz * (-fx * dj00 + fx * u * dj02 - fy * dj11 + fy * v * dj12)
            if not clamped_u:
                gx -= fx * rz * rz * dj02
                gz += fx * u * rz * rz * dj02
            if not clamped_v:
                gy -= fy * rz * rz * dj12
                gz += fy * v * rz * rz * dj12
            for k in range(3):
                dmeans[i, k] = V[0, k] * gx + V[1, k] * gy + V[2, k] * gz
                dV[0, k] += gx * m[k]
                dV[1, k] += gy * m[k]
                dV[2, k] += gz * m[k]
            dV[0, 3] += gx
            dV[1, 3] += gy
            dV[2, 3] += gz
