"""echosearch verify: is the index what the database says?"""

from __future__ import annotations

from dataclasses import asdict

import click

from echosearch.archive import open_archive
from echosearch.cli.commands.ingest import SOME_FAILED
from echosearch.cli.output import say, say_json
from echosearch.settings import load_settings

__all__ = ["verify"]


@click.command(short_help="Compare the index with the database.")
@click.option("--repair", is_flag=True, help="Make the index right, from the database alone.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_context
def verify(ctx: click.Context, /, repair: bool, as_json: bool) -> None:
    """Compare ids, generations and vectors of the search index with the database, both ways.

    Ends with 0 when all is well or was repaired, with 3 when something differs.

    \b
    echosearch verify
    echosearch verify --repair
    """
    from ingest.verify import verify

    with open_archive(load_settings()) as archive:
        found = verify(archive, repair)
    if as_json:
        shown = asdict(found)
        for one in shown["collections"]:
            one["strangers"] = one.pop("foreign_ids")  # the documented key
        say_json({"clean": found.clean, "differences": found.differences, **shown})
    else:
        for one in found.collections:
            wrong = {"missing": one.missing, "stale": one.stale, "orphans": one.orphans, "strangers": one.foreign_ids}
            said = ", ".join(f"{len(keys)} {name}" for name, keys in wrong.items() if keys) or "all as it should be"
            say(f"{one.collection:8s} {one.points} points: {said}" + (f", {one.due} to send" if one.due else ""))
        for fault in found.faults:
            say(f"database: {fault}")
        if repair:
            say(f"{found.repaired} points repaired")
    if found.faults or (found.differences and not repair):
        ctx.exit(SOME_FAILED)
