"""`audioplane bench`."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from audioplane.cli.arguments import Device
from audioplane.cli.console import progress_reports
from audioplane.cli.device import use_device

if TYPE_CHECKING:
    from audioplane.bench import BenchReport


@dataclass(frozen=True)
class Bench:
    """Measure this machine's speed, in milliseconds and in matrix products of the same run."""

    what: Annotated[Literal["splat", "head", "drive", "train", "all"], tyro.conf.Positional] = "all"
    """splat: the rasterizer; head: speech features to image; drive: sound to video; train: an
    iteration of the fine stage."""
    json: bool = False
    """Print the figures as JSON on standard output."""
    device: Device = "auto"
    """The device to measure; auto: an NVIDIA GPU where there is one and gsplat is installed."""

    def run(self) -> None:
        from audioplane.bench.run import measure

        device = use_device(self.device)
        with progress_reports() as report:
            found = measure(self.what, str(device), report)
        if self.json:
            sys.stdout.write(json.dumps(found.to_dict()) + "\n")
            return
        sys.stdout.write(
            f"{found.cpu}, {found.threads} threads, torch {found.torch}, numba {found.numba}, "
            f"device {found.device}; M = {found.m_ms:.1f} ms (1024² float32 matrix product, CPU)\n"
            f"{bench_table(found)}\n"
        )


def bench_table(report: BenchReport) -> str:
    """The figures for the terminal."""
    lines = [f"{'what':44}{'Gaussians':>10}{'ms':>9}{'M':>7}{'goal':>7}"]
    for f in report.figures:
        count = "" if f.gaussians is None else f"{f.gaussians:,}"
        goal = "" if f.goal is None else f"≤ {f.goal}"
        lines.append(f"{f.name:44}{count:>10}{f.ms:9.2f}{f.m:7.2f}{goal:>7}  {f.note}".rstrip())
    return "\n".join(lines)
