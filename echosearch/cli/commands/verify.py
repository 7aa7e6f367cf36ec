"""echosearch verify: does the index match the database, and do searches find what they should?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from echosearch.archive import open_archive
from echosearch.cli.commands.ingest import SOME_FAILED
from echosearch.cli.output import counted, note, say, say_json, table
from echosearch.settings import load_settings

if TYPE_CHECKING:
    from ingest.recall import Recall

__all__ = ["verify"]

LOW_RECALL = (
    "run echosearch ingest, which completes the graph, or echosearch index rebuild; until then search with --exact"
)


@click.command(short_help="Compare the index with the database.")
@click.option("--repair", is_flag=True, help="Make the index right, from the database alone.")
@click.option(
    "--recall",
    "queries",
    is_flag=False,
    flag_value=100,
    type=click.IntRange(1, 10_000),
    metavar="[N]",
    help="Also measure searches: N stored vectors (100) as queries, against exact comparison.",
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_context
def verify(ctx: click.Context, /, repair: bool, queries: int | None, as_json: bool) -> None:
    """Compare ids, generations and vectors of the search index with the database, both ways.

    With --recall, count how many of the ten best a search finds, with and without conditions that occur here.

    Ends with 0 when all is well or was repaired, with 3 when something differs or a search finds less than 99 %.

    \b
    echosearch verify
    echosearch verify --repair
    echosearch verify --recall
    echosearch verify --recall 500 --json
    """
    from ingest.recall import measure_recall
    from ingest.verify import verify

    with open_archive(load_settings()) as archive:
        found = verify(archive, repair)
        measured = [*measure_recall(archive, queries)] if queries else []
    if as_json:
        shown = asdict(found)
        for one in shown["collections"]:
            one["strangers"] = one.pop("foreign_ids")  # the documented key
        recall = {"recall": [asdict(one) for one in measured]} if queries else {}
        say_json({"clean": found.clean, "differences": found.differences, **shown, **recall})
    else:
        for one in found.collections:
            said = ", ".join(f"{count} {name}" for name, count in one.counts.items() if count) or "all as it should be"
            due = f", {one.due} to send" if one.due else ""
            say(f"{one.collection:8s} {counted(one.points, 'point')}: {said}{due}")
        for fault in found.faults:
            say(f"database: {fault}")
        if repair:
            say(f"{counted(found.repaired, 'point')} repaired")
        _show_recall(measured)
    low = [one for one in measured if not one.fine]
    if low:
        note(f"{len(low)} of {len(measured)} kinds of search find less than 99 % of the ten best: {LOW_RECALL}")
    if low or found.faults or (found.differences and not repair):
        ctx.exit(SOME_FAILED)


def _show_recall(measured: Sequence[Recall]) -> None:
    if not measured:
        return
    columns = ("collection", "condition", "matching", "recall@10", "p50 ms", "p99 ms", "exact p50 ms")
    rows = [
        (
            *(one.collection, one.condition or None, f"{one.share:.2%}", f"{one.recall:.4f}"),
            *(f"{one.p50_ms:.1f}", f"{one.p99_ms:.1f}", f"{one.exact_p50_ms:.1f}"),
        )
        for one in measured
    ]
    say()
    table(columns, rows, right=columns[2:])
