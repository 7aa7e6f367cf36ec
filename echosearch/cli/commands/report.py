"""echosearch report: study or file -> reports."""

from __future__ import annotations

from typing import Any

import click

from echosearch.archive import open_archive
from echosearch.cli.audited import audited
from echosearch.cli.search_options import asking, read_target, search_options, show_results
from echosearch.search.reports import find_reports
from echosearch.settings import load_settings

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
    options = search_options(given)
    wanted = read_target(target)
    with open_archive(load_settings()) as archive:
        found = find_reports(archive, wanted, options)
        if options.identified:
            audited(archive, "report", (hit.study for hit in found.hits))
        show_results(found, as_json)
