"""echosearch query: text -> studies."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from echosearch.archive import open_archive
from echosearch.cli.search_options import asking, search_options, show_results
from echosearch.errors import InputError
from echosearch.search.query import query_text
from echosearch.settings import load_settings

__all__ = ["query"]


@click.command(short_help="Find studies by what a report would say.")
@click.option("--report", "text", metavar="TEXT", help="Findings, worded as in a report.")
@click.option("--file", "path", metavar="FILE", help="Take the text from a UTF-8 file, or from stdin with -.")
@asking(videos=True)
def query(text: str | None, path: str | None, as_json: bool, **given: Any) -> None:
    """Find the studies whose videos fit a text best, each with its best video.

    \b
    echosearch query --report "重度僧帽弁逆流"
    echosearch query --report "左室拡大あり。重度のMRあり。" --view 4CH --top-k 20
    echosearch query --report "大動脈弁狭窄" --where "age >= 65 and sex = F and date >= 2020-01"
    echosearch query --file findings.txt --group patient --json
    """
    if (text is None) == (path is None):
        raise click.UsageError("give either --report TEXT or --file FILE")
    options = search_options(given)
    wanted = text if text is not None else _read(path or "")
    with open_archive(load_settings()) as archive:
        show_results(query_text(archive, wanted, options), as_json)


def _read(path: str) -> str:
    try:
        data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
        return data.decode("utf-8-sig")
    except OSError as exc:
        raise InputError(f"--file {path}: {exc.strerror}") from exc
    except UnicodeDecodeError:
        raise InputError(f"--file {path}: not UTF-8, save the text as UTF-8") from None
