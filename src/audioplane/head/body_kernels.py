"""Gaussians between two rigid frames, forward and backward, numba kernels.

Legend: x mean, q quaternion (wxyz, any length), w weight of the body, R and t the body's motion in
the head's world, ω = θu the rotation vector of R. x' = x + w((R − I)x + t), q' = p(wω) ⊗ q with
p(v) the unit quaternion of a rotation vector v.
"""

from typing import no_type_check

import numpy as np
from numba import prange

from audioplane.jit import jit

_CHUNK = 256
_ZERO, _ONE, _HALF, _TINY = np.float32(0), np.float32(1), np.float32(0.5), np.float32(1e-8)


@jit()
@no_type_check
def _turn(rotation):
    """Length of a rotation vector, never zero, and its direction."""
    x, y, z = rotation[0], rotation[1], rotation[2]
    angle = max(np.sqrt(x * x + y * y + z * z), _TINY)
    return angle, x / angle, y / angle, z / angle


@jit(parallel=True)
@no_type_check
def blend(own, pose, out):
    """Means [n, 3] and quaternions [n, 4] moved by their share of a motion.

    own = (means, quaternions, weights [n]); pose = (motion [3, 4] = (R − I, t), rotation vector);
    out = (means, quaternions).
    """
    means, quats, weights = own
    motion, rotation = pose
    out_means, out_quats = out
    angle, ux, uy, uz = _turn(rotation)
    for chunk in prange((len(means) + _CHUNK - 1) // _CHUNK):
        for i in range(chunk * _CHUNK, min(len(means), (chunk + 1) * _CHUNK)):
            w = weights[i]
            x, y, z = means[i, 0], means[i, 1], means[i, 2]
            for a in range(3):
                moved = motion[a, 0] * x + motion[a, 1] * y + motion[a, 2] * z + motion[a, 3]
                out_means[i, a] = means[i, a] + w * moved
            half = _HALF * w * angle
            s, pw = np.sin(half), np.cos(half)
            px, py, pz = s * ux, s * uy, s * uz
            qw, qx, qy, qz = quats[i, 0], quats[i, 1], quats[i, 2], quats[i, 3]
            out_quats[i, 0] = pw * qw - px * qx - py * qy - pz * qz
            out_quats[i, 1] = pw * qx + px * qw + py * qz - pz * qy
            out_quats[i, 2] = pw * qy + py * qw + pz * qx - px * qz
            out_quats[i, 3] = pw * qz + pz * qw + px * qy - py * qx


@jit(parallel=True)
@no_type_check
def blend_backward(own, pose, g_out, g_own, g_pose):
    """Gradients of `blend` from those of `out`, into those of `own`.

    g_pose [chunks, 15] receives each chunk's share: motion row by row, then the rotation vector.
    """
    means, quats, weights = own
    motion, rotation = pose
    g_means, g_quats, g_weights = g_own
    angle, ux, uy, uz = _turn(rotation)
    of_means, of_quats = g_out
    for chunk in prange(len(g_pose)):
        sums = g_pose[chunk]
        sums[:] = _ZERO
        for i in range(chunk * _CHUNK, min(len(means), (chunk + 1) * _CHUNK)):
            w, slope = weights[i], _ZERO
            gx, gy, gz = of_means[i, 0], of_means[i, 1], of_means[i, 2]
            for a in range(3):
                g, moved = of_means[i, a], motion[a, 3]
                turned = motion[0, a] * gx + motion[1, a] * gy + motion[2, a] * gz
                g_means[i, a] = g + w * turned
                for b in range(3):
                    moved += motion[a, b] * means[i, b]
                    sums[4 * a + b] += w * g * means[i, b]
                sums[4 * a + 3] += w * g
                slope += g * moved
            half = _HALF * w * angle
            s, c = np.sin(half), np.cos(half)
            px, py, pz = s * ux, s * uy, s * uz
            g0, g1, g2, g3 = of_quats[i, 0], of_quats[i, 1], of_quats[i, 2], of_quats[i, 3]
            qw, qx, qy, qz = quats[i, 0], quats[i, 1], quats[i, 2], quats[i, 3]
            # The product is linear in either factor: p's conjugate on the left, q's on the right.
            g_quats[i, 0] = c * g0 + px * g1 + py * g2 + pz * g3
            g_quats[i, 1] = c * g1 - px * g0 - py * g3 + pz * g2
            g_quats[i, 2] = c * g2 - py * g0 - pz * g1 + px * g3
            g_quats[i, 3] = c * g3 - pz * g0 - px * g2 + py * g1
            h0 = g0 * qw + g1 * qx + g2 * qy + g3 * qz
            h1 = -g0 * qx + g1 * qw - g2 * qz + g3 * qy
            h2 = -g0 * qy + g1 * qz + g2 * qw - g3 * qx
            h3 = -g0 * qz - g1 * qy + g2 * qx + g3 * qw
            along = h1 * ux + h2 * uy + h3 * uz
            g_weights[i] = slope + _HALF * angle * (c * along - s * h0)
            across, straight = s / angle, _HALF * w * (c * along - s * h0)
            sums[12] += across * (h1 - along * ux) + straight * ux
            sums[13] += across * (h2 - along * uy) + straight * uy
            sums[14] += across * (h3 - along * uz) + straight * uz
