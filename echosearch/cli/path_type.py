"""The type of a file or folder argument."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["as_path", "as_source"]


def as_path(given: str | Path) -> Path:
    """Return a path, as an option's type. An empty one, as of an unset variable, would mean the working directory."""
    if given == "":
        raise click.BadParameter("it is empty: give a path, a dot for the working directory")
    return Path(given)


def as_source(given: str | Path) -> Path | str:
    """Return a path, or the URL of a DICOMweb source as it is."""
    return given if isinstance(given, str) and given.startswith("dicomweb+") else as_path(given)
