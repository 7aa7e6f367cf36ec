"""echosearch timeline: study or patient -> the patient's studies in order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from echosearch.archive import open_archive
from echosearch.cli.audited import audited
from echosearch.cli.output import counted, note, say_json, short_key, table
from echosearch.cli.path_type import as_path
from echosearch.cli.search_options import read_target
from echosearch.search.changes.as_json import timeline_json
from echosearch.search.changes.timeline import Timeline
from echosearch.search.changes.timeline import timeline as make_timeline
from echosearch.search.changes.words import told_words
from echosearch.settings import load_settings

__all__ = ["timeline"]

NOTABLE = 2.0  # a change of the videos that is shown although no report speaks of it, in standard deviations


@click.command(short_help="Show a patient's studies over time.")
@click.argument("target", metavar="STUDY|PATIENT|-")
@click.option("--figure", type=as_path, metavar="FILE", help="Draw it: .svg or .png.")
@click.option("--identified", is_flag=True, help="Add patient and study identifiers, dates and days.")
@click.option("--json", "as_json", is_flag=True, help="JSON, as documented in docs/timelines.md.")
def timeline(target: str, figure: Path | None, identified: bool, as_json: bool) -> None:
    """Show the studies of a patient in order: what reports state, what was measured, and how the videos change.

    STUDY is a study key (its first 8 digits do), a StudyInstanceUID or an accession number of any of the studies;
    PATIENT a patient key or a patient id. With - it is asked for, or read from standard input. Months are shown, and
    days only with --identified. A finding in brackets is inherited: its report says that nothing has changed.

    \b
    echosearch timeline 3f2a9c01
    echosearch timeline - < patient_id.txt
    echosearch timeline 3f2a9c01 --figure timeline.svg --json
    """
    if figure is not None:
        from echosearch.search.changes.figure import check_timeline_figure, draw_timeline

        check_timeline_figure(figure)
    wanted = read_target(target)
    with open_archive(load_settings()) as archive:
        found = make_timeline(archive, wanted, names=identified)
        if identified:
            audited(archive, "timeline", (one.study for one in found.studies))
    if figure is not None:
        draw_timeline(found, figure)
        note(f"the timeline is in {figure}")
    if as_json:
        say_json(timeline_json(found))
        return
    _show(found, identified)


def _show(found: Timeline, names: bool) -> None:
    for warning in found.warnings:
        note(warning)
    note(f"patient {short_key(found.patient)}: {counted(len(found.studies), 'study', 'studies')}")
    columns = ["study", "date", "months", "concept", "report and SR", "videos", "change", "z", "percentile"]
    rows: list[list[Any]] = []
    for study in found.studies:
        when: list[Any] = [short_key(study.study), study.date, study.months]
        if names:
            who = study.identified
            when += [who.accession_number or None, who.study_date, study.days] if who else [None] * 3
        if study.refers_back:
            rows.append([*when, "前回と著変なし", *[None] * 5])
        for one in study.findings:
            said = told_words(one.told)
            if said is None and (one.z is None or abs(one.z) < NOTABLE):
                continue
            numbers = (one.score, one.change, one.z, one.percentile)
            shown = [
                None if number is None else form.format(number)
                for number, form in zip(numbers, ("{:.2f}", "{:+.2f}", "{:+.1f}", "{:.3f}"), strict=True)
            ]
            rows.append([*when, found.labels[one.concept], said, *shown])
    extra = ["accession_number", "study_date", "days"] if names else []
    table([*columns[:3], *extra, *columns[3:]], rows, right=("months", "days", *columns[5:]))
