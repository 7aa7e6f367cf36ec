"""echosearch cohort review: answers of readers about members."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from echosearch.archive import Archive, open_archive
from echosearch.cli.audited import audited
from echosearch.cli.output import counted, note, say, say_json, table
from echosearch.cli.path_type import as_path
from echosearch.cohort.agreement import Share
from echosearch.cohort.review import (
    ReviewReport,
    export_reviews,
    record,
    record_sampled,
    review_report,
    sample,
)
from echosearch.cohort.run import reading
from echosearch.cohort.verdicts import read_verdicts
from echosearch.db.cohorts.reviews import ANSWERS, Answer, ReviewRow
from echosearch.db.studies.identified import identified
from echosearch.report.encoding import ENCODINGS
from echosearch.report.facts import fact_words, load_lexicon
from echosearch.settings import load_settings

__all__ = ["review"]

KEYS: dict[str, Answer] = {"a": "accept", "r": "reject", "u": "unsure"}


@click.command(short_help="Record what readers say of the members.")
@click.argument("name", metavar="NAME[@NUMBER]")
@click.option("--reader", metavar="WHO", help="Who answers.")
@click.option("--sample", "size", type=click.IntRange(1, 100_000), metavar="N", help="Ask about N members, one by one.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Of the sample.")
@click.option(
    "--identified", "named", is_flag=True, help="Show accession number and patient id of each study asked for."
)
@click.option("--in", "file", type=as_path, metavar="CSV", help="Record a table: study, answer, reason, reader.")
@click.option("--encoding", type=click.Choice(ENCODINGS), help="Of the CSV, where it cannot be found out.")
@click.option("--record", "single", nargs=2, metavar="STUDY ANSWER", help="Record one: accept, reject or unsure.")
@click.option("--reason", default="", help="Of --record.")
@click.option("--report", "is_report", is_flag=True, help="Agreement of the readers, and the cohort's precision.")
@click.option("--out", type=as_path, metavar="FILE", help="Write the last answers to a .csv or .parquet file.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def review(
    name: str,
    reader: str | None,
    size: int | None,
    seed: int,
    named: bool,
    file: Path | None,
    encoding: str | None,
    single: tuple[str, str] | None,
    reason: str,
    is_report: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    """Record what readers answer about members of the cohort NAME: accept, reject or unsure, with a reason.

    With --sample each study is shown with what its report states, and a key answers; q stops, and a later call goes on.
    Every reader gets the same order. Answers are added, never changed; a reader's last answer about a study counts.

    \b
    echosearch cohort review severe-mr --sample 50 --reader sato
    echosearch cohort review severe-mr --in verdicts.csv --reader suzuki
    echosearch cohort review severe-mr --record 3fa9c1d2 reject --reason "functional MR" --reader sato
    echosearch cohort review severe-mr --report --out verdicts.parquet
    """
    ways = [size is not None, file is not None, single is not None, is_report or out is not None]
    if sum(ways) != 1:
        raise click.UsageError("give one of --sample N, --in CSV, --record STUDY ANSWER and --report")
    if reader is None and (size is not None or single is not None):
        raise click.UsageError("--reader WHO says who answers")
    if reason and single is None:
        raise click.UsageError("--reason goes with --record")
    if encoding is not None and file is None:
        raise click.UsageError("--encoding goes with --in")
    if as_json and size is not None:
        raise click.UsageError("--sample asks a person: not with --json")
    with open_archive(load_settings()) as archive:
        if size is not None:
            _ask(archive, name, reader or "", size, seed, named)
            return
        with reading(archive) as connection:
            if is_report or out is not None:
                found = review_report(connection, name)
                if out is not None:
                    note(f"{counted(export_reviews(connection, name, out), 'answer')} in {out}")
                say_json(asdict(found)) if as_json else _say(found)
                return
            rows = _one(single, reader, reason) if file is None else list(read_verdicts(file, reader, encoding))
            count = record(archive, connection, name, rows)
    if as_json:
        say_json({"cohort": name, "recorded": count})
    else:
        say(f"{counted(count, 'answer')} recorded")


def _one(single: tuple[str, str] | None, reader: str | None, reason: str) -> list[ReviewRow]:
    study, answer = single or ("", "")
    return [ReviewRow(study, reader or "", _as_answer(answer), reason)]


def _as_answer(given: str) -> Answer:
    answer = next((one for one in ANSWERS if one == given.lower()), None)
    if answer is None:
        raise click.UsageError(f"--record STUDY ANSWER: {given[:20]!r} is none of {', '.join(ANSWERS)}")
    return answer


def _ask(archive: Archive, name: str, reader: str, size: int, seed: int, named: bool) -> None:
    """Show one study after another and record each answer at once, so that stopping loses none."""
    lexicon = load_lexicon(archive.settings.lexicon)
    with reading(archive) as connection:
        drawn = sample(archive, connection, name, reader, size, seed)
        names = identified(connection, list(drawn.studies)) if named else {}
    if named:
        audited(archive, "cohort review", drawn.studies)
    if drawn.of_none:
        say(f"cohort {name} has no members: nothing to review")
        return
    if not drawn.studies:
        say(f"{reader} has answered every member of {name}")
        return
    for place, study in enumerate(drawn.studies, 1):
        say(f"{place} of {len(drawn.studies)}: study {study}", bold=True)
        if study in names:
            say(f"  accession number {names[study].accession_number}, patient id {names[study].patient_id}")
        for fact in drawn.facts.get(study, []):
            say("  " + " ".join(word for word in fact_words(fact, lexicon) if word))
        key = click.prompt("accept, reject, unsure or quit", type=click.Choice([*KEYS, "q"]), err=True)
        if key == "q":
            note("stopped: the same command goes on from here")
            return
        why = click.prompt("reason", default="", show_default=False, err=True)
        with reading(archive) as connection:
            record_sampled(connection, drawn, ReviewRow(study, reader, KEYS[key], why))
    say(f"{counted(len(drawn.studies), 'answer')} recorded")


def _say(found: ReviewReport) -> None:
    say(f"{counted(found.studies, 'study', 'studies')} reviewed: precision {_share(found.precision)}")
    say(f"{found.disputed} disputed (accepted and rejected), {found.unsure} of which no reader was sure")
    rows: list[tuple[Any, ...]] = [
        (who, *(counts[answer] for answer in ANSWERS)) for who, counts in found.readers.items()
    ]
    if rows:
        table(("reader", *ANSWERS), rows, right=ANSWERS)
    for one in found.agreements:
        kappa = "not defined" if one.kappa is None else f"{one.kappa:.2f} ({one.low:.2f} to {one.high:.2f})"
        say(f"{one.one} and {one.other}: {one.agreed} of {one.studies} alike, Cohen's kappa {kappa}")


def _share(share: Share) -> str:
    if share.share is None:
        return "not known: no study is accepted or rejected"
    return f"{share.share:.3f} ({share.low:.3f} to {share.high:.3f}), {share.count} of {share.of}"
