"""What the command line writes to the audit, before anything is shown: identifiers, and changes of accounts."""

from __future__ import annotations

import getpass
from collections.abc import Iterable
from dataclasses import replace

from echosearch.archive import Archive

__all__ = ["audited", "recorded"]


def audited(
    archive: Archive, action: str, studies: Iterable[str | None], query: str = "", user: str | None = None
) -> None:
    """Write that the identifiers of these studies were asked for: without its row nothing is shown."""
    recorded(archive, f"{action} identified", sorted({study for study in studies if study is not None}), query, user)


def recorded(archive: Archive, action: str, keys: Iterable[str] = (), query: str = "", user: str | None = None) -> None:
    """Write an act to the audit, by the name of the system's user: this process's, or ``user``.

    Raises ConfigError if this role may not write there, or the audit's key is missing; StoreUnreachable.
    """
    from echosearch.access.trail import open_trail

    if user is None:
        try:
            user = getpass.getuser()
        except (KeyError, OSError):  # a user without a name
            user = "?"
    viewer = replace(archive.viewer, name=user)
    open_trail(archive).record(viewer, "command line", action, keys=[*keys], query=query)
