"""echosearch phantom: a synthetic archive that anyone can have."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from echosearch.cli.lazy import LazyGroup
from echosearch.cli.output import counted, say, say_json
from echosearch.cli.path_type import as_path
from echosearch.cli.progress import drawing

__all__ = ["COMMANDS", "MAX_SEED", "phantom", "write"]

MAX_SEED = 99_999  # it is part of accession numbers, which have 16 characters (SH, PS3.5 6.2)

# name -> (where it is, what `echosearch phantom --help` says of it)
COMMANDS: dict[str, tuple[str, str]] = {
    "write": ("echosearch.cli.commands.phantom:write", "Write an archive of synthetic studies."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS, short_help="Make a synthetic archive.")
def phantom() -> None:
    """Write synthetic echo studies: real DICOM, Japanese reports, and the truth beside them. No patient exists.

    \b
    echosearch phantom write ./archive --patients 200 --seed 1
    """


@click.command(short_help="Write an archive of synthetic studies.")
@click.argument("folder", type=as_path)
@click.option("--patients", type=click.IntRange(1), default=20, show_default=True, help="About 2 studies each.")
@click.option(
    "--seed", type=click.IntRange(0, MAX_SEED), default=1, show_default=True, help="The same seed, the same archive."
)
@click.option("--frames", type=click.IntRange(2, 512), default=48, show_default=True, help="Frames of a cine.")
@click.option(
    "--level",
    type=click.Choice(["easy", "hard"]),
    default="easy",
    show_default=True,
    help="hard: half of the studies normal, continuous severities, readers who differ or say nothing, poor pictures, "
    "findings that need order in time or colour, up to 60 clips a study.",
)
@click.option(
    "--wording",
    type=click.Choice(["first", "other", "letter"]),
    default="first",
    show_default=True,
    help="Of the reports: the first family is what the encoders here learned from, the two others are held out.",
)
@click.option(
    "--plant",
    metavar="NAME=SHARE,...",
    help="Let hearts change or reports be wrong in these shares, and list them in plants.csv: "
    "changes (of patients), wrong-reports, no-change-reports (of studies).",
)
@click.option(
    "--lettering",
    is_flag=True,
    help="Burn names, ids and dates into the pictures, as machines do, and list them in lettering.csv.",
)
@click.option("--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes.")
@click.option("--json", "as_json", is_flag=True, help="The summary as JSON.")
def write(folder: Path, plant: str | None, as_json: bool, **given: Any) -> None:
    """Write DICOM/, reports.csv, views.csv and truth.csv to FOLDER, which must be new or empty.

    Everything it writes says that it is synthetic.

    \b
    echosearch phantom write ./archive --patients 200 --seed 1
    echosearch phantom write ./hard --patients 70 --seed 1 --level hard
    echosearch phantom write ./other --patients 200 --seed 1 --wording other
    echosearch phantom write ./planted --patients 200 --plant changes=0.4,wrong-reports=0.1
    echosearch phantom write ./lettered --patients 5 --lettering
    """
    from echosearch.phantom.files.archive import write_archive
    from echosearch.phantom.patients.plants import parse_plants

    plants = parse_plants(plant) if plant is not None else None
    with drawing("studies") as draw:
        made = write_archive(folder, progress=draw, plants=plants, **given)
    if as_json:
        say_json({**asdict(made), "out": str(made.out)})
        return
    studies, patients = counted(made.studies, "study", "studies"), counted(made.patients, "patient")
    say(f"{studies} of {patients}, {counted(made.cines, 'cine')} in {made.out}")
