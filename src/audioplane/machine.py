"""The machine that does the work: how many cores it has, and its name beside figures."""

import math
import os
import platform
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""Microseconds of processor time in a period of so many, of a container (cgroup v2)."""


def cores(quota: Path = _QUOTA) -> int:
    """How many this process may use: of the machine's, those it is bound to, and no more than its
    container has time for."""
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    try:
        time, period = map(int, quota.read_text().split())  # "max" where there is no bound
        return max(1, min(count, math.ceil(time / period)))
    except (OSError, ValueError, ZeroDivisionError):
        return count


def few_threads(cores: int) -> dict[str, str]:
    """Environment of a process whose libraries use so many threads; they read it as they are
    imported."""
    threads = dict.fromkeys(("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"), str(cores))
    return threads | {"OMP_WAIT_POLICY": "passive"}


def cpu_model() -> str:
    """The processor's name as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(x.partition(":")[2].strip() for x in lines if x.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
