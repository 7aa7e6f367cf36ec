"""Snapshots: written once, the same whatever happens after, and every change is named with its cause."""

from __future__ import annotations

import csv
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from echosearch.cohort.definition import define
from echosearch.cohort.run import reading
from echosearch.cohort.snapshot import (
    CHANGE_COLUMNS,
    Difference,
    change_pages,
    checked_snapshot,
    difference,
    freeze,
)
from echosearch.cohort.store import delete_definition, named_definition, save_definition
from echosearch.cohort.table import write_table
from echosearch.db.cohorts.snapshots import Snapshot, frozen_members
from echosearch.errors import ArchiveError, InputError
from echosearch.report.facts import load_lexicon
from tests.cohort.conftest import Ward

MR = "中等度以上のMR"


def frozen(ward: Ward, name: str) -> Snapshot:
    with reading(ward.archive) as connection:
        return freeze(ward.archive, connection, name)[0]


def held(ward: Ward, reference: str) -> set[str]:
    """The names of a snapshot's members; it is checked on the way."""
    name, _, number = reference.partition("@")
    with reading(ward.archive) as connection:
        found = checked_snapshot(connection, name, int(number))
        keys = connection.scalars(text(f"select cast(study_key as text) from ({frozen_members(found.id)}) m"))
        names = {key: one for one, key in ward.keys.items()}
        return {names[key] for key in keys}


def compared(ward: Ward, before: str, after: str | None = None) -> Difference:
    with reading(ward.archive) as connection:
        return difference(ward.archive, connection, before, after)


def why(ward: Ward, found: Difference) -> dict[tuple[str, str], tuple[str, ...]]:
    names = {key: one for one, key in ward.keys.items()}
    return {(one.change, names[one.study]): one.causes for one in found.changes}


@pytest.fixture
def mr(small: Ward) -> Ward:
    small.define("mr", MR)
    assert frozen(small, "mr").reference == "mr@1"
    return small


def test_a_snapshot_is_the_same_after_everything_that_changes_the_archive(mr: Ward) -> None:
    before = checked(mr, "mr")
    mr.report("severe", "MRなし。")
    mr.read("2-later")
    mr.add("new", "G", date(2022, 1, 1), "重度MR。")
    mr.read("2-later")
    mr.sql("update core.study set age = 12, month = 200001 where study_key = :key", key=mr.keys["valve"])
    mr.sql("update core.study_embedding set indexed_gen = null where study_key = :key", key=mr.keys["severe later"])
    assert held(mr, "mr@1") == {"severe", "severe later", "valve"}
    assert checked(mr, "mr") == before
    assert mr.members(define("x", MR, load_lexicon())) == {"valve", "new"}
    with reading(mr.archive) as connection:
        delete_definition(connection, "mr")
    assert held(mr, "mr@1") == {"severe", "severe later", "valve"}


def checked(ward: Ward, name: str) -> Snapshot:
    with reading(ward.archive) as connection:
        return checked_snapshot(connection, name, 1)


def test_the_same_members_and_evidence_give_the_same_digest(mr: Ward) -> None:
    one, two = checked(mr, "mr"), frozen(mr, "mr")
    assert (two.reference, two.digest) == ("mr@2", one.digest)
    mr.report("valve", "高度のMRあり。EF 31%。人工弁あり。")
    mr.read()
    assert frozen(mr, "mr").digest != one.digest


@pytest.mark.parametrize(
    "statement",
    [
        "update core.cohort_snapshot set members = 0",
        "delete from core.cohort_snapshot",
        "update core.cohort_member set age = 1",
        "delete from core.cohort_member where study_key = :key",
        "insert into core.cohort_member (snapshot_id, study_key, patient_key) select snapshot_id, gen_random_uuid(),"
        " patient_key from core.cohort_member limit 1",
    ],
)
def test_postgresql_refuses_every_change_of_a_snapshot(mr: Ward, statement: str) -> None:
    with pytest.raises(DBAPIError, match=r"written once|no more members"):
        mr.sql(statement, **({"key": mr.keys["severe"]} if ":key" in statement else {}))
    assert held(mr, "mr@1") == {"severe", "severe later", "valve"}


@pytest.mark.parametrize(
    "statement",
    [
        "delete from core.cohort_member where age = 66",
        "update core.cohort_member set probability = 0.9 where age = 66",
        "update core.cohort_snapshot set definition = replace(definition, '3', '2')",
    ],
)
def test_an_altered_snapshot_is_refused(mr: Ward, statement: str) -> None:
    with mr.archive.engine.begin() as connection:
        connection.execute(text("set local session_replication_role = replica"))  # the owner, past the triggers
        connection.execute(text(statement))
    with pytest.raises(ArchiveError, match=r"mr@1 was altered: .* SHA-256"):
        checked(mr, "mr")


def test_two_processes_that_freeze_at_once_make_two_snapshots(mr: Ward) -> None:
    with ThreadPoolExecutor(3) as pool:
        made = [*pool.map(lambda _: frozen(mr, "mr").reference, range(3))]
    assert sorted(made) == ["mr@2", "mr@3", "mr@4"]


