"""`audioplane bench`: how fast this machine is at what audioplane does."""

import json
import statistics
import sys

import torch

from audioplane.bench import SUITES, BenchReport, Figure, Stopwatch
from audioplane.cli.console import console
from audioplane.errors import DeviceError


def run_bench(what: str, device: str, as_json: bool) -> None:
    """Measure one suite or all, and print it; see `audioplane bench --help`."""
    if device == "cuda" and not torch.cuda.is_available():
        raise DeviceError("this PyTorch sees no CUDA device: leave --device at cpu")
    names = list(SUITES) if what == "all" else [what]
    watch = Stopwatch(torch.device(device))
    figures: list[Figure] = []
    for name in names:
        with console.status(f"bench {name}"):
            figures += SUITES[name](watch)
    report = BenchReport(figures, statistics.median(watch.products), device)
    if as_json:
        sys.stdout.write(json.dumps(report.to_dict()) + "\n")
        return
    sys.stdout.write(
        f"{report.cpu}, {report.threads} threads, torch {report.torch}, numba {report.numba}, "
        f"device {report.device}; M = {report.m_ms:.1f} ms (1024² float32 matrix product)\n"
        f"{_table(report.figures)}\n"
    )


def _table(figures: list[Figure]) -> str:
    lines = [f"{'what':44}{'Gaussians':>10}{'ms':>9}{'M':>7}{'goal':>7}"]
    for f in figures:
        count = "" if f.gaussians is None else f"{f.gaussians:,}"
        goal = "" if f.goal is None else f"≤ {f.goal}"
        lines.append(f"{f.name:44}{count:>10}{f.ms:9.2f}{f.m:7.2f}{goal:>7}  {f.note}".rstrip())
    return "\n".join(lines)
