"""Find the file that a table's path means: as written, else with another system's folders or another letter case.

A Windows tool writes ``sub\\1.dcm``, a Mac writes its accents apart (NFD), and either may ignore the case. Each is
followed only if just one file fits.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from functools import cached_property, lru_cache
from pathlib import Path

__all__ = ["Places"]

LISTED = 100_000  # files whose names are looked through for a hint
COMPARED = 2_000  # of them compared letter by letter


class Places:
    """Finds the files under an ingested root that tables name; remembers the folders that it has listed."""

    def __init__(self, root: Path) -> None:
        real = os.path.realpath(root)
        self.folder = real if os.path.isdir(real) else os.path.dirname(real)
        self._names = lru_cache(maxsize=256)(_names)
        self._real = lru_cache(maxsize=4096)(os.path.realpath)
        self._forms = lru_cache(maxsize=256)(self._by_form)

    def find(self, written: str) -> Path:
        """Return the file that ``written`` means, as the walk names it; if there is none, the path as it is written."""
        exact = self._walked(os.path.join(self.folder, written))
        folder, name = os.path.split(exact)
        if name in self._names(folder):
            return Path(exact)
        parted = written.replace("\\", "/")
        for form in (str, _composed, _caseless):
            found = [path for path in self._fitting(parted, form) if not os.path.isdir(path)]
            if found:
                return Path(self._walked(found[0]) if len(found) == 1 else exact)
        return Path(exact)

    def nearest(self, written: str) -> str | None:
        """Return the file nearest to a path that names none, relative to the root; None if nothing is near."""
        parted = written.replace("\\", "/").rstrip("/")
        name = _caseless(os.path.basename(parted))
        same = [path for path in self._files if _caseless(os.path.basename(path)) == name]
        if same:
            return same[0] if len(same) == 1 else None
        near = get_close_matches(_caseless(parted), self._compared, 1, 0.75)
        return self._compared[near[0]] if near else None

    def _walked(self, path: str) -> str:
        folder, name = os.path.split(path)
        return os.path.join(str(self._real(folder)), name)

    def _fitting(self, path: str, form: Callable[[str], str]) -> list[str]:
        """Return the paths of which every part is, in this form, the same."""
        reached = ["/" if path.startswith("/") else self.folder]
        for part in path.split("/"):
            if part in ("", "."):
                continue
            if part == "..":
                reached = [os.path.dirname(folder) for folder in reached]
                continue
            wanted = form(part)
            reached = [
                os.path.join(folder, name) for folder in reached for name in self._forms(folder, form).get(wanted, ())
            ]
        return sorted(reached)

    def _by_form(self, folder: str, form: Callable[[str], str]) -> dict[str, list[str]]:
        names: dict[str, list[str]] = {}
        for name in self._names(folder):
            names.setdefault(form(name), []).append(name)
        return names

    @cached_property
    def _files(self) -> list[str]:
        return [path for path, _ in zip(_files(self.folder), range(LISTED), strict=False)]

    @cached_property
    def _compared(self) -> dict[str, str]:
        return {_caseless(path): path for path in self._files[:COMPARED]}


def _names(folder: str) -> frozenset[str]:
    try:
        return frozenset(os.listdir(folder))
    except OSError:
        return frozenset()


def _files(folder: str) -> Iterator[str]:
    for base, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            yield os.path.relpath(os.path.join(base, name), folder)


def _composed(name: str) -> str:
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def _caseless(name: str) -> str:
    return _composed(_composed(name).casefold())
