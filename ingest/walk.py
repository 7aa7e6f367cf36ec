"""Every regular file under a root, in a fixed order. Links are not followed and not counted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from echosearch.errors import InputError
from echosearch.source_file import FoundFile

__all__ = ["count_files", "walk"]


def walk(root: Path, unread: dict[Path, str]) -> Iterator[FoundFile]:
    """Yield the regular files under ``root`` (or ``root`` itself), folder by folder, in name order.

    The order does not depend on the file system, so that two runs do the same things. A file or folder that
    vanishes before its turn was not there. A folder that cannot be listed or entered goes into ``unread``, with what
    the system says of it: an archive must not look complete because a mount was missing. Raises InputError where
    ``root`` is missing or cannot be listed.
    """
    for entry in _entries(root, unread):
        try:
            found = entry.stat(follow_symlinks=False) if isinstance(entry, os.DirEntry) else entry.stat()
        except FileNotFoundError:
            continue
        except OSError as exc:  # names may be read in a folder that may not be entered
            unread.setdefault(Path(entry).parent, exc.strerror or type(exc).__name__)
            continue
        yield FoundFile(Path(entry), found.st_size, found.st_mtime_ns)


def count_files(root: Path) -> int:
    """Count the files that walk() will give; much cheaper, since it needs no size or time."""
    return sum(1 for _ in _entries(root, {}))


def _entries(root: Path, unread: dict[Path, str]) -> Iterator[os.DirEntry[str] | Path]:
    root = Path(os.path.realpath(root))
    if root.is_file():
        yield root
        return
    folders = [root]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as exc:
            if folder == root:
                raise InputError(f"cannot list folder {folder}: {exc.strerror}; nothing of it was ingested") from exc
            if not isinstance(exc, FileNotFoundError):
                unread[folder] = exc.strerror or type(exc).__name__
            continue
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                yield entry
        folders += [Path(entry) for entry in reversed(entries) if entry.is_dir(follow_symlinks=False)]
