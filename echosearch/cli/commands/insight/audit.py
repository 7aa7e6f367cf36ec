"""echosearch audit shortcuts: what an archive's vectors tell that they should not."""

from __future__ import annotations

import click

from echosearch.archive import open_archive
from echosearch.cli.output import counted, note, say_json, table
from echosearch.insight.as_json import shortcuts_json
from echosearch.insight.shortcuts import MAX_STUDIES, Shortcuts
from echosearch.insight.shortcuts import shortcuts as find_shortcuts
from echosearch.settings import load_settings

__all__ = ["shortcuts"]


@click.command(short_help="Measure how far vectors tell vendor, device, year and sex.")
@click.option(
    "--studies",
    type=click.IntRange(2, MAX_STUDIES),
    default=MAX_STUDIES,
    show_default=True,
    help="How many are sampled.",
)
@click.option("--json", "as_json", is_flag=True, help="JSON, as documented in docs/interpretation.md.")
def shortcuts(studies: int, as_json: bool) -> None:
    """Measure how well vendor, device, year and sex are read off the study vectors, and how far neighbours share them.

    The probe is linear and is asked about patients that it was not fitted on. Neighbours are compared with the studies
    whose reports are most alike. A random sample of studies is read.

    \b
    echosearch audit shortcuts
    echosearch audit shortcuts --studies 2000 --json
    """
    with open_archive(load_settings()) as archive:
        found = find_shortcuts(archive, studies=studies)
    if as_json:
        say_json(shortcuts_json(found))
        return
    _show(found)


def _show(found: Shortcuts) -> None:
    for warning in found.warnings:
        note(warning)
    studies = counted(found.studies, "study", "studies")
    note(f"{studies}; read off the vectors, balanced accuracy with a 95 % interval over patients:")
    rows = [
        [one.attribute, one.classes, one.studies, *map(_three, (one.accuracy, one.low, one.high, one.chance))]
        for one in found.probes
    ]
    columns = ["attribute", "classes", "studies", "accuracy", "low", "high", "chance"]
    table(columns, rows, right=columns[1:])
    note("share of the ten nearest studies of other patients with the same value:")
    shared = [[one.attribute, one.studies, *map(_three, (one.near, one.alike, one.chance))] for one in found.neighbours]
    columns = ["attribute", "studies", "nearest", "alike by report", "chance"]
    table(columns, shared, right=columns[1:])
    note("cosine to the ten nearest studies of other patients:")
    drift = [[one.by, one.name, one.studies, _three(one.mean), _three(one.spread)] for one in found.similarity]
    columns = ["by", "name", "studies", "mean", "spread"]
    table(columns, drift, right=columns[2:])


def _three(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f}"
