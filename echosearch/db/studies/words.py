"""Words of reports in PostgreSQL: its text search (tsvector, GIN) over words that MeCab made, and their counts.

A denied word (浮腫 of 浮腫なし) has weight A, any other D. All of it is in the phi schema: words of a report may name
its patient. ``phi.word`` counts reports by word as they come and go, so that no search counts them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, text

from echosearch.encoder.text.report_words import ReportWord, Term
from echosearch.report.text import WORD_FORM

__all__ = [
    "StudyWords",
    "holding",
    "is_in_a_report",
    "may_read_words",
    "put_words",
    "served_reports",
    "word_counts",
    "words_of",
]

_MOST_PLACES = 200  # of one word in one report; PostgreSQL keeps 255
_LAST_PLACE = 16_383  # a tsvector counts no further


@dataclass(frozen=True)
class StudyWords:
    """Some words of a study's report, by form."""

    length: int  # how many words of the report tell something
    places: Mapping[str, tuple[tuple[int, bool], ...]] = field(repr=False)  # (place, denied)


def put_words(connection: Connection, read: Sequence[tuple[str, Sequence[ReportWord]]]) -> None:
    """Store the words of these studies' reports, whose facts put_facts has just stored."""
    given = {
        "keys": [study for study, _ in read],
        "words": [_vector(words) for _, words in read],
        "length": [sum(word.tells for word in words) for _, words in read],
    }
    connection.execute(
        text(
            "insert into phi.report_words (study_key, words, length) select s, cast(w as tsvector), n from"
            " unnest(cast(:keys as uuid[]), cast(:words as text[]), cast(:length as bigint[])) as d(s, w, n)"
        ),
        given,
    )
    connection.execute(
        text("update core.fact_reading set word_form = :form where study_key = any(cast(:keys as uuid[]))"),
        {"keys": given["keys"], "form": WORD_FORM},
    )


def _vector(words: Sequence[ReportWord]) -> str:
    """Words as a tsvector is written: '呼吸':1 '浮腫':6A."""
    places: dict[str, list[str]] = {}
    for word in words:
        if word.place <= _LAST_PLACE and len(kept := places.setdefault(word.form, [])) < _MOST_PLACES:
            kept.append(f"{word.place}{'A' if word.denied else ''}")
    return " ".join(f"{_quoted(form)}:{','.join(where)}" for form, where in places.items() if where)


def _quoted(word: str) -> str:
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"


def may_read_words(connection: Connection) -> bool:
    """Return whether this role may read the words of reports."""
    return bool(
        connection.scalar(
            text(
                "select case when has_schema_privilege('phi', 'usage')"
                " then has_table_privilege('phi.report_words', 'select') and has_table_privilege('phi.word', 'select')"
                " else false end"
            )
        )
    )


def word_counts(connection: Connection, words: Sequence[str]) -> tuple[dict[str, int], int]:
    """Count the reports that have each of these words, and those that have words."""
    rows = connection.execute(
        text("select word, reports from phi.word where word = any(cast(:words as text[]))"), {"words": ["", *words]}
    )
    found = {row.word: int(row.reports) for row in rows}
    every = found.pop("", 0)
    return found, every


def holding(terms: Sequence[Term], every: bool) -> tuple[str, dict[str, object]]:
    """Return a condition on core.study (alias ``s``) and its parameter: its report has all, or any, of these terms."""
    asked = (" & " if every else " | ").join(_asked(term) for term in terms)
    condition = (
        "s.study_key in (select w.study_key from phi.report_words w where w.words @@ cast(:asked_words as tsquery))"
    )
    return condition, {"asked_words": asked}


def _asked(term: Term) -> str:
    """A term as a tsquery is written: its words in their order, each within its span of the one before."""
    weight = "A" if term.denied else "D"
    first, *others = [f"{_quoted(word)}:{weight}" for word in term.words]
    for word in others:
        first = "(" + " | ".join(f"({first} <{step}> {word})" for step in range(1, term.span + 1)) + ")"
    return first


def is_in_a_report(connection: Connection, term: Term) -> bool:
    """Return whether any report has this term."""
    return bool(
        connection.scalar(
            text("select exists (select from phi.report_words where words @@ cast(:asked as tsquery))"),
            {"asked": _asked(term)},
        )
    )


def words_of(connection: Connection, studies: Sequence[str], words: Sequence[str]) -> dict[str, StudyWords]:
    """Find these words in the reports of these studies, by study; studies whose report has none are left out."""
    rows = connection.execute(
        text(
            "select cast(r.study_key as text) as study, r.length, u.lexeme, u.positions, u.weights"
            " from phi.report_words r, unnest(r.words) u"
            " where r.study_key = any(cast(:keys as uuid[])) and u.lexeme = any(cast(:words as text[]))"
        ),
        {"keys": list(studies), "words": list(words)},
    )
    lengths: dict[str, int] = {}
    places: dict[str, dict[str, tuple[tuple[int, bool], ...]]] = {}
    for row in rows:
        lengths[row.study] = row.length
        said = zip(row.positions, row.weights, strict=True)
        places.setdefault(row.study, {})[row.lexeme] = tuple((place, weight == "A") for place, weight in said)
    return {study: StudyWords(lengths[study], found) for study, found in places.items()}


def served_reports(connection: Connection, studies: Sequence[str]) -> dict[str, str]:
    """Return the report that the words of each of these studies were read from, by study."""
    rows = connection.execute(
        text(
            "select cast(study_key as text) as study, cast(report_key as text) as report from core.fact_reading"
            " where study_key = any(cast(:keys as uuid[]))"
        ),
        {"keys": list(studies)},
    )
    return {row.study: row.report for row in rows}
