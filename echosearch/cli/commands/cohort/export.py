"""echosearch cohort export."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from echosearch.archive import open_archive
from echosearch.cli.audited import recorded
from echosearch.cli.output import counted, note, say, say_json
from echosearch.cli.path_type import as_path
from echosearch.cohort.export import export_cohort
from echosearch.cohort.run import reading
from echosearch.cohort.table import check_out, dictionary_files
from echosearch.settings import load_settings

__all__ = ["export"]


@click.command(short_help="Write the members to a table.")
@click.argument("name", metavar="NAME[@NUMBER]")
@click.option("--out", type=as_path, required=True, metavar="FILE", help="A .csv or .parquet file.")
@click.option(
    "--with", "also", default="", metavar="CONCEPTS", help="Concepts beside those asked for, such as tr,lvdd."
)
@click.option(
    "--suppress-below",
    type=click.IntRange(0, 1000),
    default=0,
    metavar="N",
    help="Ages in tens, dates in years, and empty where fewer than N patients share them.",
)
@click.option("--identified", is_flag=True, help="Add patient and study identifiers.")
@click.option("--json", "as_json", is_flag=True, help="What was written, as JSON.")
def export(name: str, out: Path, also: str, suppress_below: int, identified: bool, as_json: bool) -> None:
    """Write the members of the cohort NAME, or of the snapshot NAME@NUMBER, to FILE, one line a study.

    Keys are pseudonyms; dates are months. What reports and measurements say of each concept has columns of its own. A
    dictionary of the columns (type, unit, meaning) is written beside it, as CSV and JSON.

    \b
    echosearch cohort export severe-mr --out severe-mr.csv --with tr,lvdd
    echosearch cohort export severe-mr@1 --out severe-mr.parquet --suppress-below 5
    """
    check_out(out)
    concepts = [one.strip() for one in also.split(",") if one.strip()]
    with open_archive(load_settings()) as archive, reading(archive) as connection:
        if identified:
            recorded(archive, "cohort export identified", query=name)
        made = export_cohort(
            archive,
            connection,
            name,
            out,
            also=concepts,
            suppress_below=suppress_below,
            identified=identified,
        )
    beside = dictionary_files(out)
    if as_json:
        say_json({**asdict(made), "dictionary": [str(file) for file in beside]})
        return
    studies, patients = counted(made.studies, "study", "studies"), counted(made.patients, "patient")
    say(f"{studies} of {patients} of {made.cohort} in {made.file}")
    if made.opted_out:
        note(f"{counted(made.opted_out, 'member has', 'members have')} opted out since it was frozen, and left out")
    note(f"what each column means is in {beside[0]} and {beside[1].name}")
