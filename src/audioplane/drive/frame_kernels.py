"""Numba kernels between the deformation field and the rasterizer, and after it.

One pass over memory for each, in place of a dozen small tensor operations a frame.
"""

from typing import no_type_check

import numpy as np
from numba import prange

from audioplane.head.deformation import DELTA, MEAN_UNIT
from audioplane.head.gaussians import SH_C0, SH_C1
from audioplane.jit import jit

_UNIT = np.float32(MEAN_UNIT)
_MEANS, _QUATS, _SCALES = DELTA.means.start, DELTA.quats.start, DELTA.log_scales.start
_LOGIT, _SH = DELTA.logits.start, DELTA.sh.start
_C0, _C1 = np.float32(SH_C0), np.float32(SH_C1)
_HALF, _ONE, _ZERO, _TOP = np.float32(0.5), np.float32(1), np.float32(0), np.float32(255)
_CHUNK = 256


@jit(parallel=True)
@no_type_check
def deform(index, rows, dynamism, raw, moved):
    """Eq. 7 for the Gaussians in `index`: raw + dynamism · rows, activated, into `moved`.

    raw holds means, quats, log scales, logits and SH coefficients [n, b, 3]; moved the same, but
    scales and opacities; rows [m, p] is D₁'s output (`DELTA`).
    """
    means, quats, log_scales, logits, sh = raw
    for chunk in prange((len(index) + _CHUNK - 1) // _CHUNK):
        for k in range(chunk * _CHUNK, min(len(index), (chunk + 1) * _CHUNK)):
            i, d = index[k], dynamism[k]
            for axis in range(3):
                moved[0][i, axis] = means[i, axis] + d * _UNIT * rows[k, _MEANS + axis]
                scale = log_scales[i, axis] + d * rows[k, _SCALES + axis]
                moved[2][i, axis] = np.exp(scale)
            for axis in range(4):
                moved[1][i, axis] = quats[i, axis] + d * rows[k, _QUATS + axis]
            moved[3][i] = _ONE / (_ONE + np.exp(-(logits[i] + d * rows[k, _LOGIT])))
            for base in range(sh.shape[1]):
                for c in range(3):
                    moved[4][i, base, c] = sh[i, base, c] + d * rows[k, _SH + 3 * base + c]


@jit(parallel=True)
@no_type_check
def see_colours(sh, means, centre, features):
    """Fill features [:, :3] with the colours that a camera at `centre` sees (`sh_colours`)."""
    directional = sh.shape[1] == 4
    for chunk in prange((len(means) + _CHUNK - 1) // _CHUNK):
        for i in range(chunk * _CHUNK, min(len(means), (chunk + 1) * _CHUNK)):
            x, y, z = means[i, 0] - centre[0], means[i, 1] - centre[1], means[i, 2] - centre[2]
            unit = _C1 / np.sqrt(x * x + y * y + z * z)
            for c in range(3):
                colour = _C0 * sh[i, 0, c] + _HALF
                if directional:
                    colour += unit * (z * sh[i, 2, c] - y * sh[i, 1, c] - x * sh[i, 3, c])
                features[i, c] = max(colour, _ZERO)


@jit(parallel=True)
@no_type_check
def composite(image, transmittance, plate, out, dynamic):
    """Head over plate [h, w, 3] in bytes into out, and the image's fourth channel, 0 to 1."""
    height, width = plate.shape[:2]
    for y in prange(height):
        # Loops that each do one thing to a row are vectorised.
        front, clear = np.empty((3, width), np.float32), transmittance[y]
        for c in range(3):
            for x in range(width):
                front[c, x] = image[c, y, x] * _TOP
        behind, made = plate[y].reshape(-1), out[y].reshape(-1)
        for x in range(width):
            for c in range(3):
                value = front[c, x] + clear[x] * np.float32(behind[3 * x + c])
                made[3 * x + c] = np.uint8(min(max(value, _ZERO), _TOP) + _HALF)
        for x in range(width):
            dynamic[y, x] = min(image[3, y, x], _ONE)
