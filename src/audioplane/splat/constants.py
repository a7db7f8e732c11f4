"""Numbers of gsplat's classic 3DGS mode that every backend shares."""

EPS2D = 0.3
"""Added to both variances of a projected Gaussian, square pixels."""
ALPHA_MAX = 0.999
"""A Gaussian's opacity in one pixel never exceeds this."""
ALPHA_MIN = 1.0 / 255.0
"""Below this a Gaussian leaves a pixel untouched."""
TRANSMITTANCE_MIN = 1e-4
"""A Gaussian that would bring a pixel's transmittance to this or below ends that pixel."""
NEAR = 0.01
"""Gaussians nearer to the camera's plane than this are not drawn, metres."""
FIELD_MARGIN = 0.15
"""How far beyond the image, as a fraction of its size, a mean still counts for the projection's
Jacobian (gsplat: 0.3 of the half field of view)."""