def test_nothing_changed(mr: Ward) -> None:
    found = compared(mr, "mr")
    assert (found.before, found.after, found.stayed, found.entered, found.left) == ("mr@1", "mr", 3, 0, 0)


def test_every_cause_is_named(mr: Ward) -> None:
    mr.add("new", "G", date(2022, 1, 1), "重度MR。")
    mr.report("none", "重度のMRあり。")  # a changed report
    mr.report("severe", "軽度のMRあり。")
    mr.read()
    mr.sql("update core.study set conflict = true where study_key = :key", key=mr.keys["severe later"])
    found = compared(mr, "mr")
    assert why(mr, found) == {
        ("entered", "new"): ("new study",),
        ("entered", "none"): ("report",),
        ("left", "severe"): ("report",),
        ("left", "severe later"): ("study gone",),
    }
    assert found.causes == {"entered": {"new study": 1, "report": 1}, "left": {"report": 1, "study gone": 1}}
    assert (found.stayed, found.entered, found.left) == (1, 2, 2)
    frozen(mr, "mr")
    again = compared(mr, "mr@1", "mr@2")
    assert why(mr, again) == why(mr, found)
    assert again.after == "mr@2"
    assert (compared(mr, "mr").entered, compared(mr, "mr").left) == (0, 0)


def test_another_lexicon_that_reads_the_same_report_otherwise(mr: Ward) -> None:
    mr.read("2-later")
    for study, polarity in (("severe", "absent"), ("none", "present")):
        mr.sql(
            "update core.fact set polarity = :polarity, severity_lo = 4, severity_hi = 4"
            " where concept = 'mr' and study_key = :key",
            polarity=polarity,
            key=mr.keys[study],
        )
    assert why(mr, compared(mr, "mr")) == {("entered", "none"): ("lexicon",), ("left", "severe"): ("lexicon",)}


def test_a_measurement_that_came(small: Ward) -> None:
    small.define("ef", "EF 40%未満")
    frozen(small, "ef")
    small.measured("no report", "lvef", 25.0, "%")
    assert why(small, compared(small, "ef")) == {("entered", "no report"): ("measurement",)}


def test_a_corrected_age(small: Ward) -> None:
    small.define("old", MR, where="age >= 70")
    frozen(small, "old")
    small.sql("update core.study set age = 17 where study_key = :key", key=small.keys["severe"])
    small.sql("update core.study set age = 77 where study_key = :key", key=small.keys["valve"])
    assert why(small, compared(small, "old")) == {("left", "severe"): ("attributes",), ("entered", "valve"): ("other",)}


def test_another_study_of_the_patient_is_the_first(small: Ward) -> None:
    small.define("first", MR, per_patient="first")
    frozen(small, "first")
    small.add("earlier", "A", date(2018, 1, 1), "高度MRあり。")
    small.read()
    assert why(small, compared(small, "first")) == {
        ("entered", "earlier"): ("new study", "choice"),
        ("left", "severe"): ("choice",),
    }


def test_a_changed_definition_is_told_from_changed_data(mr: Ward) -> None:
    mr.report("severe", "MRなし。")  # would have left by the older definition too
    mr.read()
    with reading(mr.archive) as connection:
        wider = replace(define("mr", "軽度以上のMR、人工弁を除く", load_lexicon()))
        save_definition(mr.archive, connection, wider, replace=True)
    assert why(mr, compared(mr, "mr")) == {
        ("entered", "mild"): ("definition",),
        ("left", "severe"): ("report",),
        ("left", "valve"): ("definition",),
    }
    frozen(mr, "mr")
    assert why(mr, compared(mr, "mr@1", "mr@2"))[("entered", "mild")] == ("definition",)


def test_names(mr: Ward) -> None:
    with reading(mr.archive) as connection:
        with pytest.raises(InputError, match="cohort mr exists"):
            save_definition(mr.archive, connection, define("mr", "MR", load_lexicon()))
        with pytest.raises(InputError, match="no cohort other: there are mr"):
            named_definition(connection, "other")
        with pytest.raises(InputError, match="no frozen cohort mr@7"):
            checked_snapshot(connection, "mr", 7)
        with pytest.raises(InputError, match="NAME@NUMBER"):
            difference(mr.archive, connection, "mr@x")


def test_changes_as_a_table(mr: Ward, tmp_path: Path) -> None:
    mr.add("new", "G", date(2022, 1, 1), "重度MR。")
    mr.read()
    with reading(mr.archive) as connection:
        difference(mr.archive, connection, "mr")
        assert write_table(tmp_path / "c.csv", CHANGE_COLUMNS, change_pages(connection)) == 1
    with (tmp_path / "c.csv").open(encoding="utf-8-sig") as handle:
        (row,) = csv.DictReader(handle)
    assert row == {
        "study": mr.keys["new"],
        "patient": mr.patient("G"),
        "change": "entered",
        "causes": "new study",
    }
