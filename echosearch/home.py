"""ECHOSEARCH_HOME itself: a folder that its owner alone may enter."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from echosearch.errors import ConfigError, StoreUnreachable

__all__ = ["private_home"]

PRIVATE = 0o700


def private_home(home: Path) -> None:
    """Make the home, or take the rights of other users away from one that an earlier version made.

    A folder for everybody's files (the sticky bit, as /tmp has it), the root folder and another user's folder keep
    their rights. Raises ConfigError if it is no folder, StoreUnreachable.
    """
    try:
        home.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        about = home.stat()
        shared = about.st_mode & stat.S_ISVTX or home.resolve() == Path("/")
        if about.st_mode & 0o077 and not shared and os.geteuid() in (0, about.st_uid):
            home.chmod(PRIVATE)
    except (FileExistsError, NotADirectoryError) as exc:
        raise ConfigError(f"ECHOSEARCH_HOME: Not a directory: {home}; name a folder") from exc
    except OSError as exc:
        raise StoreUnreachable(f"ECHOSEARCH_HOME {home}: {exc.strerror}; check its owner and mode") from exc
