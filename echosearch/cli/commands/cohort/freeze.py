"""echosearch cohort freeze, diff."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from echosearch.archive import open_archive
from echosearch.cli.commands.cohort.show import say_attrition
from echosearch.cli.output import counted, note, say, say_json, table
from echosearch.cli.path_type import as_path
from echosearch.cohort.attrition import attrition_json
from echosearch.cohort.run import reading
from echosearch.cohort.snapshot import CHANGE_COLUMNS, Difference, change_pages, difference
from echosearch.cohort.snapshot import freeze as freeze_cohort
from echosearch.cohort.table import check_out, write_table
from echosearch.settings import load_settings

__all__ = ["diff", "freeze"]

LISTED = 20  # changes on the screen


@click.command(short_help="Keep the members of now, for good.")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def freeze(name: str, as_json: bool) -> None:
    """Keep the members that the cohort NAME has now as NAME@1, NAME@2 ...: with the evidence of each, and a SHA-256.

    A snapshot is never changed: not by an ingest, another encoder or a rebuild, nor by any role of the database.

    \b
    echosearch cohort freeze severe-mr
    """
    with open_archive(load_settings()) as archive, reading(archive) as connection:
        made, run = freeze_cohort(archive, connection, name)
    if as_json:
        say_json(
            {
                "snapshot": made.reference,
                "digest": made.digest,
                "members": made.members,
                "attrition": attrition_json(run.attrition),
                "resolution": made.resolution,
                "versions": asdict(made.versions),
                "notes": [*run.notes],
            }
        )
        return
    say_attrition(run.attrition)
    say(f"{made.reference}: {counted(made.members, 'study', 'studies')}, SHA-256 {made.digest}")
    for line in run.notes:
        note(line)


@click.command(short_help="Say who entered and who left, and why.")
@click.argument("before", metavar="A")
@click.argument("after", metavar="[B]", required=False)
@click.option("--out", type=as_path, metavar="FILE", help="Write every change to a .csv or .parquet file.")
@click.option("--json", "as_json", is_flag=True, help="As JSON; it lists the first 1,000 changes.")
def diff(before: str, after: str | None, out: Path | None, as_json: bool) -> None:
    """Compare the snapshot A with the snapshot B, or with a definition asked now: a NAME; without B that of A.

    A is NAME@NUMBER; NAME alone is its newest snapshot. Each study that entered or left is named with the causes: a new
    study or one that is gone, its report, a measurement, the lexicon, a corrected age, sex or date, the encoder, the
    calibration, the definition, or the choice of another study of its patient.

    \b
    echosearch cohort diff severe-mr
    echosearch cohort diff severe-mr@1 severe-mr@2 --out changes.csv
    """
    if out is not None:
        check_out(out)
    with open_archive(load_settings()) as archive, reading(archive) as connection:
        found = difference(archive, connection, before, after)
        if out is not None:
            write_table(out, CHANGE_COLUMNS, change_pages(connection))
    if as_json:
        say_json(asdict(found))
    else:
        _say(found)
    if out is not None:
        note(f"{counted(found.entered + found.left, 'change')} in {out}")


def _say(found: Difference) -> None:
    say(f"{found.before} -> {found.after}: {found.stayed} stayed, {found.entered} entered, {found.left} left")
    counts = [(kind, cause, n) for kind, causes in found.causes.items() for cause, n in causes.items()]
    if counts:
        table(("", "because of", "studies"), counts, right=("studies",))
        say()
        rows = [(one.change, one.study, one.patient, ", ".join(one.causes)) for one in found.changes[:LISTED]]
        table(("", "study", "patient", "because of"), rows)
    if len(found.changes) > LISTED:
        note(f"{found.entered + found.left - LISTED} more: --out FILE writes them all")
    for line in found.notes:
        note(line)
