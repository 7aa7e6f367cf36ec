"""How much memory this machine can still give, and a limit on what this process may take of it. Linux."""

from __future__ import annotations

import resource
from pathlib import Path, PurePosixPath

__all__ = ["available_memory", "limit_memory", "lower_limit"]

PROC, CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")


def available_memory(proc: Path = PROC, cgroups: Path = CGROUPS) -> int:
    """Return the bytes available without swapping: the kernel's figure, or less within a control group's limit.

    0 if the kernel reports none.
    """
    found = [_kernel_memory(proc / "meminfo")]
    try:
        lines = (proc / "self" / "cgroup").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:  # 0::/path (version 2), 4:memory:/path (version 1)
        _, controllers, path = line.split(":", 2)
        if not controllers:
            found += _group_memory(cgroups, path, "memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            found += _group_memory(cgroups / "memory", path, *names)
    return min(found)


def limit_memory(budget: int) -> None:
    """Let this process map ``budget`` bytes more than now, and write no core file. A lower limit stays."""
    pages = int((PROC / "self" / "statm").read_text().split()[0])
    lower_limit(resource.RLIMIT_AS, pages * resource.getpagesize() + budget)
    lower_limit(resource.RLIMIT_CORE, 0)


def lower_limit(which: int, value: int) -> None:
    """Set a resource limit of this process, but never above the one it has."""
    given = [limit for limit in resource.getrlimit(which) if limit != resource.RLIM_INFINITY]
    value = min(value, *given) if given else value
    resource.setrlimit(which, (value, value))


def _kernel_memory(meminfo: Path) -> int:
    for line in meminfo.read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


def _group_memory(root: Path, path: str, limit: str, usage: str, cached: str) -> list[int]:
    """What the limits of a group and of all groups above it leave. A container may see its own group as the root."""
    left = []
    own = PurePosixPath(path.lstrip("/"))
    for group in (own, *own.parents):
        folder = root / group
        try:
            allowed = (folder / limit).read_text().strip()
            used = int((folder / usage).read_text())
            counted = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        except (OSError, ValueError):
            continue  # a group without this controller, or the path of another name space
        if allowed != "max":
            # the kernel gives up cached pages of files before it refuses memory
            left.append(max(int(allowed) - used + int(counted.get(cached, 0)), 0))
    return left
