"""Projection of Gaussians to the image plane and its gradient, numba kernels.

Legend: p mean in camera axes, W view rotation, J Jacobian of the projection, M = R·S,
T = J·W, U = T·M, Σ₂ = U·Uᵀ + ε·I, conic = Σ₂⁻¹ as (A, B, C): σ = ½(A·dx² + C·dy²) + B·dx·dy.
"""

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
_INVERSE_ALPHA_MIN = np.float32(1 / ALPHA_MIN)
_ZERO, _HALF, _ONE, _TWO = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2)


@jit()
@no_type_check
def _rotation(w, x, y, z):
    """Rows of the rotation of a quaternion, and 1/|q|; a zero q is no rotation."""
    squared = w * w + x * x + y * y + z * z
    inverse = _ZERO
    if squared > 0:
        inverse = _ONE / np.sqrt(squared)
        w, x, y, z = w * inverse, x * inverse, y * inverse, z * inverse
    rows = (
        (_ONE - _TWO * (y * y + z * z), _TWO * (x * y - w * z), _TWO * (x * z + w * y)),
        (_TWO * (x * y + w * z), _ONE - _TWO * (x * x + z * z), _TWO * (y * z - w * x)),
        (_TWO * (x * z - w * y), _TWO * (y * z + w * x), _ONE - _TWO * (x * x + y * y)),
    )
    return rows, inverse


@jit()
@no_type_check
def _to_camera(V, m):
    """A mean in camera axes."""
    return (
        V[0, 0] * m[0] + V[0, 1] * m[1] + V[0, 2] * m[2] + V[0, 3],
        V[1, 0] * m[0] + V[1, 1] * m[1] + V[1, 2] * m[2] + V[1, 3],
        V[2, 0] * m[0] + V[2, 1] * m[1] + V[2, 2] * m[2] + V[2, 3],
    )


@jit()
@no_type_check
def _view_product(V, K, size, px, py, rz):
    """Rows of T = J·W, and u, v with whether each was clamped to the field of view."""
    fx, fy, cx, cy = K[0, 0], K[1, 1], K[0, 2], K[1, 2]
    width, height = size
    mx, my = _MARGIN * width / fx, _MARGIN * height / fy
    u, v = px * rz, py * rz
    uc = min(max(u, -cx / fx - mx), (width - cx) / fx + mx)
    vc = min(max(v, -cy / fy - my), (height - cy) / fy + my)
    x, y = fx * rz, fy * rz
    T = (
        (x * (V[0, 0] - uc * V[2, 0]), x * (V[0, 1] - uc * V[2, 1]), x * (V[0, 2] - uc * V[2, 2])),
        (y * (V[1, 0] - vc * V[2, 0]), y * (V[1, 1] - vc * V[2, 1]), y * (V[1, 2] - vc * V[2, 2])),
    )
    return T, uc, vc, uc != u, vc != v


@jit()
@no_type_check
def _product(T, R):
    """T·R: two rows times three."""
    return (
        (
            T[0][0] * R[0][0] + T[0][1] * R[1][0] + T[0][2] * R[2][0],
            T[0][0] * R[0][1] + T[0][1] * R[1][1] + T[0][2] * R[2][1],
            T[0][0] * R[0][2] + T[0][1] * R[1][2] + T[0][2] * R[2][2],
        ),
        (
            T[1][0] * R[0][0] + T[1][1] * R[1][0] + T[1][2] * R[2][0],
            T[1][0] * R[0][1] + T[1][1] * R[1][1] + T[1][2] * R[2][1],
            T[1][0] * R[0][2] + T[1][1] * R[1][2] + T[1][2] * R[2][2],
        ),
    )


