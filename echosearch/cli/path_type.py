"""What commands take as a file or folder."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["as_path"]


def as_path(given: str | Path) -> Path:
    """A path, as an option's type. An empty one, as of a variable that is not set, would mean the working directory."""
    if given == "":
        raise click.BadParameter("it is empty: give a path, a dot for the working directory")
    return Path(given)
