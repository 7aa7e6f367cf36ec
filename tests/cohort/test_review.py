"""Reviews: answers are added and kept, the last counts, and agreement and precision are those of textbooks."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyarrow import parquet
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from echosearch.cohort.agreement import agreement, wilson
from echosearch.cohort.review import export_reviews, record, review_report, sample
from echosearch.cohort.run import reading
from echosearch.cohort.verdicts import read_verdicts
from echosearch.db.cohorts.reviews import ReviewRow, last_answers
from echosearch.errors import ConfigError, InputError, UnknownStudy
from tests.cohort.conftest import Ward


def test_kappa_of_a_textbook() -> None:
    """Two doctors, 50 proposals, yes/no: 20 both yes, 15 both no, 5 and 10 disagree: kappa 0.4."""
    answers = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    found = agreement("a", "b", answers)
    assert (found.studies, found.agreed) == (50, 35)
    assert found.kappa == pytest.approx(0.4)
    assert found.low == pytest.approx(0.1510, abs=5e-4)  # standard error 0.12706
    assert found.high == pytest.approx(0.6490, abs=5e-4)
    assert agreement("a", "b", [("y", "y")] * 9).kappa is None
    assert agreement("a", "b", []).kappa is None
    perfect = agreement("a", "b", [("y", "y")] * 5 + [("n", "n")] * 5)
    assert (perfect.kappa, perfect.low, perfect.high) == (1.0, 1.0, 1.0)


def test_wilson_by_hand() -> None:
    found = wilson(8, 10)
    assert (found.share, found.low, found.high) == pytest.approx((0.8, 0.4902, 0.9433), abs=1e-4)
    assert wilson(0, 0).share is None
    assert wilson(0, 5).low == 0.0
    assert wilson(5, 5).high == 1.0


@pytest.fixture
def mr(small: Ward) -> Ward:
    small.define("mr", "中等度以上のMR")
    return small


def put(ward: Ward, *rows: tuple[str, str, str, str]) -> None:
    with reading(ward.archive) as connection:
        made = [ReviewRow(ward.keys[study], reader, answer, reason) for study, reader, answer, reason in rows]  # type: ignore[arg-type]
        assert record(ward.archive, connection, "mr", made) == len(rows)


def test_answers_are_kept_and_the_last_counts(mr: Ward) -> None:
    put(mr, ("severe", "sato", "reject", "TR ではないか"), ("valve", "sato", "accept", ""))
    put(mr, ("severe", "sato", "accept", "見直した"), ("severe", "suzuki", "unsure", ""))
    with reading(mr.archive) as connection:
        assert connection.scalar(text("select count(*) from core.review")) == 4
        names = {key: name for name, key in mr.keys.items()}
        found = {(names[r.study], r.reader): (r.answer, r.reason) for r in last_answers(connection, "cohort/mr", True)}
    assert found == {
        ("severe", "sato"): ("accept", "見直した"),
        ("severe", "suzuki"): ("unsure", ""),
        ("valve", "sato"): ("accept", ""),
    }
    for statement in ("update core.review set answer = 'reject'", "delete from core.review", "delete from phi.review"):
        with pytest.raises(DBAPIError, match="written once"):
            mr.sql(statement)


def test_a_report_of_two_readers(mr: Ward) -> None:
    put(
        mr,
        *(("severe", who, "accept", "") for who in ("sato", "suzuki")),
        *(("severe later", who, answer, "") for who, answer in (("sato", "accept"), ("suzuki", "reject"))),
        *(("valve", who, "reject", "") for who in ("sato", "suzuki")),
    )
    with reading(mr.archive) as connection:
        found = review_report(connection, "mr")
    assert (found.studies, found.disputed, found.unsure) == (3, 1, 0)
    assert (found.precision.count, found.precision.of) == (1, 2)
    (pair,) = found.agreements
    assert (pair.one, pair.other, pair.studies, pair.agreed) == ("sato", "suzuki", 3, 2)
    assert pair.kappa == pytest.approx(0.4)  # observed 2/3, expected 4/9
    assert found.readers["suzuki"] == {"accept": 1, "reject": 2, "unsure": 0}


def test_a_sample_is_what_a_reader_has_not_answered_in_one_order(mr: Ward) -> None:
    with reading(mr.archive) as connection:
        first = sample(mr.archive, connection, "mr", "sato", 2)
        assert sample(mr.archive, connection, "mr", "suzuki", 2).studies == first.studies
        everything = sample(mr.archive, connection, "mr", "sato", 9).studies
    assert {name for name, key in mr.keys.items() if key in everything} == {"severe", "severe later", "valve"}
    assert everything[:2] == first.studies
    assert {fact.concept for fact in first.facts[first.studies[0]]} >= {"mr"}
    put(mr, *((name, "sato", "accept", "") for name, key in mr.keys.items() if key in first.studies))
    with reading(mr.archive) as connection:
        assert sample(mr.archive, connection, "mr", "sato", 9).studies == everything[2:]


def test_a_study_that_is_no_member_is_refused(mr: Ward) -> None:
    with pytest.raises(InputError, match="is no member of the cohort mr"):
        put(mr, ("mild", "sato", "accept", ""))
    with reading(mr.archive) as connection, pytest.raises(UnknownStudy):
        record(mr.archive, connection, "mr", [ReviewRow("nothing", "sato", "accept")])
    with reading(mr.archive) as connection, pytest.raises(InputError, match="give a name"):
        record(mr.archive, connection, "mr", [ReviewRow(mr.keys["severe"], " ", "accept")])


def test_a_reason_is_kept_from_roles_without_phi(mr: Ward) -> None:
    put(mr, ("severe", "sato", "accept", "CANARY"))
    with reading(mr.archive) as connection:
        connection.execute(text("create role es_reviewer; grant usage on schema core to es_reviewer"))
        connection.execute(text("grant select, insert on all tables in schema core to es_reviewer"))
        connection.execute(text("set local role es_reviewer"))
        assert [row.reason for row in last_answers(connection, "cohort/mr")] == [""]
        with pytest.raises(ConfigError, match="permission denied for schema phi"):
            [*last_answers(connection, "cohort/mr", reasons=True)]
        connection.rollback()


def test_a_table_of_answers(mr: Ward, tmp_path: Path) -> None:
    file = tmp_path / "v.csv"
    file.write_text(f"study,answer,reason\n{mr.keys['severe'][:8]},Accept,理由\n{mr.keys['valve']},reject,\n", "utf-8")
    rows = list(read_verdicts(file, "sato"))
    assert [(row.answer, row.reader, row.reason) for row in rows] == [
        ("accept", "sato", "理由"),
        ("reject", "sato", ""),
    ]
    with reading(mr.archive) as connection:
        assert record(mr.archive, connection, "mr", rows) == 2
        assert export_reviews(connection, "mr", tmp_path / "out.parquet") == 2
    written = parquet.read_table(tmp_path / "out.parquet").to_pylist()
    assert {(row["study"], row["answer"]) for row in written} == {
        (mr.keys["severe"], "accept"),
        (mr.keys["valve"], "reject"),
    }
    assert '"concept": "mr"' in written[0]["question"]
    assert "理由" not in str(written)
