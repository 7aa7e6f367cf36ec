"""The folder of the embedded index: held by one process at a time, swept when it is taken, never filled to the brim."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import IO

from echosearch.errors import ArchiveLocked, StoreUnreachable
from echosearch.locks import free, lock_holder, take

__all__ = ["READY", "IndexFolder"]

READY = ".ready-"  # begins the name of an optimised copy that is whole
# What one write of the engine takes at the most: 21 MB to make a shard, 41 MB for 10,000 points of 2,048 numbers, 25 MB
# to optimise a small shard in its place. So much stays free, whatever is asked for.
WRITE_MB = 128


class IndexFolder:
    """``path``, its lock, and the room on its disk."""

    def __init__(self, path: Path, lock_wait_seconds: float, min_free_mb: int) -> None:
        self.path = path
        self.wait = lock_wait_seconds
        self._min_free_mb = max(min_free_mb, WRITE_MB)
        self._lock: IO[str] | None = None

    @property
    def is_held(self) -> bool:
        return self._lock is not None

    def hold(self, wait_seconds: float) -> bool:
        """Take the folder; return False if another process holds it all the while. Raises StoreUnreachable."""
        if self._lock is not None:
            return True
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = take(self.path / "lock", wait_seconds)
        except OSError as exc:
            raise StoreUnreachable(f"index folder {self.path}: {exc.strerror}; check its owner and mode") from exc
        if self._lock is None:
            return False
        try:
            self._sweep()
        except OSError as exc:
            self.release()
            raise StoreUnreachable(f"index folder {self.path}: {exc.strerror}; check its owner and mode") from exc
        return True

    def release(self) -> None:
        """Let another process take the folder."""
        if self._lock is not None:
            free(self._lock)
            self._lock = None

    def lock_descriptor(self) -> int:
        """Return the descriptor by which a child keeps the folder too. Raises ArchiveLocked if it is not held."""
        if self._lock is None:
            raise self.locked()
        return self._lock.fileno()

    def locked(self) -> ArchiveLocked:
        """Return the error that names who holds the folder."""
        holder = lock_holder(self.path / "lock")
        who = f"another process ({holder})" if holder is not None else "another process"
        return ArchiveLocked(
            f"{who} holds the archive's index in {self.path}; gave up after {self.wait:g} s: "
            "try again when it has ended, or use a Qdrant server (ECHOSEARCH_QDRANT_URL)"
        )

    def free(self) -> int:
        """Return the bytes that may still be written here."""
        return shutil.disk_usage(self.path).free - (self._min_free_mb << 20)

    def check_room(self) -> None:
        """Check the free space. The engine writes through memory maps: on a full disk the kernel kills the process
        (SIGBUS), where other writes would get an error. Raises StoreUnreachable."""
        if (left := self.free()) < 0:
            raise StoreUnreachable(
                f"the disk of {self.path} has {(left >> 20) + self._min_free_mb:,} MB left, and"
                f" {self._min_free_mb:,} are to stay free (ECHOSEARCH_MIN_FREE_MB, {WRITE_MB} at least): make room and"
                " run it again; nothing is lost"
            )

    def _sweep(self) -> None:
        """Finish or remove what a killed process left half-way."""
        for ready in self.path.glob(f"{READY}*"):
            place = self.path / ready.name.removeprefix(READY)
            if place.exists():  # killed before the first of two renames: the shard may hold newer points
                shutil.rmtree(ready)
            else:
                ready.rename(place)
        for leftover in (*self.path.glob(".new-*"), *self.path.glob(".drop-*")):
            shutil.rmtree(leftover)
