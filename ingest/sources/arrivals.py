"""Files that arrive in a folder: found by looking again, given out once they have stopped growing.

Notifications of the kernel do not reach network file systems, so the folder is looked at. A folder that has not
changed since the last look is not listed again, only asked for its time.
"""

from __future__ import annotations

import os
import time as clock
from collections.abc import Iterator
from pathlib import Path

from echosearch.errors import InputError
from echosearch.source_file import FoundFile
from ingest.sources.inbox import PARTIAL

__all__ = ["Arrivals"]

COARSE_NS = 2_000_000_000


class Arrivals:
    """Looks at a folder again and again. A file is given out when two looks have found it of one size and time.

    Holds one number for each folder, and the files that may still grow. A file that changes in place after it was
    given out is seen when its folder is next listed.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.realpath(root))
        self.unread: dict[Path, str] = {}  # folders that could not be looked into, and why
        self._folders: dict[Path, int] = {self.root: -1}  # -> its time at the last look
        self._growing: dict[Path, tuple[int, int]] = {}  # file -> size and time at the last look

    @property
    def growing(self) -> int:
        """How many files may still grow."""
        return len(self._growing)

    def look(self) -> list[FoundFile]:
        """Return the files that have stopped growing since the last look, by name.

        Raises InputError if the root cannot be listed.
        """
        settled = []
        for path, stamp in sorted(self._growing.items()):
            now = _stamp(path)
            if now == stamp:
                settled.append(FoundFile(path, *stamp))
            if now is None or now == stamp:
                del self._growing[path]
            else:
                self._growing[path] = now
        given = {one.path for one in settled}
        for path in self._changed():
            first = None if path in given or path in self._growing else _stamp(path)
            if first is not None:
                self._growing[path] = first
        return settled

    def _changed(self) -> Iterator[Path]:
        """Yield the files of the folders that have changed since the last look."""
        pending = sorted(self._folders)
        while pending:
            folder = pending.pop()
            try:
                time = os.stat(folder).st_mtime_ns
                if self._folders.get(folder) == time:
                    continue
                with os.scandir(folder) as listing:
                    entries = [entry for entry in listing if not entry.name.startswith(PARTIAL)]
            except OSError as exc:
                if folder == self.root:
                    raise InputError(f"cannot list folder {folder}: {exc.strerror}; was its disk unmounted?") from exc
                self._folders.pop(folder, None)
                if not isinstance(exc, FileNotFoundError):
                    self.unread[folder] = exc.strerror or type(exc).__name__
                continue
            # what comes within one tick of a coarse clock leaves the time as it is: list the folder again
            self._folders[folder] = time if time < clock.time_ns() - COARSE_NS else -1
            self.unread.pop(folder, None)
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    yield Path(entry)
                elif entry.is_dir(follow_symlinks=False) and Path(entry) not in self._folders:
                    pending.append(Path(entry))


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        info = os.lstat(path)
    except OSError:
        return None
    return info.st_size, info.st_mtime_ns
