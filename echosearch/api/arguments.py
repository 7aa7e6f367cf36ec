"""Arguments of the Python API, checked. A mistake names the parameter, not the option of the command line."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from echosearch.errors import InputError
from echosearch.report.encoding import ENCODINGS
from echosearch.report.view_names import view_named
from echosearch.search.filter_parser import parse_where
from echosearch.search.results import SearchOptions
from echosearch.video import View

__all__ = ["PathLike", "check_ingest", "example_names", "optional_path", "search_options"]

PathLike = str | os.PathLike[str]
_OPTION = re.compile(r"--([a-z-]+)")  # of the command line, as the search's messages name it


def example_names(name: str, given: Iterable[PathLike]) -> list[str]:
    if isinstance(given, str | os.PathLike):
        raise InputError(f"{name} is one example: give a list of them")
    return [os.fspath(each) for each in given]


def optional_path(given: PathLike | None) -> Path | None:
    return None if given is None else Path(given)


def search_options(where: str | None, view: str | None, **chosen: Any) -> SearchOptions:
    """Return the options of a search; mistakes name the parameter, not the option of the command line."""
    wanted = view_named(view) if view is not None else None
    if view is not None and wanted is None:
        raise InputError(f"view {view!r}: no such view, it is one of {', '.join(View)}")
    try:
        return SearchOptions(where=parse_where(where) if where is not None else None, view=wanted, **chosen)
    except InputError as exc:
        raise type(exc)(_OPTION.sub(lambda option: option[1].replace("-", "_"), str(exc))) from None


def check_ingest(paths: Iterable[PathLike | None], encoding: str | None, batch_size: int | None) -> None:
    """Check what an ingest is given. Raises InputError."""
    for path in paths:
        if path is not None and not Path(path).exists():
            raise InputError(f"{os.fspath(path)}: no such file or folder")
    if encoding not in (None, *ENCODINGS):
        raise InputError(f"encoding {encoding!r}: it is one of {', '.join(ENCODINGS)}")
    if batch_size is not None and batch_size < 1:
        raise InputError(f"batch_size {batch_size}: give a number of clips from 1 on")