@jit(parallel=True)
@no_type_check
def project_forward(means, quats, scales, opacities, V, K, size, means2d, conics, depths, extents):
    """Fill means2d [n,2], conics [n,3], depths [n], extents [n,2] (0 where not drawn), float32.

    extents is half the box outside which the opacity stays under 1/255.
    """
    n = len(means)
    width, height = size
    for chunk in prange((n + CHUNK - 1) // CHUNK):
        for i in range(chunk * CHUNK, min(n, (chunk + 1) * CHUNK)):
            px, py, pz = _to_camera(V, means[i])
            extents[i, 0], extents[i, 1] = _ZERO, _ZERO
            conics[i, 0], conics[i, 1], conics[i, 2] = _ZERO, _ZERO, _ZERO
            means2d[i, 0], means2d[i, 1] = _ZERO, _ZERO
            depths[i] = pz
            if not pz > _NEAR:
                continue
            rz = _ONE / pz
            R, _ = _rotation(quats[i, 0], quats[i, 1], quats[i, 2], quats[i, 3])
            T, _, _, _, _ = _view_product(V, K, size, px, py, rz)
            U = _product(T, R)
            a, b, c = _EPS, _ZERO, _EPS
            for k in range(3):
                u0, u1 = U[0][k] * scales[i, k], U[1][k] * scales[i, k]
                a += u0 * u0
                b += u0 * u1
                c += u1 * u1
            det = a * c - b * b
            mx, my = K[0, 0] * px * rz + K[0, 2], K[1, 1] * py * rz + K[1, 2]
            means2d[i, 0], means2d[i, 1] = mx, my
            if not (det > 0 and opacities[i] > ALPHA_MIN):
                continue
            inverse = _ONE / det
            conics[i, 0], conics[i, 1], conics[i, 2] = c * inverse, -b * inverse, a * inverse
            cut = _TWO * np.log(opacities[i] * _INVERSE_ALPHA_MIN)
            ex, ey = np.sqrt(cut * a), np.sqrt(cut * c)
            if (
                mx + ex > _HALF
                and mx - ex < width - _HALF
                and my + ey > _HALF
                and my - ey < height - _HALF
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
    (d00, d01, d02), (d10, d11, d12), (d20, d21, d22) = dR
    gw = _TWO * (x * (d21 - d12) + y * (d02 - d20) + z * (d10 - d01))
    gx = _TWO * (-_TWO * x * (d11 + d22) + y * (d01 + d10) + z * (d02 + d20) + w * (d21 - d12))
    gy = _TWO * (x * (d01 + d10) - _TWO * y * (d00 + d22) + z * (d12 + d21) + w * (d02 - d20))
    gz = _TWO * (x * (d02 + d20) + y * (d12 + d21) - _TWO * z * (d00 + d11) + w * (d10 - d01))
    along = gw * w + gx * x + gy * y + gz * z
    dq[0], dq[1] = (gw - along * w) * inverse, (gx - along * x) * inverse
    dq[2], dq[3] = (gy - along * y) * inverse, (gz - along * z) * inverse


@jit()
@no_type_check
def _covariance_gradient(conic, dconic, T, R, scale, dscale):
    """From the conic's gradient to the columns of those of T = J·W and R, and the scales'."""
    A, B, C = conic[0], conic[1], conic[2]
    gA, gB, gC = dconic[0], _HALF * dconic[1], dconic[2]
    # dΣ₂ = −Q·G·Q with Q the conic; then dU = 2·dΣ₂·U.
    h00, h01 = gA * A + gB * B, gA * B + gB * C
    h10, h11 = gB * A + gC * B, gB * B + gC * C
    s00 = -_TWO * (A * h00 + B * h10)
    s01 = -_TWO * (A * h01 + B * h11)
    s11 = -_TWO * (B * h01 + C * h11)
    U = _product(T, R)
    x = _scale_gradient(U[0][0], U[1][0], s00, s01, s11, scale, dscale, 0)
    y = _scale_gradient(U[0][1], U[1][1], s00, s01, s11, scale, dscale, 1)
    z = _scale_gradient(U[0][2], U[1][2], s00, s01, s11, scale, dscale, 2)
    dT = (
        (
            x[0] * R[0][0] + y[0] * R[0][1] + z[0] * R[0][2],
            x[0] * R[1][0] + y[0] * R[1][1] + z[0] * R[1][2],
            x[0] * R[2][0] + y[0] * R[2][1] + z[0] * R[2][2],
        ),
        (
            x[1] * R[0][0] + y[1] * R[0][1] + z[1] * R[0][2],
            x[1] * R[1][0] + y[1] * R[1][1] + z[1] * R[1][2],
            x[1] * R[2][0] + y[1] * R[2][1] + z[1] * R[2][2],
        ),
    )
    dR = (
        (
            T[0][0] * x[0] + T[1][0] * x[1],
            T[0][0] * y[0] + T[1][0] * y[1],
            T[0][0] * z[0] + T[1][0] * z[1],
        ),
        (
            T[0][1] * x[0] + T[1][1] * x[1],
            T[0][1] * y[0] + T[1][1] * y[1],
            T[0][1] * z[0] + T[1][1] * z[1],
        ),
        (
            T[0][2] * x[0] + T[1][2] * x[1],
            T[0][2] * y[0] + T[1][2] * y[1],
            T[0][2] * z[0] + T[1][2] * z[1],
        ),
    )
    return dT, dR


@jit()
@no_type_check
def _scale_gradient(t0, t1, s00, s01, s11, scale, dscale, k):
    """Gradient of one scale; the gradient of a column of T·R."""
    s = scale[k]
    d0, d1 = (s00 * t0 + s01 * t1) * s, (s01 * t0 + s11 * t1) * s
    dscale[k] = d0 * t0 + d1 * t1
    return d0 * s, d1 * s


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
        dV = dviews[chunk]
        dV[:] = 0
        for i in range(chunk * CHUNK, min(n, (chunk + 1) * CHUNK)):
            if extents[i, 0] == 0:
                dmeans[i] = 0
                dquats[i] = 0
                dscales[i] = 0
                continue
            m = means[i]
            px, py, pz = _to_camera(V, m)
            rz = _ONE / pz
            R, inverse = _rotation(quats[i, 0], quats[i, 1], quats[i, 2], quats[i, 3])
            T, u, v, clamped_u, clamped_v = _view_product(V, K, size, px, py, rz)
            dT, dR = _covariance_gradient(conics[i], dconics[i], T, R, scales[i], dscales[i])
            _rotation_gradient(quats[i], inverse, dR, dquats[i])
            # J's entries: fx/z, −fx·u/z, fy/z, −fy·v/z.
            dj00, dj02, dj11, dj12 = _ZERO, _ZERO, _ZERO, _ZERO
            for k in range(3):
                dj00 += dT[0][k] * V[0, k]
                dj02 += dT[0][k] * V[2, k]
                dj11 += dT[1][k] * V[1, k]
                dj12 += dT[1][k] * V[2, k]
                dV[0, k] += fx * rz * dT[0][k]
                dV[1, k] += fy * rz * dT[1][k]
                dV[2, k] -= rz * (fx * u * dT[0][k] + fy * v * dT[1][k])
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
