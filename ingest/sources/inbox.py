"""An inbox: a folder that other machines fill, whose files are whole, on the disk, and named after nobody.

A file is written beside its place, forced to the disk, and renamed; the folder is forced to the disk too. So a file
with its name is whole, also after a power loss. Names are digests, spread over 4,096 folders: sent twice, an object is
one file.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from echosearch.errors import InputError

__all__ = ["PARTIAL", "ObjectFolder"]

PARTIAL = ".partial-"  # begins the name of what is being written; whoever reads an inbox leaves it alone


class ObjectFolder:
    """A folder of received objects. Raises InputError if it cannot be made or written to."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(os.path.abspath(folder))
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            for left in self.folder.glob(f"???/{PARTIAL}*"):  # by a process that was killed
                left.unlink(missing_ok=True)
        except OSError as exc:
            raise InputError(f"inbox {folder}: {exc.strerror}; name a folder that this user may write to") from exc

    def holds(self, name: str) -> bool:
        """Return True if an object of this name (hex digits) is here, whole."""
        return self._place(name).exists()

    def put(self, parts: Iterable[bytes], name: str | None = None) -> bool:
        """Store an object; return False if it was here. It is on the disk when this returns.

        Without a ``name`` (hex digits) it is named by the SHA-256 of its bytes. Raises OSError; then nothing is left.
        """
        partial = self.folder / f"{secrets.token_hex(2)[:3]}" / f"{PARTIAL}{secrets.token_hex(8)}"
        _make_folder(partial.parent)
        digest = hashlib.sha256()
        try:
            with open(partial, "xb", opener=_private) as file:
                for part in parts:
                    digest.update(part)
                    file.write(part)
                file.flush()
                os.fsync(file.fileno())
            place = self._place(name or digest.hexdigest())
            if place.exists():
                return False
            _make_folder(place.parent)
            os.rename(partial, place)
            _force(place.parent)
            return True
        finally:
            partial.unlink(missing_ok=True)

    def _place(self, name: str) -> Path:
        return self.folder / name[:3] / f"{name}.dcm"


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _make_folder(folder: Path) -> None:
    if not folder.exists():
        folder.mkdir(mode=0o700, exist_ok=True)
        _force(folder.parent)


def _force(folder: Path) -> None:
    """Force a folder's names to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
