"""echosearch query: text -> studies."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from echosearch.cli.beside.search import answered, found_here, on_one_core
from echosearch.cli.output import counted, note
from echosearch.cli.path_type import as_path
from echosearch.cli.search_options import asking, options_given
from echosearch.errors import InputError
from echosearch.search.limits import MAX_EXPORT, SORTS
from echosearch.unicode import utf8_text

__all__ = ["query"]

SHOWN = 10  # hits on the screen beside an export


@click.command(short_help="Find studies by what a report would say.")
@click.argument("text", metavar="[TEXT]", required=False)
@click.option("--report", "report", metavar="TEXT", help="The same as TEXT.")
@click.option("--file", "path", metavar="FILE", help="Take the text from a UTF-8 file, or from stdin with -.")
@click.option("--as-typed", is_flag=True, help="Rank by the text's own vector, without understanding it.")
@click.option("--include-denied", is_flag=True, help="Also show studies whose report says otherwise.")
@click.option(
    "--rescore",
    is_flag=True,
    help="Score the first 200 studies again by their videos, each as far as its view tells of the finding.",
)
@click.option(
    "--sort",
    type=click.Choice(SORTS),
    default="relevance",
    show_default=True,
    help="date: what is strong, newest first.",
)
@click.option("--export", "file", type=as_path, metavar="FILE", help="Write all hits to a .csv or .parquet file.")
@asking(videos=True)
def query(
    text: str | None,
    report: str | None,
    path: str | None,
    file: Path | None,
    as_typed: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Find the studies that answer TEXT: by what their reports state, and by what their videos show.

    A study whose report states what is asked comes first; one whose report denies it is no hit; one without a report,
    or whose report is silent, is ranked by its videos. What was understood of TEXT is shown above the hits; words that
    no rule understands are searched in the reports.

    \b
    echosearch query "65歳以上の女性で中等度以上のMR、左室拡大なし、EF 40%未満"
    echosearch query "重度僧帽弁逆流" --view 4CH --top-k 20
    echosearch query "呼吸困難で来院した重度MR"
    echosearch query "人工弁を除く中等度以上のTR" --where "date >= 2020-01" --json
    echosearch query "重度僧帽弁逆流" --rescore
    echosearch query "重度僧帽弁逆流" --sort date --export hits.parquet
    echosearch query --file findings.txt --group patient --json
    """
    if sum(each is not None for each in (text, report, path)) != 1:
        raise click.UsageError("give one of TEXT, --report TEXT and --file FILE")
    if file is not None:
        from echosearch.search.export import check_export

        check_export(file)
        given |= {"export": True, "top_k": MAX_EXPORT}
    if as_typed and (given["sort"] != "relevance" or given["include_denied"] or given["rescore"]):
        raise click.UsageError(
            "--sort, --rescore and --include-denied go with a question that is understood: not with --as-typed"
        )
    typed = text if text is not None else report
    wanted = typed if typed is not None else _read(path or "")
    asked: dict[str, Any] = {"text": wanted, "as_typed": as_typed, "json": as_json, "options": options_given(given)}
    if file is None:
        answered("query", asked).show()
        return
    on_one_core()
    from echosearch.cli.answers.searches import search_options, shown_results
    from echosearch.search.export import export_hits

    results = found_here("query", asked, search_options(asked["options"]))
    export_hits(results, file)
    note(f"{counted(len(results.hits), 'hit')} in {file}")
    shown_results(replace(results, hits=results.hits[:SHOWN]), as_json, sys.stdout.isatty()).show()


def _read(path: str) -> str:
    try:
        data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
        return utf8_text(data)
    except OSError as exc:
        raise InputError(f"--file {path}: {exc.strerror}") from exc
    except UnicodeDecodeError:
        raise InputError(f"--file {path}: not UTF-8, save the text as UTF-8") from None
