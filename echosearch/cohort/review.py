"""Reviews of a cohort: a sample to read, answers recorded for good, and what they say of the cohort and its readers."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby, islice
from pathlib import Path
from typing import Any, get_args

from echosearch.archive import Archive
from echosearch.cohort.agreement import Agreement, Share, agreement, wilson
from echosearch.cohort.definition import Definition
from echosearch.cohort.export import cohort_members
from echosearch.cohort.store import parse_reference
from echosearch.cohort.table import Column, check_out, write_table
from echosearch.cohort.toml import criterion_table
from echosearch.db import Connection
from echosearch.db.cohorts.reviews import (
    ANSWERS,
    Answer,
    ReviewRow,
    known_studies,
    last_answers,
    put_reviews,
    unreviewed,
)
from echosearch.db.cohorts.rows import members_after
from echosearch.db.lookup import resolve_study
from echosearch.db.studies.facts import facts_of
from echosearch.errors import InputError
from echosearch.report.facts import Fact

__all__ = [
    "ReviewReport",
    "ReviewSample",
    "check_answer",
    "check_reader",
    "export_reviews",
    "record",
    "record_sampled",
    "review_report",
    "sample",
    "topic_of",
]

MOST_REASON, MOST_READER = 500, 64  # characters
COLUMNS = (
    Column("study", "text", None, "pseudonymous key of the study"),
    Column("reader", "text", None, "who answered"),
    Column("answer", "text", None, "accept, reject or unsure: the reader's last"),
    Column("at", "text", "ISO 8601", "when"),
    Column("question", "text", None, "what was asked: the criteria as JSON"),
)


@dataclass(frozen=True)
class ReviewSample:
    """Members that a reader has not answered yet, with what their reports say, and what is asked about them."""

    topic: str
    question: str
    studies: tuple[str, ...]
    facts: dict[str, list[Fact]]
    of_none: bool  # the cohort has no members


@dataclass(frozen=True)
class ReviewReport:
    """What was answered about a cohort."""

    cohort: str
    studies: int  # with an answer or more
    readers: dict[str, dict[str, int]]  # reader -> answer -> studies
    precision: Share  # of studies that all their readers who were sure accepted, or all rejected: the accepted ones
    disputed: int  # accepted by one and rejected by another
    unsure: int  # no reader was sure
    agreements: tuple[Agreement, ...]  # of each two readers


def question_json(definition: Definition) -> str:
    """Return what a definition asks, as one line: the same for the same criteria, whatever the cohort is called."""
    return json.dumps([criterion_table(one) for one in definition.criteria], ensure_ascii=False, sort_keys=True)


def sample(
    archive: Archive, connection: Connection, reference: str, reader: str, size: int, seed: int = 0
) -> ReviewSample:
    """Draw ``size`` members that ``reader`` has not answered. Raises InputError, and what run_definition does."""
    check_reader(reader)
    definition, members, _ = cohort_members(archive, connection, reference)
    topic = topic_of(reference)
    studies = unreviewed(connection, members, topic, reader, seed, size)
    of_none = not studies and not members_after(connection, members, None, 1)
    return ReviewSample(topic, question_json(definition), tuple(studies), facts_of(connection, studies), of_none)


def record(archive: Archive, connection: Connection, reference: str, rows: Sequence[ReviewRow]) -> int:
    """Add answers about members; a study may be named by whatever resolve_study knows. Return how many.

    Raises InputError on an answer that is none, or a study that is no member; UnknownStudy.
    """
    definition, members, named = cohort_members(archive, connection, reference)
    made = [
        ReviewRow(
            resolve_study(connection, row.study, archive.viewer).study, row.reader, row.answer, row.reason.strip()
        )
        for row in rows
    ]
    for row in made:
        check_reader(row.reader)
        check_answer(row.answer, row.reason)
    inside = known_studies(connection, members, [row.study for row in made])
    outside = [row.study for row in made if row.study not in inside]
    if outside:
        raise InputError(f"study {outside[0][:8]} is no member of the cohort {named}; {len(outside)} such in all")
    put_reviews(connection, topic_of(reference), question_json(definition), made)
    return len(made)


def record_sampled(connection: Connection, drawn: ReviewSample, row: ReviewRow) -> None:
    """Add one answer about a study of a sample. Raises InputError."""
    check_answer(row.answer, row.reason)
    put_reviews(connection, drawn.topic, drawn.question, [row])


def review_report(connection: Connection, reference: str) -> ReviewReport:
    """Count what readers answered, last answers only."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    pairs: defaultdict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    tally: Counter[str] = Counter()
    for _, group in groupby(last_answers(connection, topic_of(reference)), lambda row: row.study):
        answers = {row.reader: str(row.answer) for row in group}
        for reader, answer in answers.items():
            counts[reader][answer] += 1
        for one, other in combinations(sorted(answers), 2):
            pairs[one, other].append((answers[one], answers[other]))
        sure = {*answers.values()} - {"unsure"}
        tally["unsure" if not sure else "disputed" if len(sure) > 1 else sure.pop()] += 1
    return ReviewReport(
        parse_reference(reference)[0],
        tally.total(),
        {reader: {answer: counts[reader][answer] for answer in ANSWERS} for reader in sorted(counts)},
        wilson(tally["accept"], tally["accept"] + tally["reject"]),
        tally["disputed"],
        tally["unsure"],
        tuple(agreement(one, other, pairs[one, other]) for one, other in combinations(sorted(counts), 2)),
    )


def export_reviews(connection: Connection, reference: str, file: Path) -> int:
    """Write the last answers as evaluation data, without reasons, which may name a patient; return how many."""
    check_out(file)
    return write_table(file, COLUMNS, _pages(connection, topic_of(reference)))


def _pages(connection: Connection, topic: str) -> Iterator[list[dict[str, Any]]]:
    rows = last_answers(connection, topic)
    while page := [*islice(rows, 1000)]:
        yield [
            {
                "study": row.study,
                "reader": row.reader,
                "answer": row.answer,
                "at": row.at.isoformat() if row.at else None,
                "question": row.question,
            }
            for row in page
        ]


def topic_of(reference: str) -> str:
    """Return what answers about a cohort are kept under: its name, whatever the snapshot."""
    return f"cohort/{parse_reference(reference)[0]}"


def check_reader(reader: str) -> None:
    """Raise InputError on a name of a reader that is empty or long."""
    if not reader.strip() or len(reader) > MOST_READER:
        raise InputError(f"--reader: give a name of 1 to {MOST_READER} characters")


def check_answer(answer: str, reason: str) -> None:
    """Raise InputError on an answer that is none, or a reason that is too long."""
    if answer not in get_args(Answer):
        raise InputError(f"answer {answer[:20]!r}: it is one of {', '.join(ANSWERS)}")
    if len(reason) > MOST_REASON:
        raise InputError(f"a reason of {len(reason)} characters: at most {MOST_REASON} are kept")
