"""`audioplane bench`: how fast this machine is at what audioplane does."""

import json
import statistics
import sys

import torch

from audioplane.bench import SUITES, BenchReport, Figure, Stopwatch
from audioplane.cli.console import console


def run_bench(what: str, device: torch.device, as_json: bool) -> None:
    """Measure one suite or all, and print it; see `audioplane bench --help`."""
    names = list(SUITES) if what == "all" else [what]
    watch = Stopwatch(device)
    figures: list[Figure] = []
    for name in names:
        with console.status(f"bench {name}"):
            figures += SUITES[name](watch)
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    report = BenchReport(figures, statistics.median(watch.products), where)
    if as_json:
        sys.stdout.write(json.dumps(report.to_dict()) + "\n")
        return
    sys.stdout.write(
        f"{report.cpu}, {report.threads} threads, torch {report.torch}, numba {report.numba}, "
        f"device {report.device}; M = {report.m_ms:.1f} ms (1024² float32 matrix product, CPU)\n"
        f"{_table(report.figures)}\n"
    )


def _table(figures: list[Figure]) -> str:
    lines = [f"{'what':44}{'Gaussians':>10}{'ms':>9}{'M':>7}{'goal':>7}"]
    for f in figures:
        count = "" if f.gaussians is None else f"{f.gaussians:,}"
        goal = "" if f.goal is None else f"≤ {f.goal}"
        lines.append(f"{f.name:44}{count:>10}{f.ms:9.2f}{f.m:7.2f}{goal:>7}  {f.note}".rstrip())
    return "\n".join(lines)
