"""Reports are linked by identifiers, never by a guess."""

from __future__ import annotations

import random
from datetime import date

import numpy as np
import pytest
from sqlalchemy import Engine, select, text

from echosearch.db.files.status import link_problems
from echosearch.db.schema.tables import Outbox, Report
from echosearch.db.studies.reports import (
    IncomingReport,
    LinkCounts,
    link_reports,
    reports_to_encode,
    stage_reports,
    superseded,
    texts_to_encode,
)
from echosearch.db.vectors.write import put_report_vectors, withdraw_reports
from tests.db.conftest import KEYRING, Ledger, header

DAY = date(2024, 3, 14)


def link(
    engine: Engine, *reports: IncomingReport
) -> tuple[LinkCounts, list[tuple[str | None, str | None, str | None]]]:
    with engine.begin() as connection:
        stage_reports(connection, KEYRING, reports)
        counts = link_reports(connection)
        rows = connection.execute(
            select(Report.study_key, Report.link_method, Report.link_problem).order_by(Report.seq)
        )
        return counts, [(row.study_key, row.link_method, row.link_problem) for row in rows]


@pytest.fixture
def archive(ledger: Ledger) -> Ledger:
    """Patient 0007: two studies on one day, told apart by accession; patient 0008: one, without accession."""
    ledger.store(
        header("1.1", study="1", accession_number="A1"),
        header("2.1", study="2", accession_number="A2"),
        header("3.1", study="3", patient="0008"),
    )
    return ledger


def test_a_report_that_has_a_later_one_is_counted(engine: Engine, archive: Ledger) -> None:
    first = IncomingReport("重度の僧帽弁逆流", study_uid="1")
    counts, _ = link(
        engine, first, IncomingReport("追記: 心嚢液なし", study_uid="1"), IncomingReport("r", study_uid="3")
    )
    assert (counts.linked, counts.superseded) == (3, 1)
    counts, _ = link(engine, IncomingReport("r", accession_number="A1", patient_id="0007"), IncomingReport("r"))
    assert (counts.linked, counts.superseded) == (4, 2)


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (IncomingReport("r", study_uid="1"), ("1", "study_uid")),
        (IncomingReport("r", study_uid="1", patient_id="0007", accession_number="A2"), ("1", "study_uid")),
        (IncomingReport("r", accession_number="A2", patient_id="0007"), ("2", "accession_patient")),
        (IncomingReport("r", patient_id="0008", study_date=DAY), ("3", "patient_date")),
        (IncomingReport("r", patient_id="0008", study_date=DAY, accession_number="A9"), ("3", "patient_date")),
    ],
)
def test_links(engine: Engine, archive: Ledger, report: IncomingReport, expected: tuple[str, str]) -> None:
    _, rows = link(engine, report)
    assert rows == [(KEYRING.study(expected[0]), expected[1], None)]


def test_of_several_versions_the_one_that_came_last_is_served(engine: Engine, archive: Ledger) -> None:
    """Also where it had come before, and whatever stands in one table with it."""

    def served(*texts: str) -> str:
        link(engine, *(IncomingReport(text, study_uid="1") for text in texts))
        with engine.connect() as connection:
            (found,) = texts_to_encode(
                connection, archive.encoder_id, reports_to_encode(connection, archive.encoder_id)
            )
        return found.text

    assert served("old") == "old"
    assert served("new") == "new"
    assert served("old") == "old"
    assert served("old", "new") == "new"
    assert served("old", "new") == "new"  # the same table again
    assert served("new", "old", "new") == "new"
    assert served("old", "new", "old") == "old"


@pytest.mark.parametrize(
    ("report", "problem"),
    [
        (IncomingReport("r", study_uid="77"), "unmatched"),
        (IncomingReport("r", study_uid="77", accession_number="A1", patient_id="0007"), "unmatched"),  # says another
        (IncomingReport("r", study_uid="1", patient_id="0008"), "conflict"),
        (IncomingReport("r", patient_id="0007", study_date=DAY), "ambiguous"),
        (IncomingReport("r", patient_id="7", study_date=DAY), "unmatched"),  # leading zeros count
        (IncomingReport("r", accession_number="A1", patient_id="0008"), "unmatched"),
        (IncomingReport("r", accession_number="A1"), "unmatched"),
        (IncomingReport("r", patient_id="0007", study_date=DAY, accession_number="A9"), "unmatched"),
        (IncomingReport("r", patient_id="0008", study_date=date(2024, 3, 15)), "unmatched"),
    ],
)
def test_does_not_guess(engine: Engine, archive: Ledger, report: IncomingReport, problem: str) -> None:
    counts, rows = link(engine, report)
    assert rows == [(None, None, problem)]
    assert counts.linked == 0


