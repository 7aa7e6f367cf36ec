"""echosearch changed: a change -> pairs of studies."""

from __future__ import annotations

from typing import Any

import click

from echosearch.archive import open_archive
from echosearch.cli.audited import audited
from echosearch.cli.output import note, say, say_json, short_key, table
from echosearch.report.facts import load_lexicon
from echosearch.search.changes.as_json import changed_json
from echosearch.search.changes.asked import KINDS, asked_change, month_since
from echosearch.search.changes.changed import ChangedPairs
from echosearch.search.changes.changed import changed as find_changed
from echosearch.search.changes.words import told_words
from echosearch.search.results import MAX_TOP_K
from echosearch.settings import load_settings

__all__ = ["changed"]


@click.command(short_help="Find pairs of a patient's studies whose videos differ in a finding.")
@click.option("--finding", metavar="NAME", help="It has appeared: a pacemaker, a prosthesis, an effusion.")
@click.option("--gone", metavar="NAME", help="It has gone.")
@click.option("--worse", metavar="NAME", help="Its grade is higher: mr, 大動脈弁狭窄.")
@click.option("--better", metavar="NAME", help="Its grade is lower.")
@click.option("--falls", metavar="NAME", help="A measurement is lower: EF.")
@click.option("--rises", metavar="NAME", help="A measurement is higher.")
@click.option("--within", metavar="PERIOD", help="Between the two studies at most: 2y, 6m, 2年.")
@click.option("--since", metavar="MONTH", help="The later study is of 2020, or 2020-04, or after.")
@click.option("--top-k", type=click.IntRange(1, MAX_TOP_K), default=10, show_default=True, help="How many.")
@click.option("--identified", is_flag=True, help="Add patient and study identifiers, and days.")
@click.option("--json", "as_json", is_flag=True, help="JSON, as documented in docs/timelines.md.")
def changed(
    within: str | None, since: str | None, top_k: int, identified: bool, as_json: bool, **asked: str | None
) -> None:
    """Rank the pairs of consecutive studies of a patient by how much their videos differ in one finding.

    Reports take no part in the order; what both say is shown beside it, and z and the percentile compare the difference
    with pairs whose reports say no change.

    \b
    echosearch changed --finding pacemaker --within 2y
    echosearch changed --worse mr --within 1y --since 2020-01
    echosearch changed --falls EF --within 1年 --json
    """
    given = [(option, name) for option, name in asked.items() if name is not None]
    if len(given) != 1:
        raise click.UsageError(f"give one of {', '.join(f'--{option}' for option in KINDS)}")
    option, name = given[0]
    settings = load_settings()
    change = asked_change(KINDS[option], name, within, load_lexicon(settings.lexicon))
    month = None if since is None else month_since(since)
    with open_archive(settings) as archive:
        found = find_changed(archive, change, since=month, top_k=top_k, names=identified)
        if identified:
            audited(archive, "changed", (study for pair in found.pairs for study in (pair.earlier, pair.later)))
    if as_json:
        say_json(changed_json(found))
        return
    _show(found, identified)


def _show(found: ChangedPairs, names: bool) -> None:
    for warning in found.warnings:
        note(warning)
    note(f"{found.words}: {found.compared} pairs compared; z and percentile: {found.scale.pairs} {found.scale.of}")
    if not found.pairs:
        say("no pair of studies fits the conditions")
        return
    columns = (
        "rank",
        "z",
        "percentile",
        "change",
        "earlier",
        "later",
        "from",
        "to",
        "months",
        "before",
        "now",
        "reports",
    )
    rows: list[tuple[Any, ...]] = [
        (
            pair.rank,
            None if pair.z is None else f"{pair.z:+.1f}",
            None if pair.percentile is None else f"{pair.percentile:.3f}",
            f"{pair.change:+.2f}",
            *(short_key(pair.earlier), short_key(pair.later), pair.earlier_date, pair.later_date, pair.months),
            *(told_words(pair.before), told_words(pair.now), pair.verdict),
            *(
                (pair.identified[1].patient_id if pair.identified and pair.identified[1] else None, pair.days)
                if names
                else ()
            ),
        )
        for pair in found.pairs
    ]
    table(
        (*columns, *(("patient_id", "days") if names else ())),
        rows,
        right=("rank", "z", "percentile", "change", "months", "days"),
    )
