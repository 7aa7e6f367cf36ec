"""A table in a wrong encoding does not take the place of good reports: it stops, and nothing of it stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from echosearch.errors import TableError
from ingest.csv_tables import stage_report_table
from tests.db.conftest import KEYRING, Ledger, header

GOOD = [f"重度の僧帽弁逆流を認める。EF {number}%" for number in range(10)]


@pytest.fixture
def archive(ledger: Ledger) -> Ledger:
    ledger.store(*(header(f"{n}.1", study=f"1.{n}", patient=f"P{n}", accession_number=f"A{n}") for n in range(10)))
    return ledger


def stage(engine: Engine, path: Path, texts: list[str], by_uid: bool = True, replace: bool = False) -> int:
    columns = "study_uid,report_text" if by_uid else "accession_number,patient_id,report_text"
    names = [f"1.{n}" if by_uid else f"A{n},P{n}" for n in range(len(texts))]
    path.write_text("\n".join([columns, *map(",".join, zip(names, texts, strict=True))]), encoding="utf-8")
    with engine.begin() as connection:
        return stage_report_table(connection, KEYRING, path, replace_texts=replace).new


def stored(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(text("select count(*) from phi.report")) or 0)


def garbage(good: str) -> str:
    return good.encode("iso2022_jp").decode("ascii").replace("\x1b", "")


@pytest.mark.parametrize("by_uid", [True, False])  # the same study by other identifiers is the same report
@pytest.mark.parametrize("many", [10, 1])
def test_garbage_stops_the_ingest(engine: Engine, archive: Ledger, tmp_path: Path, by_uid: bool, many: int) -> None:
    assert stage(engine, tmp_path / "good.csv", GOOD) == 10
    bad = [garbage(one) for one in GOOD[:many]] + [f"{one}。経過良好" for one in GOOD[many:]]
    with pytest.raises(TableError, match=rf"{many} of the 10 report texts.*--replace") as caught:
        stage(engine, tmp_path / "bad.csv", bad, by_uid)
    assert "僧帽弁" not in str(caught.value)
    assert stored(engine) == 10
    assert stage(engine, tmp_path / "bad.csv", bad, by_uid, replace=True) == 10
    assert stored(engine) == 20


def test_reports_whose_studies_have_not_come_are_kept_too(engine: Engine, ledger: Ledger, tmp_path: Path) -> None:
    stage(engine, tmp_path / "good.csv", GOOD)
    with pytest.raises(TableError, match="10 of the 10"):
        stage(engine, tmp_path / "bad.csv", ["?" * 20] * 10)


def test_new_wordings_and_first_reports_pass(engine: Engine, archive: Ledger, tmp_path: Path) -> None:
    assert stage(engine, tmp_path / "first.csv", ["x"] * 10) == 10  # nothing is replaced
    assert stage(engine, tmp_path / "good.csv", GOOD) == 10
    assert stage(engine, tmp_path / "again.csv", GOOD) == 0
    assert stage(engine, tmp_path / "other.csv", [*(["severe MR"] * 5), *(["取消"] * 5)]) == 10
