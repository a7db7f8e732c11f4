"""A core of its own for each of several pytest processes at once (pytest-xdist).

Imported before numba and PyTorch, which count the cores when they are imported: with threads for
all of them, the processes would wait for one another.
"""

import os

_WORKER = os.environ.get("PYTEST_XDIST_WORKER")

if _WORKER and hasattr(os, "sched_setaffinity"):
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[int(_WORKER.removeprefix("gw")) % len(cores)]})
