"""Gaussians of a head as files of other programs: 3DGS's PLY, glTF."""

from audioplane.export.posed import export_gaussians

__all__ = ["export_gaussians"]
