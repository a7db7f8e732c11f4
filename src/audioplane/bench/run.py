"""All benchmarks of audioplane on this machine."""

import statistics

import torch

from audioplane.bench.measure import BenchReport, Figure, Stopwatch
from audioplane.bench.suites import SUITES
from audioplane.progress import Progress, Report, ignore


def measure(what: str = "all", device: str = "cpu", report: Report = ignore) -> BenchReport:
    """Measure one of `SUITES`, or all of them.

    Args:
        what: "splat", "head", "drive", "train" or "all".
        device: "cpu" or "cuda".
        report: Receives the progress.
    """
    names = list(SUITES) if what == "all" else [what]
    stopwatch = Stopwatch(torch.device(device))
    figures: list[Figure] = []
    for i, name in enumerate(names):
        report(Progress(f"bench {name}", i, len(names)))
        figures += SUITES[name](stopwatch)
    where = torch.cuda.get_device_name() if stopwatch.device.type == "cuda" else "cpu"
    return BenchReport(figures, statistics.median(stopwatch.products), where)
