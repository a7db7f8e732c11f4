"""Comparison of videos of any system with one ground truth, by one protocol."""

from audioplane.experiments.compare.comparison import Comparison, Entry
from audioplane.experiments.compare.run import compare

__all__ = ["Comparison", "Entry", "compare"]
