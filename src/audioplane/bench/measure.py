"""Timing against M, the time of a 1024 × 1024 float32 matrix product with all threads.

A machine's load changes from second to second; M is taken between the rounds of each measurement,
so that their ratio holds where the milliseconds do not.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import numba
import torch

from audioplane.machine import cpu_model


@dataclass(frozen=True)
class Figure:
    """One measurement: medians over rounds."""

    name: str
    ms: float
    m: float
    """The same as a multiple of M taken during it."""
    gaussians: int | None = None
    goal: float | None = None
    """The most M it may take, where a goal was set."""
    note: str = ""


class Stopwatch:
    """Timing in rounds, with M measured between them."""

    def __init__(self, device: torch.device):
        self.device = device
        self._matrix = torch.rand(1024, 1024)
        self.products: list[float] = []
        """M of every round so far, milliseconds."""

    def _product(self) -> float:
        started = time.perf_counter()
        torch.mm(self._matrix, self._matrix)
        elapsed = 1e3 * (time.perf_counter() - started)
        self.products.append(elapsed)
        return elapsed

    def _finish(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def time(
        self,
        name: str,
        work: Callable[[], object],
        rounds: int = 15,
        units: int = 1,
        gaussians: int | None = None,
        goal: float | None = None,
        note: str = "",
    ) -> Figure:
        """Median time of `work` per unit; two calls before (compilation, caches) do not count."""
        for _ in range(2):
            work()
        self._finish()
        times, products = [], []
        for _ in range(rounds):
            products.append(self._product())
            started = time.perf_counter()
            work()
            self._finish()
            times.append(1e3 * (time.perf_counter() - started) / units)
        ms = statistics.median(times)
        # The goals hold for CPUs.
        goal = goal if self.device.type == "cpu" else None
        return Figure(name, ms, ms / statistics.median(products), gaussians, goal, note)


@dataclass(frozen=True)
class BenchReport:
    """Figures and the machine that they were measured on."""

    figures: list[Figure]
    m_ms: float
    """Median of M over the run, milliseconds."""
    device: str
    threads: int = field(default_factory=numba.get_num_threads)
    cpu: str = field(default_factory=cpu_model)
    torch: str = torch.__version__
    numba: str = numba.__version__

    def to_dict(self) -> dict:
        """Everything, for JSON."""
        return asdict(self)
