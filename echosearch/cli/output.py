"""What a person sees: tables on a terminal, plain columns in a pipe, JSON where asked for."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click

__all__ = ["PUT_IN_USE", "SLOW_INDEX", "note", "one_line", "say_json", "table"]

SLOW_INDEX = "searches are right but slow: the index's disk has no room to order it anew (docs/operations.md)"
PUT_IN_USE = "echosearch encoder use {0} puts it in use, echosearch reembed {0} where another has filled the archive"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # what a report holds must not steer a terminal; rich drops it itself


def one_line(text: str) -> str:
    """Line breaks and what would steer a terminal, as escapes: a file name may hold anything."""
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)


def say_json(data: object) -> None:
    """One JSON document on stdout, Japanese as itself."""
    click.echo(json.dumps(data, ensure_ascii=False, indent=2))


def note(line: str) -> None:
    """A line for the person, on stderr, so that it never mixes with results."""
    click.echo(f"echosearch: {one_line(line)}", err=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], right: Sequence[str] = ()) -> None:
    """A table on a terminal; in a pipe tab-separated lines under a header, for cut and awk. None shows as "-"."""
    cells = [["-" if cell is None else str(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for line in [list(columns), *cells]:
            click.echo("\t".join(_CONTROL.sub("", " ".join(cell.split())) for cell in line))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        drawn.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for line in cells:
        drawn.add_row(*(Text(cell) for cell in line))  # Text: what stands in a report is never markup
    Console(highlight=False).print(drawn)
