"""Bit strings of studies against the rows that they are made of: the same answers, stale or not, whatever changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, text

from echosearch.db.found_rows import study_keys
from echosearch.db.questions import study_bits
from echosearch.db.questions.fact_conditions import BROADER, NARROWER, Condition, Verdict, unmentioned, verdicts
from echosearch.db.questions.study_bits import Answer, answer, fold, newest_stated, numbers_meeting
from echosearch.filters import And, Comparison, Not, Or, Where
from echosearch.report.facts import AnyOf, ChangeCondition, ChangeKind, FindingCondition, ValueCondition
from echosearch.report.facts.walls import MOTION
from tests.conftest import empty_tables

STUDIES = 300
CONCEPTS = ("mr", "tr", "rwma", "akinesis", "valve_disease", "lv_dilation")
OF_WALLS = ("rwma.inferior", "akinesis.inferior", "akinesis.RCA", "rwma.septum", "hypokinesis.LCX")
NAMED = ("inferior", "inferoseptal", "septum", "lateral", "RCA")  # by reports
KINDS: tuple[ChangeKind, ...] = ("worse", "better", "new", "gone")
VALUE_KINDS: tuple[ChangeKind, ...] = ("falls", "rises")
VALUES = (39.999, 40.0, 40.001, 9.87, 9.876, 0.0, 1234.0, 1230.0, 55.5, -18.24)


def key(number: int) -> str:
    return str(UUID(int=number * 7919 + 1))


INSERTS = {
    "patient": "insert into core.patient (patient_key) values (:patient)",
    "study": "insert into core.study (study_key, patient_key, month, age, sex, visit)"
    " values (:study, :patient, :month, :age, :sex, :visit)",
    "report": "insert into core.report (report_key, study_key) values (:report, :study)",
    "reading": "insert into core.fact_reading (study_key, report_key, lexicon) values (:study, :report, 'l')",
    "file": "insert into core.source_file (path_key, size, mtime_ns) values (:study, 1, 1)",
    "finding": "insert into core.fact (study_key, place, concept, polarity, severity_lo, severity_hi,"
    " start, stop, rule, inherited_from, walls)"
    " values (:study, :place, :concept, :polarity, :lo, :hi, 0, 1, '', :origin, :walls)",
    "value": "insert into core.fact (study_key, place, concept, polarity, value, value_hi, start, stop, rule)"
    " values (:study, 9, 'lvef', 'present', :low, :high, 0, 1, '')",
    "measured": "insert into core.sr_value (file_id, concept, study_key, value, unit, trusted)"
    " values (:file, 'lvef', :study, :value, '%', :trusted)",
}


@pytest.fixture
def archive(database: Engine) -> Iterator[Connection]:
    """A few hundred studies, three a patient, with facts and measurements at random, all in the index of encoder 1."""
    empty_tables(database)
    with database.connect() as connection:
        connection.execute(
            text(
                "insert into core.encoder (fingerprint, name, version, dimension, licence, provenance, trained)"
                " values ('a', 'a', '1', 8, '', '', true), ('b', 'b', '1', 8, '', '', true)"
            )
        )
        for name, rows in rows_at_random(Random(5)).items():
            connection.execute(text(INSERTS[name]), rows)
        connection.execute(
            text(
                "insert into core.study_embedding (encoder_id, study_key, vector, n_videos, gated)"
                " select 1, study_key, '', 1, true from core.study"
            )
        )
        # one in ten is in conflict, or not in the index yet
        connection.execute(
            text("update core.study set conflict = true where ascii(right(study_key::text, 1)) % 16 = 1")
        )
        connection.execute(
            text("update core.study_embedding set indexed_gen = 1 where ascii(right(study_key::text, 1)) % 16 <> 2")
        )
        connection.execute(
            text("analyze core.study, core.fact, core.sr_value, core.study_embedding")
        )  # unknown sizes may be joined row by row
        connection.commit()
        yield connection


def rows_at_random(chance: Random) -> dict[str, list[dict[str, object]]]:
    """What each statement of INSERTS inserts."""
    rows: dict[str, list[dict[str, object]]] = {name: [] for name in INSERTS}
    for number in range(STUDIES):
        given: dict[str, object] = {
            "study": key(number),
            "patient": key(9000 + number // 3),
            "visit": number % 3 + 1,
            "report": key(number + 5000),
            "file": number + 1,
        }
        given |= {"month": chance.choice((None, 202001, 202002, 202107)), "age": chance.choice((None, 30, 65, 90))}
        given |= {"sex": chance.choice((None, "F", "M"))}
        if number % 3 == 0:
            rows["patient"].append(given)
        for name in ("study", "report", "reading", "file"):
            rows[name].append(given)
        for place, concept in enumerate(chance.sample(CONCEPTS, 3)):
            polarity = chance.choice(("present", "present", "absent", "not_significant", "uncertain"))
            grade = chance.choice((None, (0, 1), (2, 2), (3, 4))) if polarity == "present" else None
            said = {"place": place, "concept": concept, "polarity": polarity}
            said |= {"lo": grade and grade[0], "hi": grade and grade[1]}
            walls = chance.sample(NAMED, chance.randrange(3)) if concept in MOTION else []
            said |= {"walls": chance.choice((walls, walls, None)) if concept in MOTION else None}
            rows["finding"].append(given | said | {"origin": chance.choice((None, None, given["study"]))})
        low = chance.choice(VALUES)
        rows["value"].append(given | {"low": low, "high": chance.choice((None, low + 1))})
        if chance.random() < 0.3:
            measured = {"value": chance.choice(VALUES), "trusted": chance.random() < 0.7}
            rows["measured"].append(given | measured)
    return rows


def told(said: Answer, numbers: Mapping[str, int]) -> dict[str, Verdict]:
    """The verdict on each study, given with its number."""
    stated, denied = said.said(np.array([*numbers.values()], dtype=np.int64))
    named: dict[str, Verdict] = {}
    for key, is_stated, is_denied in zip(numbers, stated, denied, strict=True):
        assert not (is_stated and is_denied)
        named[key] = "stated" if is_stated else "denied" if is_denied else "silent"
    return named


def conditions(chance: Random) -> tuple[list[Condition], list[Condition]]:
    def one() -> Condition:
        match chance.randrange(8):
            case 0:
                return FindingCondition(chance.choice(CONCEPTS + OF_WALLS), "present", None)
            case 1:
                return FindingCondition(
                    chance.choice(CONCEPTS + OF_WALLS), "present", chance.choice(((0, 1), (2, 4), (3, 3)))
                )
            case 2:
                return FindingCondition(chance.choice(CONCEPTS + OF_WALLS), "absent", None)
            case 3:
                value = chance.choice((40.0, 9.87, 1230.0, 0.0, -18.2, 40.0005))
                op = chance.choice(("<", "<=", ">", ">=", "=", "!="))
                return ValueCondition("lvef", op, value, None, "%")
            case 4:
                within = chance.choice((None, 12))
                return ChangeCondition(chance.choice(CONCEPTS), chance.choice(KINDS), None, None, within)
            case 5:
                within, amount = chance.choice((None, 12)), chance.choice((None, 15.5))
                return ChangeCondition("lvef", chance.choice(VALUE_KINDS), amount, "%", within)
            case 6:
                return ValueCondition("lvef", "between", 30.0, 55.5, "%")
            case _:
                return AnyOf((FindingCondition("mr", "present", None), FindingCondition("tr", "present", (2, 4))))

    return [one() for _ in range(chance.randint(1, 3))], [one() for _ in range(chance.randint(0, 1))]


WHERE: tuple[Where | None, ...] = (
    None,
    Comparison("sex", "=", "F"),
    Not(Comparison("age", ">=", 65)),
    And((Comparison("month", ">=", 202002), Comparison("sex", "in", ("M", "O")))),
    Or((Comparison("age", "<", 40), Comparison("month", "=", 202001))),
)


def check(connection: Connection, seed: int, questions: int = 25) -> None:
    """Every verdict, and the count under each condition, as the rows give them."""
    chance = Random(seed)
    studies = connection.execute(
        text(
            "select cast(s.study_key as text) as key, s.number, s.sex, s.age, s.month from core.study s"
            " join core.study_embedding e using (study_key)"
            " where e.encoder_id = 1 and e.indexed_gen is not null and not s.conflict"
        )
    ).all()
    assert len(studies) > 50
    for _ in range(questions):
        required, excluded = conditions(chance)
        where = chance.choice(WHERE)
        said = answer(connection, 1, required, excluded, where)
        rows = verdicts(connection, required, excluded, [study.key for study in studies])
        assert told(said, {study.key: study.number for study in studies}) == rows, (required, excluded)
        wanted = {study.key for study in studies if rows[study.key] == "stated" and meets(study, where)}
        assert said.total == len(wanted), (required, excluded, where)
        assert set(study_keys(connection, newest_stated(connection, said, STUDIES))) == wanted


def meets(study: object, where: Where | None) -> bool:
    match where:
        case None:
            return True
        case Not(part):
            return not meets(study, part)
        case And(parts):
            return all(meets(study, part) for part in parts)
        case Or(parts):
            return any(meets(study, part) for part in parts)
        case Comparison(field, op, value):
            wanted: Any = value
            own = getattr(study, field)
            if own is None:
                return False
            match op:
                case "=":
                    return bool(own == wanted)
                case "in":
                    return own in wanted
                case ">=":
                    return bool(own >= wanted)
            return bool(own < wanted)


def test_the_answer_is_that_of_the_rows_before_and_after_folding(archive: Connection) -> None:
    check(archive, 1)  # everything is stale
    assert fold(archive) == 1
    assert archive.scalar(text("select count(*) from core.stale_study")) == 0
    check(archive, 2, questions=60)


CHANGES = {
    "facts withdrawn": "delete from core.fact_reading where {some}",
    "facts added": "delete from core.fact_reading where {some};"
    " insert into core.fact_reading (study_key, report_key, lexicon)"
    " select study_key, report_key, 'new' from core.report where {some};"
    " insert into core.fact (study_key, place, concept, polarity, start, stop, rule)"
    " select study_key, 1, 'mr', 'present', 0, 1, '' from core.report where {some}",
    "facts inherited": "insert into core.fact"
    " (study_key, place, concept, polarity, severity_lo, severity_hi, start, stop, rule, inherited_from)"
    " select study_key, 20, 'tr', 'present', 4, 4, 0, 1, '', study_key from core.fact_reading where {some}",
    "inherited facts corrected": "update core.fact set polarity = 'absent', severity_lo = null, severity_hi = null"
    " where inherited_from is not null and {some}",
    "facts not inherited any more": "delete from core.fact where inherited_from is not null and {some}",
    "measurements believed": "update core.sr_value set trusted = not trusted where {some}",
    "measurements forgotten": "delete from core.sr_value where {some}",
    "attributes corrected": "update core.study set sex = 'F', age = 90, month = 202002 where {some}",
    "a conflict": "update core.study set conflict = not conflict where {some}",
    "withdrawn from the index": "delete from core.study_embedding where {some}",
    "taken into the index": "update core.study_embedding set indexed_gen = 1 where {some}",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_seen_at_once_and_after_folding(archive: Connection, change: str) -> None:
    fold(archive)
    for statement in CHANGES[change].split(";"):
        archive.execute(text(statement.format(some="ascii(right(study_key::text, 1)) % 3 <> 0")))
    archive.commit()
    assert (archive.scalar(text("select count(*) from core.stale_study")) or 0) > 0
    check(archive, 3, questions=12)
    fold(archive)
    check(archive, 3, questions=12)


def test_what_another_encoder_has_is_not_said(archive: Connection) -> None:
    fold(archive)
    mr = [FindingCondition("mr", "present", None)]
    assert answer(archive, 2, mr, []).total == 0
    assert answer(archive, 1, mr, []).total > 0


def test_the_newest_come_first(archive: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    fold(archive)
    monkeypatch.setattr(study_bits, "MONTHS", 1)
    said: Answer = answer(archive, 1, [FindingCondition("mr", "present", None)], [])
    months = {
        row.number: row.month or 0
        for row in archive.execute(text("select number, month from core.study where number is not null"))
    }
    every = newest_stated(archive, said, STUDIES).tolist()
    for limit in (1, 10, said.total - 1):
        found = newest_stated(archive, said, limit).tolist()
        assert (
            sorted((months[one] for one in found), reverse=True)
            == sorted((months[one] for one in every), reverse=True)[:limit]
        )


def test_a_change_is_seen_where_only_the_study_before_has_changed(archive: Connection) -> None:
    fold(archive)
    archive.execute(text("delete from core.fact where study_key in (select study_key from core.study where visit < 3)"))
    archive.execute(text("delete from core.stale_study"))  # what was noted is not what makes it exact
    archive.commit()
    new = [ChangeCondition("mr", "new")]
    studies = {
        row.key: row.number
        for row in archive.execute(
            text("select cast(study_key as text) as key, number from core.study where visit = 3 and not conflict")
        )
        if row.number is not None
    }
    said = answer(archive, 1, new, [])
    rows = verdicts(archive, new, [], [*studies])
    assert told(said, studies) == rows
    assert [*rows.values()].count("stated") > 5


def test_an_answer_among_studies_that_a_condition_on_rows_names(archive: Connection) -> None:
    fold(archive)
    said = answer(archive, 1, [FindingCondition("mr", "present", None)], [])
    old = numbers_meeting(archive, "s.age >= :age", {"age": 65})
    wanted = answer(archive, 1, [FindingCondition("mr", "present", None)], [], Comparison("age", ">=", 65))
    assert 0 < said.among(old).total == wanted.total < said.total
    assert set(newest_stated(archive, said.among(old), STUDIES)) == set(newest_stated(archive, wanted, STUDIES))
    assert said.among(numbers_meeting(archive, "false", {})).total == 0


@pytest.mark.parametrize("concept", ["mr", "rwma", "akinesis", "valve_disease", "ms"])
def test_a_report_that_speaks_of_other_things_does_not_mention_a_finding(archive: Connection, concept: str) -> None:
    family = {concept, *NARROWER.get(concept, ()), *BROADER.get(concept, ())}
    studies = [key(number) for number in range(STUDIES)]
    told: dict[str, set[str]] = {}
    for study, name in archive.execute(text("select cast(study_key as text), concept from core.fact")):
        told.setdefault(study, set()).add(name)
    expected = {study for study, names in told.items() if not names & family}
    assert 0 < len(expected) < len(told) or concept == "ms"
    assert unmentioned(archive, concept, studies) == expected
    assert unmentioned(archive, concept, studies[:10]) == expected & {*studies[:10]}