def test_problems_are_listed_with_identifiers_only_when_asked(engine: Engine, archive: Ledger) -> None:
    link(engine, IncomingReport("r", patient_id="0007", study_date=DAY))
    with engine.connect() as connection:
        (plain,) = link_problems(connection)
        (full,) = link_problems(connection, identified=True)
    assert (plain.problem, plain.patient_id) == ("ambiguous", None)
    assert (full.patient_id, full.study_date) == ("0007", "2024-03-14")


def test_a_report_waits_for_its_study(engine: Engine, ledger: Ledger) -> None:
    report = IncomingReport("r", study_uid="5")
    assert link(engine, report)[1] == [(None, None, "unmatched")]
    ledger.store(header("5.1", study="5"))
    assert link(engine, report)[1] == [(KEYRING.study("5"), "study_uid", None)]


def test_a_second_study_of_the_day_undoes_a_link_by_date(engine: Engine, archive: Ledger) -> None:
    """The order of arrival must not decide: with both studies here, the report was never certain."""
    report = IncomingReport("r", patient_id="0008", study_date=DAY)
    assert link(engine, report)[0].linked == 1
    archive.store(header("4.1", study="4", patient="0008"))
    assert link(engine, report)[1] == [(None, None, "ambiguous")]


def test_the_last_version_is_served_and_the_others_withdrawn(engine: Engine, archive: Ledger) -> None:
    def serve() -> list[str]:
        with engine.begin() as connection:
            withdraw_reports(connection, archive.encoder_id, superseded(connection, archive.encoder_id))
            texts = texts_to_encode(connection, archive.encoder_id, reports_to_encode(connection, archive.encoder_id))
            vector = np.ones(8, np.float32)
            put_report_vectors(connection, archive.encoder_id, [(text.report_key, vector) for text in texts])
            return [text.text for text in texts]

    link(engine, IncomingReport("旧", study_uid="1"))
    assert serve() == ["旧"]
    link(engine, IncomingReport("旧", study_uid="1"), IncomingReport("新", study_uid="1"))
    assert serve() == ["新"]
    assert serve() == []
    with engine.connect() as connection:
        ops = [row.op for row in connection.execute(select(Outbox.op).where(Outbox.collection == "reports"))]
    assert sorted(ops) == ["delete", "upsert"]


FIELDS = ("study_uid", "accession_number", "patient_id")


def relinked(engine: Engine) -> list[tuple[object, ...]]:
    """What linking every report anew would give; rolled back."""
    with engine.connect() as connection:
        connection.execute(text("update core.report set link_due = true"))
        link_reports(connection)
        rows = connection.execute(LINKS).all()
        connection.rollback()
    return [tuple(row) for row in rows]


LINKS = text("select report_key, study_key, link_method, link_problem from core.report order by report_key")


@pytest.mark.parametrize("seed", range(6))
def test_only_what_changed_is_linked_and_the_result_is_that_of_linking_all(
    engine: Engine, archive: Ledger, seed: int
) -> None:
    """Files and reports come, change and go in any order: studies, patients, accession numbers, dates."""
    rng = random.Random(seed)
    names = iter(range(10_000))
    linked = 0
    for _ in range(12):
        for _ in range(rng.randrange(3)):
            given = {field: str(rng.randrange(1, 5)) for field in FIELDS if rng.random() < 0.6}
            day = DAY.replace(day=rng.randrange(14, 17)) if rng.random() < 0.6 else None
            with engine.begin() as connection:
                one = IncomingReport(f"r{next(names)}", **given, study_date=day)
                stage_reports(connection, KEYRING, [one])
        for _ in range(rng.randrange(3)):
            study = rng.randrange(1, 5)
            archive.store(
                header(
                    f"{study}.{rng.randrange(3)}",
                    study=str(study),
                    patient=str(rng.choice((1 + study // 2, rng.randrange(1, 5)))),
                    accession_number=rng.choice(("", str(rng.randrange(1, 5)))),
                    study_date=DAY.replace(day=rng.randrange(14, 17)),
                )
            )
        if rng.random() < 0.4:  # a file that is another's now, or none
            with engine.begin() as connection:
                chosen = connection.scalar(text("select id from core.source_file order by random() limit 1"))
                other = rng.choice((None, KEYRING.video(f"{rng.randrange(1, 5)}.{rng.randrange(3)}")))
                connection.execute(
                    text("update core.source_file set video_key = :video where id = :id"),
                    {"video": other, "id": chosen},
                )
        with engine.begin() as connection:
            link_reports(connection)
        with engine.connect() as connection:
            found = [tuple(row) for row in connection.execute(LINKS).all()]
            assert connection.scalar(text("select count(*) from core.stale_link")) == 0
        assert found == relinked(engine)
        linked += sum(row[1] is not None for row in found)
    assert linked
