"""echosearch disagree: studies whose report and videos say different things."""

from __future__ import annotations

import click

from echosearch.archive import open_archive
from echosearch.cli.audited import audited
from echosearch.cli.output import counted, note, say_json, short_key, table
from echosearch.cli.search_options import read_target
from echosearch.db.cohorts.reviews import ANSWERS, Answer
from echosearch.insight.as_json import disagreements_json
from echosearch.insight.disagree import Against, Disagreement, Disagreements
from echosearch.insight.disagree import disagree as find_disagreements
from echosearch.insight.verdicts import record_verdict
from echosearch.search.changes.words import told_words
from echosearch.search.results import MAX_TOP_K
from echosearch.settings import load_settings

__all__ = ["disagree"]


@click.command(short_help="Find studies whose report and videos say different things.")
@click.option("--finding", metavar="NAME", help="One finding or measurement: mr, 左室拡大, EF. All without it.")
@click.option(
    "--against",
    type=click.Choice(["videos", "sr"]),
    default="videos",
    show_default=True,
    help="What reports are compared with: videos, or structured reports (SR).",
)
@click.option("--top-k", type=click.IntRange(1, MAX_TOP_K), default=20, show_default=True, help="How many.")
@click.option("--record", metavar="STUDY", help="Record a verdict on this study instead: --answer, --reader.")
@click.option("--answer", type=click.Choice(ANSWERS), help="accept: the report is wrong; reject: it is right.")
@click.option("--reader", metavar="NAME", help="Who gives the verdict.")
@click.option("--reason", metavar="TEXT", default="", help="Why; kept with identifying data.")
@click.option("--rates", is_flag=True, help="Show the share of surprising reports by device and year instead.")
@click.option("--identified", is_flag=True, help="Add patient and study identifiers.")
@click.option("--json", "as_json", is_flag=True, help="JSON, as documented in docs/interpretation.md.")
def disagree(
    finding: str | None,
    against: Against,
    top_k: int,
    record: str | None,
    answer: Answer | None,
    reader: str | None,
    reason: str,
    rates: bool,
    identified: bool,
    as_json: bool,
) -> None:
    """Rank studies by how surprising a statement of their report is, given their videos or structured reports.

    The surprise is the log odds that the statement is wrong; against structured reports it is the distance of the two
    values in tolerances (10 points of EF, 15 % of others). Either side may be the one that is wrong.

    \b
    echosearch disagree --finding mr
    echosearch disagree --against sr --finding EF
    echosearch disagree --rates --json
    echosearch disagree --finding mr --record 3f2a9c01 --answer accept --reader sato
    """
    if record is not None or answer is not None or reader is not None:
        if record is None or answer is None or reader is None:
            raise click.UsageError("a verdict needs --record STUDY, --answer and --reader NAME together")
        with open_archive(load_settings()) as archive:
            key = record_verdict(archive, read_target(record), answer, reader, finding=finding, reason=reason)
        note(f"{answer} by {reader} is recorded for study {key[:8]}")
        return
    with open_archive(load_settings()) as archive:
        found = find_disagreements(archive, finding=finding, against=against, top_k=top_k, names=identified)
        if identified:
            audited(archive, "disagree", (one.study for one in found.disagreements))
    if as_json:
        say_json(disagreements_json(found))
        return
    for warning in found.warnings:
        note(warning)
    note(f"{counted(found.compared, 'study', 'studies')} compared, {found.surprising} surprising")
    if rates:
        shown = [
            [one.by, one.name, one.studies, one.surprising, f"{one.surprising / one.studies:.3f}"]
            for one in found.rates
        ]
        table(["by", "name", "studies", "surprising", "share"], shown, right=("studies", "surprising", "share"))
        return
    _show(found, identified)


def _show(found: Disagreements, names: bool) -> None:
    columns = ["rank", "study", "date", "device", "concept", "report and SR", "videos", "surprise"]
    rows: list[list[object]] = []
    for one in found.disagreements:
        who = [one.identified.accession_number if one.identified else None] if names else []
        said = told_words(one.told) or "not mentioned"
        rows.append(
            [
                one.rank,
                short_key(one.study),
                one.date,
                one.device,
                one.label,
                said,
                _seen(one),
                f"{one.surprise:.1f}",
                *who,
            ]
        )
    table([*columns, *(["accession_number"] if names else [])], rows, right=("rank", "surprise"))


def _seen(one: Disagreement) -> str | None:
    shown = [
        None if one.probability is None else f"probability {one.probability:.2f}",
        None if one.grade is None else f"grade {one.grade:.1f}",
        None if one.value is None else f"{one.value:.0f}",
    ]
    return ", ".join(part for part in shown if part is not None) or None
