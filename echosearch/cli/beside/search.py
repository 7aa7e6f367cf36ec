"""Searches by a text, a study or a file: the server is asked, but files are read by the process that was given them."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from echosearch.cli.beside.call import ask_server
from echosearch.cli.search_options import names_files
from echosearch.cli.shown import Shown

if TYPE_CHECKING:  # a server that answers needs none of it here
    from echosearch.search.results import Results, SearchOptions

__all__ = ["answered", "found_here", "on_one_core"]


def answered(command: str, asked: dict[str, Any]) -> Shown:
    """Return what query, similar or report shows. Raises what a search raises."""
    if not names_files(asked):
        if shown := ask_server(command, asked):
            return shown
        on_one_core()
    from echosearch.cli.answers.searches import nothing_found, search_options, shown_results

    options = search_options(asked["options"])
    results = found_here(command, asked, options)
    return shown_results(results, asked["json"], sys.stdout.isatty(), nothing_found(asked, options))


def found_here(command: str, asked: dict[str, Any], options: SearchOptions) -> Results:
    """Search in this process. Raises what a search raises."""
    from echosearch.archive import open_archive
    from echosearch.cli.answers.searches import find
    from echosearch.settings import load_settings

    with open_archive(load_settings()) as archive:
        return find(archive, command, asked, options)


def on_one_core() -> None:
    """Set sums to one core, as a server has them. Call it before numpy and torch are imported."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
