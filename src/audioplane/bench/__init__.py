"""How fast it is: seeded workloads, timed as multiples of one matrix product of the same run."""

from audioplane.bench.measure import BenchReport, Figure, Stopwatch
from audioplane.bench.suites import SUITES

__all__ = ["SUITES", "BenchReport", "Figure", "Stopwatch"]
