"""echosearch index: looking after the search index."""

from __future__ import annotations

from dataclasses import asdict

import click

from echosearch.archive import open_archive
from echosearch.cli.lazy import LazyGroup
from echosearch.cli.output import SLOW_INDEX, counted, note, say, say_json
from echosearch.cli.progress import counting
from echosearch.settings import load_settings

__all__ = ["COMMANDS", "drop", "index", "rebuild"]

# name -> (where it is, what `echosearch index --help` says of it)
COMMANDS: dict[str, tuple[str, str]] = {
    "rebuild": ("echosearch.cli.commands.index:rebuild", "Make the index anew from the database."),
    "drop": ("echosearch.cli.commands.index:drop", "Delete the vectors of an encoder that does not answer."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS, short_help="Look after the search index.")
def index() -> None:
    """Look after the search index.

    \b
    echosearch index rebuild
    echosearch index drop phantom-tiny
    """


@click.command(short_help="Make the index anew from the database.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def rebuild(as_json: bool) -> None:
    """Drop the active encoder's collections and fill them from the database; no encoder runs.

    \b
    echosearch index rebuild
    """
    from ingest.verify import rebuild

    with open_archive(load_settings()) as archive, counting("points") as draw:
        made = rebuild(archive, draw)
    if as_json:
        say_json({"points": made.points, "slow_index": made.slow_index})
        return
    say(counted(made.points, "point"))
    if made.slow_index:
        note(SLOW_INDEX)


@click.command(short_help="Delete the vectors of an encoder that does not answer.")
@click.argument("encoder", metavar="ENCODER")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def drop(encoder: str, as_json: bool) -> None:
    """Delete the vectors of ENCODER, a name or the start of a fingerprint, from the database and the index.

    For one that `echosearch reembed` has followed by another, or was stopped at; `echosearch status` lists them. The
    encoder that answers cannot be dropped. The encoder itself stays in ECHOSEARCH_HOME.

    \b
    echosearch index drop phantom-tiny
    """
    from ingest.reembed import drop

    with open_archive(load_settings()) as archive:
        dropped, videos = drop(archive, encoder)
    if as_json:
        say_json({"encoder": asdict(dropped), "videos": videos})
    else:
        say(f"the vectors of {dropped} are gone, of {counted(videos, 'video')}")
