"""echosearch cohort list, show, delete."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from echosearch.archive import open_archive
from echosearch.cli.output import note, say, say_json, table
from echosearch.cli.path_type import as_path
from echosearch.cohort.attrition import AttritionStep, attrition_json, read_attrition, suppressed
from echosearch.cohort.definition import Definition, cohort_words
from echosearch.cohort.doubts import doubts_of
from echosearch.cohort.figure import check_figure, draw_attrition
from echosearch.cohort.run import reading, run_definition
from echosearch.cohort.snapshot import checked_snapshot
from echosearch.cohort.store import delete_definition, named_definition, parse_reference
from echosearch.cohort.toml import from_toml, to_toml
from echosearch.db.cohorts.definitions import stored_cohorts
from echosearch.report.facts import load_lexicon
from echosearch.settings import load_settings

__all__ = ["delete", "say_attrition", "show", "show_list"]


@click.command("list", short_help="List the cohorts and their snapshots.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def show_list(as_json: bool) -> None:
    """List every cohort: what it asks for, and the numbers of its snapshots. No study is counted.

    \b
    echosearch cohort list
    echosearch cohort list --json
    """
    settings = load_settings()
    lexicon = load_lexicon(settings.lexicon)
    with open_archive(settings) as archive, reading(archive) as connection:
        stored = stored_cohorts(connection)
    rows: list[dict[str, Any]] = []
    for one in stored:
        words = None if one.definition is None else cohort_words(from_toml(one.definition, one.name), lexicon)
        rows.append({"name": one.name, "words": words, "snapshots": [*one.snapshots]})
    if as_json:
        say_json({"cohorts": rows})
        return
    shown = [
        (row["name"], ", ".join(map(str, row["snapshots"])), row["words"] or "(definition deleted)") for row in rows
    ]
    table(("name", "snapshots", "asks for"), shown)


@click.command(short_help="Count what each step leaves: the attrition.")
@click.argument("name", metavar="NAME[@NUMBER]")
@click.option("--toml", "as_toml", is_flag=True, help="Only the definition, as a file for --from.")
@click.option("--figure", "figure", type=as_path, metavar="FILE", help="Also draw it as a flow chart: .svg or .png.")
@click.option(
    "--suppress-below", type=click.IntRange(0, 1000), default=0, metavar="N", help="Hide numbers below N, such as 5."
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def show(name: str, as_toml: bool, figure: Path | None, suppress_below: int, as_json: bool) -> None:
    """Count patients, studies and videos behind each step of the cohort NAME: all studies, each criterion in order, the
    filter, and the choice of a study per patient. NAME@NUMBER shows what a snapshot counted when it was frozen.

    \b
    echosearch cohort show severe-mr
    echosearch cohort show severe-mr --figure severe-mr.svg --suppress-below 5
    echosearch cohort show severe-mr --toml > severe-mr.toml
    echosearch cohort show severe-mr@1 --json
    """
    if figure is not None:
        check_figure(figure)
    settings = load_settings()
    lexicon = load_lexicon(settings.lexicon)
    cohort, number = parse_reference(name)
    frozen: dict[str, Any] | None = None
    with open_archive(settings) as archive, reading(archive) as connection:
        if number is not None:
            found = checked_snapshot(connection, cohort, number)
            definition, steps = from_toml(found.definition, name), read_attrition(found.attrition)
            frozen = {"number": found.number, "digest": found.digest, "created_at": found.created_at.isoformat()}
            resolution, versions = found.resolution, found.versions
            notes = doubts_of(definition, lexicon)
        elif as_toml:
            say_toml(named_definition(connection, cohort))
            return
        else:
            run = run_definition(archive, connection, named_definition(connection, cohort))
            definition, steps, resolution, versions = run.definition, run.attrition, run.resolution, run.versions
            notes = run.notes
    if as_toml:
        say_toml(definition)
        return
    steps = suppressed(steps, suppress_below)
    words = cohort_words(definition, lexicon)
    if figure is not None:
        draw_attrition(steps, name, figure, suppress_below)
    if as_json:
        say_json(
            {
                "name": cohort,
                "words": words,
                "toml": to_toml(definition),
                "attrition": attrition_json(steps),
                "suppressed_below": suppress_below,
                "resolution": resolution,
                "versions": asdict(versions),
                "frozen": frozen,
                "notes": [*notes],
            }
        )
        return
    say(f"{name}: {words}", bold=True)
    if frozen is not None:
        say(f"frozen {frozen['created_at'][:19]}, SHA-256 {frozen['digest']}")
    say_attrition(steps, suppress_below)
    for line in notes:
        note(line)
    if figure is not None:
        note(f"the flow chart is in {figure}")


@click.command(short_help="Delete a definition; its snapshots stay.")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def delete(name: str, as_json: bool) -> None:
    """Delete the definition NAME. Its snapshots cannot be deleted: they stay, each with its own copy of the definition.

    \b
    echosearch cohort delete severe-mr
    """
    with open_archive(load_settings()) as archive, reading(archive) as connection:
        kept = next((one.snapshots for one in stored_cohorts(connection) if one.name == name), ())
        delete_definition(connection, name)
    if as_json:
        say_json({"name": name, "snapshots": [*kept]})
    else:
        say(f"{name} is deleted" + (f"; its snapshots stay: {', '.join(map(str, kept))}" if kept else ""))


def say_toml(definition: Definition) -> None:
    """Print the definition as a file."""
    for line in to_toml(definition).splitlines():
        say(line)


def say_attrition(steps: tuple[AttritionStep, ...], below: int = 0) -> None:
    """Print the table of steps; a hidden number is shown as what it is below."""

    def cell(number: int | None) -> str:
        return f"<{below}" if number is None else f"{number}"

    by_videos = any(one.by_videos for one in steps)
    columns = ("step", "patients", "studies", "videos", "dropped studies", *(["by videos"] if by_videos else []))
    rows = [
        (
            one.step,
            cell(one.kept.patients),
            cell(one.kept.studies),
            cell(one.kept.videos),
            cell(one.dropped.studies),
            *([cell(one.by_videos)] if by_videos else []),
        )
        for one in steps
    ]
    table(columns, rows, right=columns[1:])
