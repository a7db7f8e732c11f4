"""Benchmarks: seeded workloads, timed as multiples of a matrix product measured in the same run."""

from audioplane.bench.measure import BenchReport, Figure, Stopwatch
from audioplane.bench.suites import SUITES

__all__ = ["SUITES", "BenchReport", "Figure", "Stopwatch"]
