"""Cohorts that ask for one wall of the left ventricle: the count, the file and the table say what a search says."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import pytest

from echosearch.cohort.definition import check_definition, define, window_of
from echosearch.cohort.export import export_cohort
from echosearch.cohort.run import reading
from echosearch.cohort.toml import from_toml, to_toml
from echosearch.db.questions.fact_conditions import verdicts
from echosearch.errors import InputError
from echosearch.report.facts import FindingCondition, load_lexicon
from echosearch.search.question import read_question
from tests.cohort.conftest import Ward

REPORTS = {
    "inferior": "下壁に無収縮あり。僧帽弁逆流あり。",
    "anteroseptal": "前壁中隔は低収縮、下壁は正常。",
    "of RCA": "RCA領域の壁運動異常を認める。",
    "apex alone": "側壁に壁運動異常なし。心尖部は無収縮。",
    "none": "局所壁運動異常なし。",
    "normal": "左室壁運動は正常。",
    "unnamed": "無収縮を認める。",
    "silent": "僧帽弁逆流あり。",
    "graded": "下壁は高度低収縮。",
}
QUERIES = (
    "下壁の壁運動異常",
    "RCA領域の壁運動異常",
    "下壁の無収縮",
    "下壁の高度低収縮",
    "側壁の壁運動異常なし",
    "下壁または心尖部の壁運動異常",
    "心尖部の壁運動異常、側壁の壁運動異常なし",
    "僧帽弁逆流あり、下壁の無収縮を除く",
    "局所壁運動異常",
)


@pytest.fixture
def walled(ward: Ward) -> Ward:
    for name, said in REPORTS.items():
        ward.add(name, name, date(2020, 1, 1), said)
    ward.read()
    return ward


@pytest.mark.parametrize("query", QUERIES)
def test_a_cohort_has_the_studies_that_state_it(walled: Ward, query: str) -> None:
    lexicon = load_lexicon()
    definition = define("walls", query, lexicon)
    assert from_toml(to_toml(definition), "walls") == definition
    question = read_question(query, lexicon)
    with walled.archive.engine.connect() as connection:
        found = verdicts(connection, question.required, question.excluded, [*walled.keys.values()])
    stated = {name for name, key in walled.keys.items() if found[key] == "stated"}
    assert stated
    assert walled.members(definition) == stated


def test_a_window_names_a_wall(ward: Ward) -> None:
    lexicon = load_lexicon()
    for patient, later in (("one", "下壁に無収縮あり。"), ("two", "前壁に無収縮あり。")):
        ward.add(patient, patient, date(2020, 1, 1), "僧帽弁逆流あり。")
        ward.add(f"{patient} later", patient, date(2020, 2, 1), later)
    ward.read()
    window = window_of("90 days: 下壁の無収縮", lexicon, "after", absent=False)
    assert ward.members(define("walls", "僧帽弁逆流あり", lexicon, windows=[window])) == {"one"}


def test_a_wall_that_is_none_is_refused() -> None:
    lexicon = load_lexicon()
    made = to_toml(define("walls", "下壁の無収縮", lexicon))
    for wrong in ("akinesis.superior", "mr.inferior", "akinesis.unnamed"):
        with pytest.raises(InputError, match="no finding of the lexicon"):
            check_definition(from_toml(made.replace("akinesis.inferior", wrong), "walls"), lexicon)


def test_a_table_has_a_column_of_the_wall(walled: Ward, tmp_path: Path) -> None:
    walled.define("walls", "下壁または心尖部の壁運動異常")
    with reading(walled.archive) as connection:
        export_cohort(walled.archive, connection, "walls", tmp_path / "a.csv", also=["akinesis.inferior"])
    with (tmp_path / "a.csv").open(encoding="utf-8-sig", newline="") as handle:
        rows = {row["study"]: row for row in csv.DictReader(handle)}
    inferior, apex = (rows[walled.keys[name]] for name in ("inferior", "apex alone"))
    assert (inferior["akinesis.inferior"], inferior["facts"]) == ("present", "akinesis present (inferior)")
    assert apex["akinesis.inferior"] == ""
    assert "akinesis present (apex)" in apex["facts"]


@pytest.mark.parametrize("query", ["下壁の壁運動異常", "側壁の壁運動異常なし", "局所壁運動異常", "MRなし", "MR"])
def test_every_member_has_what_was_asked_in_its_column(walled: Ward, tmp_path: Path, query: str) -> None:
    """An akinesis is an abnormality of wall motion, 左室壁運動は正常 denies that of each wall, 弁膜症なし denies MR."""
    walled.add("no valve disease", "V", date(2020, 1, 1), "弁膜症なし。")
    walled.read()
    walled.define("asked", query)
    with reading(walled.archive) as connection:
        export_cohort(walled.archive, connection, "asked", tmp_path / "a.csv")
    (condition,) = read_question(query, load_lexicon()).required
    assert isinstance(condition, FindingCondition)
    with (tmp_path / "a.csv").open(encoding="utf-8-sig", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert {row[condition.concept] for row in rows} == {condition.polarity}
    assert all(row["facts"] for row in rows)
