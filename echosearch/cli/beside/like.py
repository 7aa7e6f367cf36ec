"""Searches by a study or a file: by a study the server is asked, a file is read by the process that was given it."""

from __future__ import annotations

import os
import sys
from typing import Any

from echosearch.cli.beside.call import ask_server
from echosearch.cli.shown import Shown

__all__ = ["answered"]


def answered(command: str, asked: dict[str, Any]) -> Shown:
    """Return what similar or report shows. Raises what a search raises."""
    given = [asked["target"], *asked.get("like", ()), *asked.get("unlike", ())]
    if any(os.path.exists(name) for name in given):
        return _answer(command, asked)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: sums as a server has them, on one core
    return ask_server(command, asked) or _answer(command, asked)


def _answer(command: str, asked: dict[str, Any]) -> Shown:
    from echosearch.archive import open_archive
    from echosearch.cli.answers.searches import find, nothing_found, search_options, shown_results
    from echosearch.settings import load_settings

    options = search_options(asked["options"])
    with open_archive(load_settings()) as archive:
        found = find(archive, command, asked, options)
    return shown_results(found, asked["json"], sys.stdout.isatty(), nothing_found(asked, options))
