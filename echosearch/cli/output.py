"""Print results: tables on a terminal, plain columns in a pipe, JSON on request.

The one place that prints: names, reports and messages come from outside, and nothing in them may steer a terminal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click

from echosearch.unicode import UNSEEN, visible

__all__ = ["PUT_IN_USE", "SLOW_INDEX", "counted", "note", "say", "say_json", "short_key", "table"]

SLOW_INDEX = "searches are right but slow: the index's disk has no room to order it anew (docs/operations.md)"
PUT_IN_USE = "echosearch encoder use {0} puts it in use, echosearch reembed {0} where another has filled the archive"


def say(line: str = "", err: bool = False, bold: bool = False) -> None:
    """Print one line, whatever characters it has."""
    shown = visible(line)
    click.echo(click.style(shown, bold=True) if bold else shown, err=err)


def say_json(data: object, indent: int | None = 2) -> None:
    """Print one JSON document on stdout: Japanese as is, invisible characters escaped."""
    document = json.dumps(data, ensure_ascii=False, indent=indent)
    # the line breaks of the layout are the only control characters outside a string
    click.echo("\n".join(UNSEEN.sub(lambda found: json.dumps(found[0])[1:-1], line) for line in document.split("\n")))


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return "1 study", "2 studies": ``many`` is the plural, None: ``one`` with an s."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def note(line: str) -> None:
    """Print a line on stderr, so that it never mixes with results."""
    say(f"echosearch: {line}", err=True)


def short_key(key: str | None) -> str | None:
    """Return the first 8 digits of a key on a terminal, enough to name a study; the whole key in a pipe."""
    return key[:8] if key is not None and sys.stdout.isatty() else key


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], right: Sequence[str] = ()) -> None:
    """Print a table on a terminal; in a pipe tab-separated lines under a header, for cut and awk. None is "-".

    A cell's own line breaks are kept on the terminal alone.
    """
    cells = [["-" if cell is None else str(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for line in [list(columns), *cells]:
            say("\t".join(" ".join(cell.split()) for cell in line))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        drawn.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for line in cells:
        # Text: a report's own characters are never markup
        drawn.add_row(*(Text("\n".join(map(visible, cell.expandtabs().splitlines()))) for cell in line))
    Console(highlight=False).print(drawn)
