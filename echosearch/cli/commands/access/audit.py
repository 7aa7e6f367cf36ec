"""echosearch audit: who saw what, and whether the record is whole; and what vectors tell that they should not."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from echosearch.archive import open_archive
from echosearch.cli.lazy import LazyGroup
from echosearch.cli.output import note, say, say_json, table
from echosearch.cli.path_type import as_path
from echosearch.settings import load_settings

__all__ = ["COMMANDS", "audit", "export", "show", "verify"]

COMMANDS: dict[str, tuple[str, str]] = {
    "show": ("echosearch.cli.commands.access.audit:show", "Show who did what."),
    "verify": ("echosearch.cli.commands.access.audit:verify", "Check that no row was changed, removed or cut off."),
    "export": ("echosearch.cli.commands.access.audit:export", "Write all rows to a file."),
    "shortcuts": (
        "echosearch.cli.commands.insight.audit:shortcuts",
        "Measure how far vectors tell vendor, device, year and sex.",
    ),
}


@click.group(cls=LazyGroup, lazy=COMMANDS, short_help="Show and verify who saw what; audit the vectors.")
def audit() -> None:
    """Show and verify the record of who searched what and saw whom; audit what the vectors tell beside the heart.

    \b
    echosearch audit show
    echosearch audit verify
    echosearch audit export audit.ndjson
    echosearch audit shortcuts
    """


@click.command(short_help="Show who did what.")
@click.option("--last", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many rows.")
@click.option("--open", "opened", is_flag=True, help="Also the encrypted query and reason: they may name a patient.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def show(last: int, opened: bool, as_json: bool) -> None:
    """Show the last rows of the audit, the newest first.

    \b
    echosearch audit show
    echosearch audit show --last 10 --open
    echosearch audit show --json
    """
    from echosearch.access.trail import entry_json, open_trail
    from echosearch.cli.audited import recorded
    from echosearch.db.access.audit import last_entries

    with open_archive(load_settings()) as archive:
        trail = open_trail(archive)
        with archive.engine.connect() as connection:
            entries = last_entries(connection, last)
        if opened:
            recorded(archive, "audit show")
        shown = [entry_json(one) | (trail.opened(one) if opened else {}) for one in entries]
    if as_json:
        say_json({"entries": shown})
        return
    columns = ["seq", "at", "who", "role", "via", "action", "outcome", "keys", *(["query", "reason"] if opened else [])]
    rows = [[len(one["keys"]) if name == "keys" else one[name] for name in columns] for one in shown]
    table(columns, rows, right=("seq", "keys"))


@click.command(short_help="Check that no row was changed, removed or cut off.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_context
def verify(context: click.Context, as_json: bool) -> None:
    """Compute the audit's chain again, and compare it with the heads that were noted outside the database.

    It ends with 3 if anything differs.

    \b
    echosearch audit verify
    echosearch audit verify --json
    """
    from echosearch.access.trail import open_trail

    with open_archive(load_settings()) as archive:
        found = open_trail(archive).verify()
    if as_json:
        say_json(asdict(found))
    else:
        for one in found.problems[:100]:
            note(f"row {one.seq}: {one.problem}")
        say(f"{found.entries} rows, {found.heads} noted heads compared: {len(found.problems)} problems")
    if found.problems:
        context.exit(3)


@click.command(short_help="Write all rows to a file.")
@click.argument("file", type=as_path)
@click.option("--open", "opened", is_flag=True, help="Also the encrypted query and reason: they may name a patient.")
def export(file: Path, opened: bool) -> None:
    """Write every row of the audit to FILE as NDJSON, the oldest first; the last line says how many.

    \b
    echosearch audit export audit.ndjson
    """
    import json

    from echosearch.access.trail import entry_json, open_trail
    from echosearch.atomic import whole_file
    from echosearch.cli.audited import recorded
    from echosearch.db.access.audit import audit_entries

    with open_archive(load_settings()) as archive:
        trail = open_trail(archive)
        recorded(archive, "audit export")
        rows = 0
        with (
            archive.engine.connect() as connection,
            whole_file(file) as partial,
            partial.open("w", encoding="utf-8") as out,
        ):
            for entry in audit_entries(connection):
                row = entry_json(entry) | (trail.opened(entry) if opened else {})
                out.write(json.dumps(row, ensure_ascii=False) + "\n")
                rows += 1
            out.write(json.dumps({"end": True, "rows": rows}) + "\n")
    say(f"{rows} rows in {file}")
