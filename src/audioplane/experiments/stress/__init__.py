"""Heads driven by silence, noise, music and shouting."""

from audioplane.experiments.stress.report import StressReport
from audioplane.experiments.stress.run import stress

__all__ = ["StressReport", "stress"]
