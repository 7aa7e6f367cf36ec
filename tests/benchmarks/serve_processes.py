"""What a server and its embedded PostgreSQL use of the machine, out of /proc; for bench_serve.py."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

__all__ = ["memory_mb", "processor_seconds", "slope_mb_an_hour"]

TICKS = os.sysconf("SC_CLK_TCK")


def processor_seconds(pid: int, home: Path) -> tuple[float, float]:
    """(of a process and the children that it has waited for, of PostgreSQL and its backends)."""
    postmaster = int((home / "postgres" / "postmaster.pid").read_text().split()[0])
    backends = [int(stat[0]) for stat in _stats() if int(stat[3]) == postmaster]
    return _spent(pid), _spent(postmaster) + sum(map(_spent, backends))


def memory_mb(pid: int) -> tuple[float, float]:
    """(a process's own memory, what it has mapped of files) that is resident, without its children.

    The kernel takes mapped pages (libraries, the index) back when it needs them; a leak is in the first figure.
    """
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    resident = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines if line.startswith("Rss")}
    return resident["RssAnon"] + resident["RssShmem"], resident["RssFile"]


def slope_mb_an_hour(minutes: list[float]) -> float:
    """The slope of a line through the later half of values taken once a minute."""
    later = minutes[len(minutes) // 2 :]
    return 60 * float(np.polyfit(range(len(later)), later, 1)[0]) if len(later) > 1 else 0.0


def _stats() -> list[list[str]]:
    found = []
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            told = place.read_text()
        except OSError:  # it has ended
            continue
        name = told.rpartition(")")
        found.append([told.partition(" ")[0], "", *name[2].split()])
    return found


def _spent(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(int(fields[place]) for place in (11, 12, 13, 14)) / TICKS  # own and waited for children, user and system
