"""Heads driven by other people's speech (the paper's Table 5)."""

from audioplane.experiments.cross.report import CrossRow
from audioplane.experiments.cross.run import cross

__all__ = ["CrossRow", "cross"]
