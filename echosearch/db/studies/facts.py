"""Facts of reports in the database: which served reports are due to be read, and what was read of them.

A study has the facts of its served report, read by one version of the lexicon, and its words (words.py). A new report,
a new lexicon or another WORD_FORM makes it due again; a report that is no longer served takes both along.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Connection, text

from echosearch.db.server.statement import statement
from echosearch.db.studies.served import SERVED
from echosearch.db.studies.visits import unsettle
from echosearch.report.facts import Fact, refers_back
from echosearch.report.facts.walls import MOTION, without_wall
from echosearch.report.text import WORD_FORM

__all__ = [
    "DueReport",
    "due_reports",
    "facts_of",
    "insert_facts",
    "is_behind",
    "put_facts",
    "served_texts",
    "texts_of",
    "withdraw_facts",
]


@dataclass(frozen=True)
class DueReport:
    """A served report that the lexicon in use has not read."""

    study_key: str
    report_key: str
    text: str = field(repr=False)


_FIRST_READ, _LAST_READ = (
    f"(select lexicon, word_form from core.fact_reading order by lexicon {way}, word_form {way} limit 1)"
    for way in ("asc", "desc")
)
_BEHIND = f"(lexicon <> :lexicon or word_form <> {WORD_FORM})"
_DUE = f"""
    from ({SERVED}) served join core.report r on r.report_key = served.report_key
    left join core.fact_reading f on f.study_key = r.study_key
    where (f.study_key is null or f.report_key <> r.report_key or {_BEHIND})"""


def due_reports(connection: Connection, lexicon: str, after: str | None, limit: int) -> list[DueReport]:
    """Return the next ``limit`` served reports after ``after`` by study key that are to be read again.

    Study by study, so that a batch does not cost a look at all reports.
    """
    rows = connection.execute(
        text(
            "select cast(r.study_key as text) as study, cast(r.report_key as text) as report, p.text"
            " from (select s.study_key, r.report_key from core.study s cross join lateral (select report_key"
            " from core.report where study_key = s.study_key order by seq desc limit 1) r"
            " left join core.fact_reading f on f.study_key = s.study_key where not s.conflict"
            " and s.study_key > cast(:after as uuid)"
            f" and (f.study_key is null or f.report_key <> r.report_key or {_BEHIND})"
            " order by s.study_key limit :limit) r"
            " join phi.report p on p.report_key = r.report_key order by r.study_key"
        ),
        {"lexicon": lexicon, "after": after or str(UUID(int=0)), "limit": limit},
    )
    return [DueReport(row.study, row.report, row.text) for row in rows]


def is_behind(connection: Connection, lexicon: str) -> bool:
    """Return whether linked reports wait for an ingest to be read for facts: none were, or by another lexicon."""
    return bool(
        connection.execute(
            statement(
                # both ends of the index: to "<" and ">" of any lexicon the planner answers with a scan of all readings
                f"select exists (select from ({_FIRST_READ} union all {_LAST_READ}) ends where {_BEHIND}) or"
                " not exists (select from core.fact_reading)"
                " and exists (select from core.report where study_key is not null)"
            ),
            {"lexicon": lexicon},
        ).scalar_one()
    )


def put_facts(connection: Connection, lexicon: str, read: Sequence[tuple[DueReport, Sequence[Fact]]]) -> None:
    """Store what was read of these reports, in place of what was read of their studies before; put_words comes next."""
    if not read:
        return
    keys = {"keys": [due.study_key for due, _ in read]}
    # before their readings, and in one statement: a trigger counts the words of each
    connection.execute(text("delete from phi.report_words where study_key = any(cast(:keys as uuid[]))"), keys)
    connection.execute(text("delete from core.fact_reading where study_key = any(cast(:keys as uuid[]))"), keys)
    connection.execute(
        text(
            "insert into core.fact_reading (study_key, report_key, lexicon, refers_back)"
            " select s, r, :lexicon, b"
            " from unnest(cast(:keys as uuid[]), cast(:reports as uuid[]), cast(:back as boolean[])) as d(s, r, b)"
        ),
        {
            **keys,
            "reports": [due.report_key for due, _ in read],
            "lexicon": lexicon,
            "back": [refers_back(due.text) for due, _ in read],
        },
    )
    unsettle(connection, keys["keys"])
    insert_facts(
        connection, [(due.study_key, place, fact, None) for due, facts in read for place, fact in enumerate(facts)]
    )


def insert_facts(connection: Connection, rows: Sequence[tuple[str, int, Fact, str | None]]) -> None:
    """Store facts: the study, the place among its facts, the fact, and the study that it is inherited from."""
    if not rows:
        return
    grades = [fact.severity or (None, None) for _, _, fact, _ in rows]
    connection.execute(
        text(
            "insert into core.fact (study_key, place, concept, polarity, severity_lo, severity_hi, value, value_hi,"
            " unit, start, stop, rule, inherited_from, walls)"
            " select study, place, concept, polarity, lo, hi, value, value_hi, unit, start, stop, rule, origin,"
            " string_to_array(walls, ' ')"
            " from unnest(cast(:study as uuid[]), cast(:place as smallint[]), cast(:concept as text[]),"
            " cast(:polarity as text[]), cast(:lo as smallint[]), cast(:hi as smallint[]), cast(:value as float8[]),"
            " cast(:value_hi as float8[]), cast(:unit as text[]), cast(:start as bigint[]), cast(:stop as bigint[]),"
            " cast(:rule as text[]), cast(:origin as uuid[]), cast(:walls as text[])) as made (study, place, concept,"
            " polarity, lo, hi, value, value_hi, unit, start, stop, rule, origin, walls)"
        ),
        {
            "study": [study for study, _, _, _ in rows],
            "place": [place for _, place, _, _ in rows],
            "concept": [fact.concept for _, _, fact, _ in rows],
            "polarity": [fact.polarity for _, _, fact, _ in rows],
            "lo": [lo for lo, _ in grades],
            "hi": [hi for _, hi in grades],
            "value": [fact.value for _, _, fact, _ in rows],
            "value_hi": [fact.value_hi for _, _, fact, _ in rows],
            "unit": [fact.unit for _, _, fact, _ in rows],
            "start": [fact.start for _, _, fact, _ in rows],
            "stop": [fact.end for _, _, fact, _ in rows],
            "rule": [fact.rule for _, _, fact, _ in rows],
            "origin": [origin for _, _, _, origin in rows],
            # as text: unnest would flatten arrays of arrays
            "walls": [" ".join(fact.walls) if fact.concept in MOTION else None for _, _, fact, _ in rows],
        },
    )


def withdraw_facts(connection: Connection) -> int:
    """Remove the facts and words of reports that are no longer served; how many studies lost theirs."""
    gone = connection.scalars(
        text(
            "select cast(f.study_key as text) from core.fact_reading f where not exists"
            f" (select from ({SERVED}) served where served.report_key = f.report_key)"
            " or not exists (select from core.report r where r.report_key = f.report_key and r.study_key = f.study_key)"
        )
    ).all()
    for table in ("phi.report_words", "core.fact_reading") if gone else ():
        connection.execute(
            text(f"delete from {table} where study_key = any(cast(:keys as uuid[]))"), {"keys": list(gone)}
        )
    unsettle(connection, list(gone))
    return len(gone)


def facts_of(
    connection: Connection, studies: Sequence[str], concepts: Collection[str] | None = None
) -> dict[str, list[Fact]]:
    """Return the facts of these studies, of some concepts or of all: each study's own in the order of its report, then
    those that it inherits. A concept may be of one wall (akinesis.inferior)."""
    about = "" if concepts is None else " and concept = any(cast(:concepts as text[]))"
    rows = connection.execute(
        statement(
            "select cast(study_key as text) as study, concept, polarity, severity_lo, severity_hi, value, value_hi,"
            " unit, start, stop, rule, inherited_from is not null as inherited, walls from core.fact"
            f" where study_key = any(cast(:keys as uuid[])){about}"
            " order by study_key, place"
        ),
        {"keys": list(studies)}
        | ({} if concepts is None else {"concepts": sorted({without_wall(one)[0] for one in concepts})}),
    )
    found: dict[str, list[Fact]] = {}
    for row in rows:
        severity = None if row.severity_lo is None else (row.severity_lo, row.severity_hi)
        values = (
            row.value,
            row.value_hi,
            row.unit,
            row.start,
            row.stop,
            row.rule,
            row.inherited,
            tuple(row.walls or ()),
        )
        found.setdefault(row.study, []).append(Fact(row.concept, row.polarity, severity, *values))
    return found


def texts_of(connection: Connection, studies: Sequence[str]) -> dict[str, str]:
    """Return the text of the report that each of these studies' facts were read from, by study key."""
    rows = connection.execute(
        text(
            "select cast(f.study_key as text) as study, p.text from core.fact_reading f"
            " join phi.report p using (report_key) where f.study_key = any(cast(:studies as uuid[]))"
        ),
        {"studies": list(studies)},
    )
    return {row.study: row.text for row in rows}


def served_texts(connection: Connection, batch: int = 1000) -> Iterator[str]:
    """Yield every served report's text once, in the order of keys, ``batch`` at a time."""
    after: str | None = None
    while True:
        rows = connection.execute(
            text(
                f"select cast(p.report_key as text) as key, p.text from ({SERVED}) served"
                " join phi.report p using (report_key)"
                " where cast(:after as uuid) is null or p.report_key > cast(:after as uuid)"
                " order by p.report_key limit :limit"
            ),
            {"after": after, "limit": batch},
        ).all()
        if not rows:
            return
        yield from (row.text for row in rows)
        after = rows[-1].key
