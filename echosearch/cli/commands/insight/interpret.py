"""echosearch interpret: study or file -> what its videos show."""

from __future__ import annotations

import click

from echosearch.archive import open_archive
from echosearch.cli.audited import audited
from echosearch.cli.output import note, say, say_json, short_key, table
from echosearch.cli.search_options import read_target
from echosearch.insight.as_json import interpretation_json
from echosearch.insight.interpret import Interpretation
from echosearch.insight.interpret import interpret as make_interpretation
from echosearch.insight.notice import NOTICE
from echosearch.report.facts import Fact, fact_words, load_lexicon
from echosearch.settings import load_settings

__all__ = ["interpret"]


@click.command(short_help="Read findings off a study's videos, as the archive's reports calibrate it.")
@click.argument("target", metavar="STUDY|FILE|-")
@click.option("--identified", is_flag=True, help="Add patient and study identifiers.")
@click.option("--json", "as_json", is_flag=True, help="JSON, as documented in docs/interpretation.md.")
def interpret(target: str, identified: bool, as_json: bool) -> None:
    """Read findings and the EF off the videos of a study, or of one file, with their probability and their evidence.

    Not a diagnosis. A probability is that of a report which states the finding, mild or more, calibrated by this
    archive's own reports; a finding that they cannot calibrate has none. The patient's own studies take no part.

    \b
    echosearch interpret 3f2a9c01
    echosearch interpret IM_0001 --json
    """
    wanted = read_target(target)
    with open_archive(load_settings()) as archive:
        found = make_interpretation(archive, wanted, names=identified)
        if identified:
            shown = (found.query.get("study"), *(one.study for one in found.neighbours))
            audited(archive, "interpret", shown)
        lexicon = load_lexicon(archive.settings.lexicon)
    if as_json:
        say_json(interpretation_json(found))
        return
    _show(found)
    states = [
        [short_key(one.study), one.date, f"{one.cosine:.3f}", _said(one.facts, lexicon)]
        + ([one.identified.accession_number if one.identified else None] if identified else [])
        for one in found.neighbours
    ]
    note("the nearest studies of other patients with a report:")
    table(
        ["study", "date", "cosine", "states", *(["accession_number"] if identified else [])], states, right=("cosine",)
    )
    if found.draft:
        note("a draft, to be corrected by a physician:")
        say(found.draft)


def _show(found: Interpretation) -> None:
    note(NOTICE)
    for warning in found.warnings:
        note(warning)
    if found.identified is not None:
        note(f"accession number {found.identified.accession_number}, patient {found.identified.patient_id}")
    rows: list[list[object]] = []
    for value in found.values:
        shown = (
            None if value.value is None else f"{value.value:.0f} ({value.low:.0f}-{value.high:.0f}) {value.reader.unit}"
        )
        error = None if value.reader.error is None else f"{value.reader.error:.1f}"
        rows.append([value.label, shown, None, f"{value.reader.studies} values", error, None, value.reader.why_not])
    for one in found.findings:
        curve, video = one.curve, one.video
        rows.append(
            [
                one.label,
                None if one.probability is None else f"{one.probability:.2f}",
                None if one.grade is None else f"{one.grade:.1f}",
                f"{curve.positives} with, {curve.negatives} without",
                None if curve.error is None else f"{curve.error:.3f}",
                None if video is None else f"{video.view or 'no view'} {video.mode} {short_key(video.key)}",
                None if one.why_not is None else f"not calibrated: {one.why_not}",
            ]
        )
    columns = ["concept", "probability or value", "grade", "reports", "error", "video", "note"]
    table(columns, rows, right=("probability or value", "grade", "error"))


def _said(facts: tuple[Fact, ...], lexicon: object) -> str:
    words = [fact_words(fact, lexicon) for fact in facts if fact.polarity == "present"]  # type: ignore[arg-type]
    return "、".join(
        " ".join(part for part in (label, value or severity) if part) for label, _, severity, value in words
    )
