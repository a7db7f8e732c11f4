"""How much memory is left to this process: the machine's, or the container's it runs in."""

from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")
"""Of a container, its own (cgroup v2)."""
_SHORT = 0.1
"""Share of the memory below which what is free is too little."""


def memory_is_short(meminfo: Path = _MEMINFO, cgroup: Path = _CGROUP) -> bool:
    """Whether less than a tenth of the machine's or the container's memory is available; False
    where neither is known."""
    return _of_machine(meminfo) < _SHORT or _of_container(cgroup) < _SHORT


def _of_machine(meminfo: Path) -> float:
    """Share that is available."""
    try:
        facts = _numbers(meminfo)
        return facts["MemAvailable:"] / facts["MemTotal:"]
    except (OSError, KeyError, ValueError, IndexError):
        return 1.0


def _of_container(cgroup: Path) -> float:
    """Share that is not in use; pages of files that were not read lately can be dropped."""
    try:
        most = int((cgroup / "memory.max").read_text())  # "max" where there is no bound
        used = int((cgroup / "memory.current").read_text())
        return 1 - (used - _numbers(cgroup / "memory.stat")["inactive_file"]) / most
    except (OSError, KeyError, ValueError, IndexError, ZeroDivisionError):
        return 1.0


def _numbers(file: Path) -> dict[str, int]:
    """A file of lines of a name and a number."""
    lines = (line.split() for line in file.read_text().splitlines())
    return {name: int(number) for name, number, *_ in lines}
