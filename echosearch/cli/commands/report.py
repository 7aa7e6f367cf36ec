"""echosearch report: study or file -> reports."""

from __future__ import annotations

from typing import Any

import click

from echosearch.cli.beside.search import answered
from echosearch.cli.search_options import asking, options_given, read_target

__all__ = ["report"]


@click.command(short_help="Find the reports that fit a study's videos best.")
@click.argument("target", metavar="STUDY|FILE|-")
@asking(videos=False)
def report(target: str, as_json: bool, **given: Any) -> None:
    """Find the archive's reports that fit the videos of STUDY, or one FILE, best.

    Reports are shown by pseudonymous key; their text identifies patients and comes with --identified. The study's
    own report takes part and is marked. With - STUDY or FILE is asked for, or read from standard input.

    \b
    echosearch report 3f2a9c01
    echosearch report some_cine.dcm --identified --top-k 3
    """
    asked = {"target": read_target(target), "json": as_json, "options": options_given(given)}
    answered("report", asked).show()
