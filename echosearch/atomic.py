"""A file that is there whole or not at all, whatever ends its writer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["whole_file"]


@contextmanager
def whole_file(place: Path) -> Iterator[Path]:
    """Yield a name to write under, which becomes ``place`` on success and is removed on failure."""
    partial = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        yield partial
        os.replace(partial, place)
    finally:
        partial.unlink(missing_ok=True)
